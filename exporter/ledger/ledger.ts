import type { Origin } from "../wal/wal.ts";
import { type Books, lostOf, settledEntries, type Tally } from "./books.ts";
import { originKey } from "./loss.ts";
import { type DeclaredLoss, lossJson } from "./loss_file.ts";

/** What the ledger is made of, for one sink, all of one moment. */
export interface SinkBooks {
  readonly name: string;
  readonly type: string;
  /** With what is settled of the chunk that is being delivered. */
  readonly books: Books;
  readonly heldEntries: number;
  readonly oldestHeldMs: number | null;
  readonly lastError: string | null;
  readonly alarm: boolean;
  /** The newest, oldest first. */
  readonly losses: readonly DeclaredLoss[];
  /** The highest settled sequence number of an origin; null when it is not known. */
  settledSequence(origin: Origin): number | null;
  /** Origins of which something is known. */
  origins(): readonly Origin[];
}

export interface LedgerSource {
  readonly exporter: string;
  readonly wallMs: number;
  /** Entries that the log has taken, durably, over its whole life. */
  readonly logEntries: number;
  readonly sinks: readonly SinkBooks[];
  acknowledged(origin: Origin): number;
}

/** Which collectors are asked for; an absent member holds for all. */
export interface OriginQuery {
  readonly cluster?: string;
  readonly namespace?: string;
  readonly collector?: string;
  readonly epoch?: bigint;
}

const lossesShown = 20;
export const originsShownMax = 1000;

/** The books of an exporter: the answer of `GET /v1/ledger`. */
export interface Ledger {
  readonly exporter: string;
  readonly nowMs: number;
  readonly logEntries: number;
  /** Whether the sums of every sink agree. */
  readonly balanced: boolean;
  readonly sinks: readonly SinkLedger[];
  /** Only when origins were asked for. */
  readonly origins?: readonly OriginLedger[];
}

/** taken = delivered + rejected + notCarried + notRouted + lost + held, in entries. */
export interface SinkLedger {
  readonly name: string;
  readonly type: string;
  readonly sinceMs: number;
  /** Entries that were durable in the log for this sink. */
  readonly taken: number;
  readonly delivered: Readonly<Tally>;
  readonly rejected: Readonly<Tally>;
  readonly notCarried: Readonly<Tally>;
  readonly notRouted: Readonly<Tally>;
  readonly lost: Readonly<Tally>;
  readonly lostRetention: Readonly<Tally>;
  readonly lostDamage: Readonly<Tally>;
  readonly lostUnresolved: Readonly<Tally>;
  readonly held: number;
  /** Lost by collectors before it was taken; no part of the sum. */
  readonly declared: Readonly<Tally>;
  readonly redelivered: Readonly<Tally>;
  readonly resent: Readonly<Tally>;
  readonly deadLettersDropped: Readonly<Tally>;
  readonly leftOutSamples: number;
  readonly balanced: boolean;
  readonly oldestHeldMs: number | null;
  readonly alarm: boolean;
  readonly lastError: string | null;
  readonly losses: readonly ReturnType<typeof lossJson>[];
}

/** How far the records of one start of a collector have come. */
export interface OriginLedger {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly epoch: string;
  /** The highest sequence number that is durable here. */
  readonly acknowledged: number;
  readonly sinks: readonly {
    readonly name: string;
    /** The highest sequence number that is settled for the sink: delivered, or what the books say. Null: not known. */
    readonly settled: number | null;
    /** Sequence numbers within which something was lost, among the newest losses. */
    readonly lost: readonly {
      readonly firstSequence: number;
      readonly lastSequence: number;
      readonly reason: string;
    }[];
  }[];
}

export function ledgerOf(source: LedgerSource, query: OriginQuery | null): Ledger {
  const { exporter, wallMs: nowMs, logEntries } = source;
  const sinks = source.sinks.map((sink) => sinkLedger(sink, logEntries));
  const balanced = sinks.every((sink) => sink.balanced);
  const ledger = { exporter, nowMs, logEntries, balanced, sinks };
  return query === null ? ledger : { ...ledger, origins: originsOf(source, query) };
}

function sinkLedger(sink: SinkBooks, logEntries: number): SinkLedger {
  const { name, type, books, heldEntries: held, oldestHeldMs, alarm, lastError, losses } = sink;
  const { sinceMs, firstEntry, settled, notes } = books;
  const taken = logEntries - firstEntry;
  const { declared, redelivered, resent, deadLettersDropped, leftOut } = notes;
  return {
    name,
    type,
    sinceMs,
    taken,
    ...settled,
    lost: lostOf(settled),
    held,
    declared,
    redelivered,
    resent,
    deadLettersDropped,
    leftOutSamples: leftOut.samples,
    balanced: taken === settledEntries(settled) + held,
    oldestHeldMs,
    alarm,
    lastError,
    losses: losses.slice(-lossesShown).map(lossJson),
  };
}

function originsOf(source: LedgerSource, query: OriginQuery): OriginLedger[] {
  const found = new Map<string, Origin>();
  for (const sink of source.sinks) {
    for (const origin of sink.origins()) if (fits(origin, query)) found.set(originKey(origin), origin);
  }
  const { cluster, namespace, collector: name, epoch } = query;
  if (cluster !== undefined && namespace !== undefined && name !== undefined && epoch !== undefined) {
    const asked = { cluster, namespace, name, epoch };
    found.set(originKey(asked), asked);
  }
  return [...found.values()].slice(0, originsShownMax).map((origin) => originLedger(origin, source));
}

function originLedger(origin: Origin, source: LedgerSource): OriginLedger {
  const { cluster, namespace, name, epoch } = origin;
  const sinks = source.sinks.map((sink) => ({
    name: sink.name,
    settled: sink.settledSequence(origin),
    lost: sink.losses.flatMap((loss) =>
      loss.origins
        .filter((span) => originKey(span.origin) === originKey(origin))
        .map(({ firstSequence, lastSequence }) => ({ firstSequence, lastSequence, reason: loss.reason }))
    ),
  }));
  return { cluster, namespace, name, epoch: String(epoch), acknowledged: source.acknowledged(origin), sinks };
}

function fits(origin: Origin, { cluster, namespace, collector, epoch }: OriginQuery): boolean {
  return (cluster === undefined || origin.cluster === cluster)
    && (namespace === undefined || origin.namespace === namespace)
    && (collector === undefined || origin.name === collector)
    && (epoch === undefined || origin.epoch === epoch);
}
