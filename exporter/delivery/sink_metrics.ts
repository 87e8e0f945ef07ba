import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import { type Books, outcomes } from "../ledger/books.ts";

/** What the metrics of one sink are taken from when they are scraped. */
export interface SinkMeasures {
  readonly name: string;
  readonly books: Books;
  readonly heldEntries: number;
  readonly lagBytes: number;
  readonly oldestHeldAgeMs: number;
  readonly retries: number;
  readonly alarm: boolean;
  /** Whether the destination takes nothing at present. */
  readonly lastError: string | null;
}

const counters: readonly (readonly [name: string, help: string, value: (sink: SinkMeasures) => number])[] = [
  ["delivered_samples", "Samples that the destination has taken.", ({ books }) => books.settled.delivered.samples],
  [
    "delivered_records",
    "Scrapes and opaque records that it has taken.",
    ({ books }) => books.settled.delivered.entries,
  ],
  [
    "not_carried_records",
    "Scrapes and opaque records that this kind of sink cannot carry.",
    ({ books }) => books.settled.notCarried.entries,
  ],
  ["retries", "Deliveries that failed and are tried again.", ({ retries }) => retries],
  [
    "rejected_samples",
    "Samples of scrapes that the destination refused for good; see the dead letters.",
    ({ books }) => books.settled.rejected.samples,
  ],
  [
    "rejected_records",
    "Scrapes and opaque records that the destination refused for good.",
    ({ books }) => books.settled.rejected.entries,
  ],
  [
    "dead_letters_dropped",
    "Rejected scrapes and records that the dead-letter file did not take.",
    ({ books }) => books.notes.deadLettersDropped.entries,
  ],
  [
    "lost_records",
    "Records that collectors declared lost before they came here.",
    ({ books }) => books.notes.declared.entries,
  ],
  [
    "unresolved_records",
    "Scrapes and records left out because of a defect in them.",
    ({ books }) => books.settled.lostUnresolved.entries,
  ],
  [
    "redelivered_records",
    "Scrapes and records delivered again after an attempt whose end is not known.",
    ({ books }) => books.notes.redelivered.entries,
  ],
  ["resent_records", "Dead letters that were delivered later.", ({ books }) => books.notes.resent.entries],
  [
    "left_out_samples",
    "Samples of delivered scrapes that were not for the sink, or that the destination did not take.",
    ({ books }) => books.notes.leftOut.samples,
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
    "How long the oldest of them has waited, about; 0 without any.",
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
  for (const [name, help, value] of counters) {
    new Counter({
      name: `bcs_metric_exporter_sink_${name}_total`,
      help,
      labelNames: ["sink"],
      registers: [registry],
      collect() {
        this.reset();
        for (const sink of read()) this.inc({ sink: sink.name }, value(sink));
      },
    });
  }
  new Counter({
    name: "bcs_metric_exporter_sink_entries_total",
    help: "Scrapes and opaque records of the log by what became of them: with those held they are all that were taken.",
    labelNames: ["sink", "outcome"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, books } of read()) {
        for (const outcome of outcomes) this.inc({ sink: name, outcome }, books.settled[outcome].entries);
      }
    },
  });
  for (const [name, help, value] of gauges) {
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
}
