import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import type { CursorCounts } from "./cursor.ts";

/** What the metrics of one sink are taken from when they are scraped. */
export interface SinkMeasures {
  readonly name: string;
  readonly counts: Readonly<CursorCounts>;
  readonly lagBytes: number;
  /** Failed attempts since the last success. */
  readonly attempts: number;
}

const counters: readonly (readonly [keyof CursorCounts, string, string])[] = [
  ["deliveredSamples", "delivered_samples", "Samples that the destination has taken."],
  ["deliveredRecords", "delivered_records", "Scrapes and opaque records that the destination has taken."],
  ["notCarriedRecords", "not_carried_records", "Opaque records that this kind of sink cannot carry."],
  ["retries", "retries", "Deliveries that failed and are tried again."],
  ["rejectedSamples", "rejected_samples", "Samples that the destination refused for good; see the dead letters."],
  ["rejectedRecords", "rejected_records", "Scrapes and opaque records that the destination refused for good."],
  [
    "deadLettersDropped",
    "dead_letters_dropped",
    "Rejected samples and records that the dead-letter file did not take.",
  ],
  ["lostRecords", "lost_records", "Records that collectors declared lost before they came here."],
  ["unresolvedRecords", "unresolved_records", "Scrapes and records left out because of a defect in them."],
];

/** Registers `bcs_metric_exporter_sink_…`, each labelled `sink`; `read` is called when they are scraped. */
export function registerSinkMetrics(registry: Registry, read: () => readonly SinkMeasures[]): void {
  for (const [key, name, help] of counters) {
    new Counter({
      name: `bcs_metric_exporter_sink_${name}_total`,
      help,
      labelNames: ["sink"],
      registers: [registry],
      collect() {
        this.reset();
        for (const sink of read()) this.inc({ sink: sink.name }, sink.counts[key]);
      },
    });
  }
  registerGauge(
    registry,
    "lag_bytes",
    "Bytes of the log that are not settled for the sink, about.",
    (sink) => sink.lagBytes,
    read,
  );
  registerGauge(registry, "failed_attempts", "Failed attempts since the last success.", (sink) => sink.attempts, read);
}

function registerGauge(
  registry: Registry,
  name: string,
  help: string,
  value: (sink: SinkMeasures) => number,
  read: () => readonly SinkMeasures[],
): void {
  new Gauge({
    name: `bcs_metric_exporter_sink_${name}`,
    help,
    labelNames: ["sink"],
    registers: [registry],
    collect() {
      for (const sink of read()) this.set({ sink: sink.name }, value(sink));
    },
  });
}
