/** What the status line shows; every count is since the start of its process. */
export interface SystemStatus {
  readonly targets: { readonly up: number; readonly down: number; readonly unknown: number };
  /** What keeps configuration files from being in force as they stand, each with its place. */
  readonly problems: readonly string[];
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

/** The rate of a growing count over the last seconds, so that scrapes which come in bursts give a steady figure. */
export class RateWindow {
  readonly #windowMs: number;
  #looks: { readonly atMs: number; readonly count: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Notes the count at a time and returns its growth per second; a count that falls (a restart) begins anew. */
  perSecond(count: number, atMs: number): number {
    if (count < (this.#looks.at(-1)?.count ?? 0)) this.#looks = [];
    this.#looks.push({ atMs, count });
    while ((this.#looks[1]?.atMs ?? Infinity) <= atMs - this.#windowMs) this.#looks.shift();
    const [first] = this.#looks;
    if (first === undefined || first.atMs === atMs) return 0;
    return (count - first.count) * 1000 / (atMs - first.atMs);
  }
}

/** One line, such as `targets 4 up 0 down | 120.0 samples/s | 0 unacknowledged | file 3600 delivered`. */
export function renderStatus(status: SystemStatus, perSecond: number): string {
  const { up, down, unknown } = status.targets;
  return [
    `targets ${up} up ${down} down${pending(unknown)}`,
    `${perSecond.toFixed(1)} samples/s`,
    `${status.unacknowledgedRecords} unacknowledged`,
    ...status.sinks.map(renderSink),
    ...renderProblems(status.problems),
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

function renderProblems([first, ...others]: readonly string[]): string[] {
  if (first === undefined) return [];
  return [others.length === 0 ? first : `${first} (and ${others.length} more in /v1/status)`];
}

function pending(unknown: number): string {
  return unknown > 0 ? ` ${unknown} pending` : "";
}

function renderSink(sink: SinkStatus): string {
  const rejected = sink.rejectedSamples > 0 ? ` ${sink.rejectedSamples} rejected` : "";
  const failing = sink.lastError === null ? "" : ` (${sink.lastError})`;
  return `${sink.name} ${sink.deliveredSamples} delivered${rejected}${failing}`;
}
