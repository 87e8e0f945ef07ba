import type { AllocateValues } from "../../core/protocol/bytes.ts";
import { newSettled, newTally, type Settled, type Tally } from "../ledger/books.ts";
import { contentOf, type Loss, type LostEntry } from "../ledger/loss.ts";
import type { OriginProgress } from "../ledger/progress.ts";
import type { Router } from "../routing/router.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../sink.ts";
import type { LostRecord, ShapeTable, WalChunk, WalPosition, WalRecord } from "../wal/wal.ts";
import { cutBatches } from "./batch.ts";
import { resolveRecords } from "./resolve.ts";

/** What one read of the WAL means to a sink: each of its entries is in a batch, or settled already. */
export interface Chunk {
  readonly batches: readonly Batch[];
  /** Entries that need no delivery. */
  readonly settled: Readonly<Settled>;
  /** What collectors declared lost. */
  readonly declared: Readonly<Tally>;
  /** Samples that routes leave out of scrapes that are delivered. */
  readonly leftOutSamples: number;
  /** To be declared before the cursor moves behind the chunk. */
  readonly losses: readonly Loss[];
  /** The last record of each origin. */
  readonly progress: readonly OriginProgress[];
  /** Unix milliseconds of the oldest scrape; null without one. */
  readonly oldestMs: number | null;
  readonly next: WalPosition;
  /** By how much the log's numbering goes back here; 0 unless the log was replaced by another. */
  readonly renumberedEntries: number;
}

export interface ChunkContext {
  /** Where the read began. */
  readonly from: WalPosition;
  readonly shapes: Pick<ShapeTable, "get">;
  readonly router: Router;
  readonly batchSamplesMax: number;
  /** Where the values go. Default: arrays of their own. */
  readonly allocate?: AllocateValues;
}

/** `defects` are texts for the log, one for each thing that should not be. */
export function makeChunk(found: WalChunk, context: ChunkContext): { chunk: Chunk; defects: readonly string[] } {
  const { from, shapes, router, batchSamplesMax } = context;
  const { scrapes, opaque, declared, unresolved, defects } = resolveRecords(found.records, shapes, context.allocate);
  const routed = route(scrapes, opaque, router);
  const { settled } = routed;
  const losses: Loss[] = [];
  const place = { firstSegment: from.segment, lastSegment: found.next.segment };
  const range = { ...place, fromEntry: from.entry, toEntry: found.next.entry };
  for (const { segment, offset, bytes, entries } of found.damaged) {
    settled.lostDamage.entries += entries;
    const detail = bytes === 0 ? `segment ${segment} ends early or is missing` : `${bytes} bytes at ${offset}`;
    const where = { ...range, firstSegment: segment, lastSegment: segment };
    if (entries > 0) losses.push({ reason: "damage", detail, ...where, ...unknownContent, entries });
  }
  const counted = scrapes.length + opaque.length + unresolved.length + settled.lostDamage.entries;
  const missing = found.next.entry - from.entry - counted;
  if (unresolved.length > 0 || missing > 0) {
    const content = contentOf(unresolved);
    const entries = content.entries + Math.max(0, missing);
    settled.lostUnresolved = newTally(entries, content.samples);
    const detail = defects[0] ?? "counted by the log but not found";
    losses.push({ reason: "unresolved", detail, ...range, ...content, entries });
  }
  losses.push(...declared.map((record) => ({ ...range, ...declaration(record) })));
  const chunk: Chunk = {
    batches: cutBatches(routed.scrapes, routed.opaque, batchSamplesMax),
    settled,
    declared: declaredTally(declared),
    leftOutSamples: routed.leftOutSamples,
    losses,
    progress: progressOf(found.records),
    oldestMs: oldestOf(scrapes, opaque),
    next: found.next,
    renumberedEntries: Math.min(0, missing),
  };
  return { chunk, defects: missing === 0 ? defects : [...defects, `${missing} entries more are counted than found`] };
}

/** Entries and samples of a batch. */
export function tallyOf({ scrapes, opaque, sampleCount }: Batch): Tally {
  return newTally(scrapes.length + opaque.length, sampleCount);
}

/** What the declaration of a loss says of batches. */
export function* entriesOf(batches: Iterable<Batch>): Generator<LostEntry> {
  for (const { scrapes, opaque } of batches) {
    for (const scrape of scrapes) yield { ...sourceOf(scrape), samples: scrape.values.length };
    for (const record of opaque) yield { ...sourceOf(record), samples: 0 };
  }
}

const unknownContent = { samples: 0, oldestMs: null, newestMs: null, origins: [] } as const;

function sourceOf({ origin, sequence, timestampMs }: ResolvedScrape | OpaqueRecord) {
  return { origin, sequence, timestampMs };
}

function route(scrapes: readonly ResolvedScrape[], opaque: readonly OpaqueRecord[], router: Router) {
  const settled = newSettled();
  let leftOutSamples = 0;
  const kept: ResolvedScrape[] = [];
  for (const scrape of scrapes) {
    const routed = router.scrape(scrape);
    if (routed === null) {
      settled.notRouted.entries++;
      settled.notRouted.samples += scrape.values.length;
    } else {
      leftOutSamples += scrape.values.length - routed.values.length;
      kept.push(routed);
    }
  }
  const keptOpaque = opaque.filter((record) => router.opaque(record));
  settled.notRouted.entries += opaque.length - keptOpaque.length;
  return { scrapes: kept, opaque: keptOpaque, settled, leftOutSamples };
}

function declaration(
  { origin, lost }: LostRecord,
): Omit<Loss, "firstSegment" | "lastSegment" | "fromEntry" | "toEntry"> {
  const { records: entries, samples, oldestMs, newestMs, firstSequence, lastSequence, reason: detail } = lost;
  const span = { origin, firstSequence, lastSequence, entries, samples };
  return { reason: "collector", detail, entries, samples, oldestMs, newestMs, origins: [span] };
}

function declaredTally(declared: readonly LostRecord[]): Tally {
  const tally = newTally();
  for (const { lost } of declared) {
    tally.entries += lost.records;
    tally.samples += lost.samples;
  }
  return tally;
}

function progressOf(records: readonly WalRecord[]): OriginProgress[] {
  const last = new Map<WalRecord["origin"], number>();
  for (const record of records) {
    last.set(record.origin, record.kind === "lost" ? record.lost.lastSequence : record.sequence);
  }
  const progress: OriginProgress[] = [];
  for (const [origin, sequence] of last) if (origin !== null) progress.push({ origin, sequence });
  return progress;
}

function oldestOf(scrapes: readonly ResolvedScrape[], opaque: readonly OpaqueRecord[]): number | null {
  let oldestMs = Infinity;
  for (const { timestampMs } of scrapes) oldestMs = Math.min(oldestMs, timestampMs);
  for (const { timestampMs } of opaque) oldestMs = Math.min(oldestMs, timestampMs);
  return oldestMs === Infinity ? null : oldestMs;
}
