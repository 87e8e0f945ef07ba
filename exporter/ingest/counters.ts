import { FrameType } from "../../core/protocol/frame.ts";
import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import type { WalRecord } from "../wal/wal.ts";
import { type CloseReason, otherCloseReasons, protocolErrorReasons } from "./session_state.ts";

const frameTypeNames = new Map(Object.entries(FrameType).map(([name, type]) => [type as number, name]));

/**
 * What the ingest has counted since its start. Plain numbers, since they change with every frame; the metrics read
 * them when they are asked for.
 */
export class IngestCounters {
  connections = 0;
  bytes = 0;
  samples = 0;
  /** Duplicates of what was taken before: sent again after a resume. */
  duplicates = 0;
  /** Records discarded because an earlier one has to come again. They come again as well. */
  rewound = 0;
  /** Records, and samples in them, that collectors have declared lost. */
  lostRecords = 0;
  lostSamples = 0;
  /** Records that were not their sender's. */
  forged = 0;
  // All labels are there from the start, with 0: a counter that appears with its first event hides it from rate().
  readonly frames = zeros([...frameTypeNames.values(), "other"]);
  readonly records = zeros<WalRecord["kind"]>(["scrapes", "opaque", "lost"]);
  readonly closed = zeros<CloseReason>([...protocolErrorReasons, ...otherCloseReasons]);

  countFrame(type: number): void {
    increment(this.frames, frameTypeNames.get(type) ?? "other");
  }
}

function zeros<Key>(keys: readonly Key[]): Map<Key, number> {
  return new Map(keys.map((key) => [key, 0]));
}

export function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** What the metrics show besides the counters. */
export interface IngestGauges {
  readonly openConnections: number;
  readonly sessions: number;
  readonly unacknowledgedBytes: number;
  readonly heldBytes: number;
  readonly windowBytes: number;
  readonly baseBytes: number;
  readonly paused: boolean;
  readonly draining: boolean;
}

/** Registers the ingest's metrics, `bcs_metric_exporter_…`. */
export function registerIngestMetrics(metrics: Registry, counters: IngestCounters, gauges: () => IngestGauges): void {
  const count = (name: string, help: string, read: () => number) => addCounter(metrics, name, help, read);
  count("connections_total", "Connections accepted.", () => counters.connections);
  count("received_bytes_total", "Bytes received.", () => counters.bytes);
  count("received_samples_total", "Samples taken.", () => counters.samples);
  count("duplicate_records_total", "Records skipped as they were taken before.", () => counters.duplicates);
  count("rewound_records_total", "Records discarded until an earlier one comes again.", () => counters.rewound);
  count("forged_records_total", "Records refused as they are not their sender's.", () => counters.forged);
  count("declared_lost_records_total", "Records that collectors declared lost.", () => counters.lostRecords);
  count("declared_lost_samples_total", "Samples that collectors declared lost.", () => counters.lostSamples);
  addLabelledCounter(metrics, "received_frames_total", "Frames received, by type.", "type", counters.frames);
  addLabelledCounter(metrics, "received_records_total", "Records taken, by kind.", "kind", counters.records);
  addLabelledCounter(metrics, "connections_closed_total", "Connections ended, by reason.", "reason", counters.closed);
  const gauge = (name: string, help: string, read: (now: IngestGauges) => number) =>
    addGauge(metrics, name, help, () => read(gauges()));
  gauge("connections", "Open connections.", (now) => now.openConnections);
  gauge("sessions", "Open connections of collectors.", (now) => now.sessions);
  gauge("unacknowledged_bytes", "Bytes taken and not yet acknowledged.", (now) => now.unacknowledgedBytes);
  gauge("incomplete_frame_bytes", "Bytes held of incomplete frames.", (now) => now.heldBytes);
  gauge("window_bytes", "Sum of the windows of all sessions.", (now) => now.windowBytes);
  gauge("base_bytes", "Memory of the last values that coded scrapes refer to.", (now) => now.baseBytes);
  gauge("ingest_paused", "1 while nothing is read because the log is behind.", (now) => now.paused ? 1 : 0);
  gauge(
    "draining",
    "1 while nothing more is taken: at the end, or after the log has failed.",
    (now) => now.draining ? 1 : 0,
  );
}

const prefix = "bcs_metric_exporter_";

function addCounter(metrics: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name: prefix + name,
    help,
    registers: [metrics],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function addLabelledCounter(
  metrics: Registry,
  name: string,
  help: string,
  label: string,
  counts: ReadonlyMap<string, number>,
): void {
  new Counter({
    name: prefix + name,
    help,
    labelNames: [label],
    registers: [metrics],
    collect() {
      this.reset();
      for (const [value, count] of counts) this.inc({ [label]: value }, count);
    },
  });
}

function addGauge(metrics: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: prefix + name,
    help,
    registers: [metrics],
    collect() {
      this.set(read());
    },
  });
}
