import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import type { SenderState } from "./sender_state.ts";

/** What the disk tells about itself. */
export interface DiskReadings {
  readonly bytes: number;
  /** What the files may take together. */
  readonly bytesMax: number;
  readonly condition: string;
  readonly failures: number;
  readonly cutBytes: number;
}

/** Shows the sender's own counts as metrics; they are read when somebody asks for them. */
export function registerSenderMetrics(registry: Registry, state: SenderState, disk: DiskReadings | null): void {
  const registers = [registry];
  const { spool } = state;
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const prefix = "bcs_metric_collector";
  gauge(
    `${prefix}_unacknowledged_records`,
    "Records held until the exporter acknowledges them.",
    () => spool.books.unacknowledged.records,
  );
  gauge(
    `${prefix}_unacknowledged_bytes`,
    "Memory of the spool: records and the shapes they share.",
    () => state.runs.reduce((sum, run) => sum + run.spool.bytes, 0),
  );
  gauge(`${prefix}_spool_memory_limit_bytes`, "Memory that the spool may take.", () => state.config.budgetBytes);
  gauge(
    `${prefix}_spool_disk_records`,
    "Records held on disk only.",
    () => state.runs.reduce((sum, run) => sum + run.spool.onDisk.records, 0),
  );
  gauge(`${prefix}_spool_disk_bytes`, "Bytes of the spool's files.", () => disk?.bytes ?? 0);
  gauge(
    `${prefix}_spool_disk_limit_bytes`,
    "Bytes that the spool's files may take; 0: there is no disk.",
    () => disk?.bytesMax ?? 0,
  );
  gauge(
    `${prefix}_spool_disk_ok`,
    "1 while the spool's disk takes records, 0 while they are in memory only.",
    () => disk === null || disk.condition !== "good" ? 0 : 1,
  );
  counter(`${prefix}_spool_disk_failures_total`, "Writes to the spool's disk that failed.", () => disk?.failures ?? 0);
  counter(
    `${prefix}_spool_cut_bytes_total`,
    "Bytes at the ends of earlier starts that were no whole record, and passed over.",
    () => disk?.cutBytes ?? 0,
  );
  counter(
    `${prefix}_recovered_records_total`,
    "Records that earlier starts have left on disk.",
    () => spool.books.recovered.records,
  );
  counter(`${prefix}_made_records_total`, "Records that this start has numbered.", () => spool.books.made.records);
  counter(
    `${prefix}_sent_frames_total`,
    "Frames of records, losses and shapes written, repeats included.",
    () => state.sentFrames,
  );
  counter(`${prefix}_sent_bytes_total`, "Bytes of these frames.", () => state.sentBytes);
  gauge(
    `${prefix}_base_bytes`,
    "Memory of the last values that scrapes are coded against on their way to the exporter.",
    () => state.link.phase === "streaming" ? state.link.coding?.bytes ?? 0 : 0,
  );
  counter(
    `${prefix}_acknowledged_records_total`,
    "Records that an exporter has made durable.",
    () => spool.books.acknowledged.records,
  );
  counter(`${prefix}_reconnects_total`, "Sessions that were opened after the first.", () => reconnects(state));
  new Counter({
    name: `${prefix}_lost_records_total`,
    help: "Records that were dropped and declared lost to the exporter.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, { records }] of spool.books.lost) this.inc({ reason }, records);
    },
  });
}

/** Sessions that were opened after the first. */
export function reconnects(state: SenderState): number {
  return Math.max(0, state.sessions - 1);
}
