import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import { type Books, outcomes } from "../ledger/books.ts";
import type { RetentionLimits } from "./retention.ts";

/** What the metrics of one sink are taken from when they are scraped. */
export interface SinkMeasures {
  readonly name: string;
  readonly books: Books;
  /** The books as this process found them. */
  readonly booksAtStart: Books;
  readonly heldEntries: number;
  readonly lagBytes: number;
  readonly oldestHeldAgeMs: number;
  readonly retries: number;
  readonly alarm: boolean;
  /** Whether the destination takes nothing at present. */
  readonly lastError: string | null;
}

/**
 * All counters begin with 0 at the start of the process, as Prometheus expects of them: the books themselves go back
 * to their last save after a crash, which rate() would take for a restart from 0.
 */
const counters: readonly (readonly [name: string, help: string, value: (books: Books) => number])[] = [
  ["delivered_samples", "Samples that the destination has taken.", ({ settled }) => settled.delivered.samples],
  [
    "rejected_samples",
    "Samples of scrapes that the destination refused for good; see the dead letters.",
    ({ settled }) => settled.rejected.samples,
  ],
  [
    "left_out_samples",
    "Samples of delivered scrapes that were not for the sink, or that the destination did not take.",
    ({ notes }) => notes.leftOut.samples,
  ],
  [
    "dead_letters_dropped",
    "Rejected scrapes and records that the dead-letter file did not take.",
    ({ notes }) => notes.deadLettersDropped.entries,
  ],
  ["resent_records", "Dead letters that were delivered later.", ({ notes }) => notes.resent.entries],
  [
    "redelivered_records",
    "Scrapes and records delivered again after an attempt whose end is not known.",
    ({ notes }) => notes.redelivered.entries,
  ],
  [
    "declared_lost_records",
    "Records that collectors declared lost before they came here.",
    ({ notes }) => notes.declared.entries,
  ],
];

const gauges: readonly (readonly [name: string, help: string, value: (sink: SinkMeasures) => number])[] = [
  ["lag_bytes", "Bytes of the log that are not settled for the sink, about.", ({ lagBytes }) => lagBytes],
  [
    "held_records",
    "Scrapes and records in the log that are not settled for the sink.",
    ({ heldEntries }) => heldEntries,
  ],
  [
    "oldest_held_age_seconds",
    "How long the oldest held one has waited, about; 0 without any.",
    ({ oldestHeldAgeMs }) => oldestHeldAgeMs / 1000,
  ],
  [
    "alarm",
    "1 when a human has to mend something, such as credentials, before the destination takes anything.",
    ({ alarm }) => Number(alarm),
  ],
  ["failing", "1 when the last attempt failed.", ({ lastError }) => Number(lastError !== null)],
];

/** Registers `bcs_metric_exporter_sink_…`, each labelled `sink`; `read` is called when they are scraped. */
export function registerSinkMetrics(registry: Registry, read: () => readonly SinkMeasures[]): void {
  const registers = [registry];
  const counter = <Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    set: (sink: SinkMeasures, add: (by: number, more: Record<Label, string>) => void) => void,
  ) =>
    new Counter({
      name: `bcs_metric_exporter_sink_${name}_total`,
      help,
      labelNames: ["sink", ...labels],
      registers,
      collect() {
        this.reset();
        for (const sink of read()) set(sink, (by, more) => this.inc({ sink: sink.name, ...more }, by));
      },
    });
  for (const [name, help, value] of counters) {
    counter(name, help, [], (sink, add) => add(value(sink.books) - value(sink.booksAtStart), {}));
  }
  counter("retries", "Deliveries that failed and are tried again.", [], ({ retries }, add) => add(retries, {}));
  counter("settled_records", "Scrapes and opaque records by what became of them.", ["outcome"], (sink, add) => {
    const { books, booksAtStart } = sink;
    for (const outcome of outcomes) {
      add(books.settled[outcome].entries - booksAtStart.settled[outcome].entries, { outcome });
    }
  });
  new Gauge({
    name: "bcs_metric_exporter_sink_ledger_records",
    help:
      "Scrapes and opaque records by what became of them since the books were begun; with those held, all that were taken.",
    labelNames: ["sink", "outcome"],
    registers,
    collect() {
      for (const { name, books } of read()) {
        for (const outcome of outcomes) this.set({ sink: name, outcome }, books.settled[outcome].entries);
      }
    },
  });
  for (const [name, help, value] of gauges) {
    new Gauge({
      name: `bcs_metric_exporter_sink_${name}`,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        for (const sink of read()) this.set({ sink: sink.name }, value(sink));
      },
    });
  }
}

/** Registers the limits of the log, to be compared with what it holds. */
export function registerRetentionMetrics(registry: Registry, { bytes, ageMs }: RetentionLimits): void {
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name: `bcs_metric_exporter_wal_retention_${name}`, help, registers: [registry] }).set(value);
  gauge("bytes", "Bytes of the log at which its oldest part goes, delivered or not.", bytes);
  gauge("seconds", "Age of records at which they go, delivered or not.", ageMs / 1000);
}
