/** What the status line shows; every count is since the start of its process. */
export interface SystemStatus {
  readonly targets: { readonly up: number; readonly down: number; readonly unknown: number };
  /** Configuration files that are not in force as they stand. */
  readonly problems: number;
  /** Records that collectors hold because no exporter has acknowledged them yet. */
  readonly unacknowledgedRecords: number;
  readonly receivedSamples: number;
  readonly sinks: readonly SinkStatus[];
}

export interface SinkStatus {
  readonly name: string;
  readonly deliveredSamples: number;
  readonly rejectedSamples: number;
  readonly lostRecords: number;
  readonly lastError: string | null;
}

/** Samples that reached the exporter per second between two looks at it. */
export function samplesPerSecond(before: SystemStatus, now: SystemStatus, elapsedMs: number): number {
  if (elapsedMs <= 0) return 0;
  return Math.max(0, now.receivedSamples - before.receivedSamples) * 1000 / elapsedMs;
}

/** One line, such as `targets 4 up 0 down | 120.0 samples/s | 0 unacknowledged | file 3600 delivered`. */
export function renderStatus(status: SystemStatus, perSecond: number): string {
  const { up, down, unknown } = status.targets;
  return [
    `targets ${up} up ${down} down${pending(unknown)}`,
    `${perSecond.toFixed(1)} samples/s`,
    `${status.unacknowledgedRecords} unacknowledged`,
    ...status.sinks.map(renderSink),
    ...(status.problems > 0 ? [`${status.problems} configuration problems: see the service's log`] : []),
  ].join(" | ");
}

/** What a run has done, a line each. */
export function renderSummary(status: SystemStatus): string {
  return [
    `targets    ${status.targets.up} up, ${status.targets.down} down`,
    `received   ${status.receivedSamples} samples, acknowledged after fsync`,
    ...status.sinks.map((sink) =>
      `${sink.name.padEnd(10)} ${sink.deliveredSamples} samples delivered, ${sink.rejectedSamples} rejected, `
      + `${sink.lostRecords} records declared lost`
    ),
  ].join("\n");
}

function pending(unknown: number): string {
  return unknown > 0 ? ` ${unknown} pending` : "";
}

function renderSink(sink: SinkStatus): string {
  const rejected = sink.rejectedSamples > 0 ? ` ${sink.rejectedSamples} rejected` : "";
  const failing = sink.lastError === null ? "" : ` (${sink.lastError})`;
  return `${sink.name} ${sink.deliveredSamples} delivered${rejected}${failing}`;
}
