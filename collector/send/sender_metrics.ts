import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import type { SenderState } from "./sender_state.ts";

/** Shows the sender's own counts as metrics; they are read when somebody asks for them. */
export function registerSenderMetrics(registry: Registry, state: SenderState): void {
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
    () => spool.unacknowledged.records,
  );
  gauge(`${prefix}_unacknowledged_bytes`, "Memory of the spool: records and the shapes they share.", () => spool.bytes);
  counter(
    `${prefix}_sent_frames_total`,
    "Frames of records, losses and shapes written, repeats included.",
    () => state.sentFrames,
  );
  counter(
    `${prefix}_acknowledged_records_total`,
    "Records that an exporter has made durable.",
    () => spool.acknowledged.records,
  );
  counter(`${prefix}_reconnects_total`, "Sessions that were opened after the first.", () => reconnects(state));
  new Counter({
    name: `${prefix}_lost_records_total`,
    help: "Records that were dropped and declared lost to the exporter.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, { records }] of spool.lost) this.inc({ reason }, records);
    },
  });
}

/** Sessions that were opened after the first. */
export function reconnects(state: SenderState): number {
  return Math.max(0, state.sessions - 1);
}
