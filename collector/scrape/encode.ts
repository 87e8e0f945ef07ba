import type { ScrapeLimits } from "../../core/config/schema.ts";
import type { Exposition, Family } from "../../core/exposition/exposition.ts";
import type { Block, EncodedShape, FamilyMetadata, Series } from "../../core/protocol/shape.ts";
import { checkLabels, checkSamples, ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { seriesKey, settleLabels, type TargetLabels } from "../../core/scrape/target_labels.ts";
import { encodeFamily } from "./blocks.ts";
import type { ShapeCache } from "./shape_cache.ts";
import { syntheticSeries } from "./synthetic.ts";

export interface EncoderOptions {
  /** Of the target, for reasons. */
  readonly address: string;
  readonly labels: TargetLabels;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly limits: ScrapeLimits;
  readonly cache: ShapeCache;
}

/** An exposition as the protocol carries it. */
export interface EncodedExposition {
  readonly blocks: readonly EncodedShape<Block>[];
  /** One for each series of the blocks, in their order. */
  readonly values: Float64Array<ArrayBuffer>;
  /** Explicit times in Unix milliseconds, NaN where a sample has none; null when none has one. */
  readonly sampleTimesMs: Float64Array<ArrayBuffer> | null;
  /** Samples that were exposed, duplicates included. */
  readonly samplesScraped: number;
  /** Samples dropped because their series came before in the same exposition. */
  readonly duplicates: number;
  /** Series that the exposition before did not have. */
  readonly seriesAdded: number;
}

/** What is remembered of one family, so that it need not be encoded again while it exposes the same series. */
interface KnownFamily {
  readonly metadata: FamilyMetadata;
  /** The series as exposed, or null when they are those of `blocks`. */
  readonly exposed: readonly Series[] | null;
  /** Indices of the samples that are sent, or null for all. */
  readonly kept: readonly number[] | null;
  readonly blocks: readonly EncodedShape<Block>[];
}

interface KnownExposition {
  readonly families: readonly KnownFamily[];
  readonly blocks: readonly EncodedShape<Block>[];
  readonly seriesCount: number;
  readonly duplicates: number;
}

/** Explicit times beyond it (the year 9999) are nonsense, and would not fit the encoding. */
const sampleTimeMsMax = 253_402_300_799_999;

/**
 * Turns the expositions of one target into blocks and values. Blocks are shared between targets through the cache,
 * and between scrapes by remembering the last exposition: while the series stay the same, nothing is hashed.
 *
 * Of several samples of one series the first counts, as in Prometheus. The exposition format leaves their meaning
 * undefined, so this holds even if they have explicit times.
 */
export class ExpositionEncoder {
  readonly #options: EncoderOptions;
  #known: KnownExposition = { families: [], blocks: [], seriesCount: 0, duplicates: 0 };

  constructor(options: EncoderOptions) {
    this.#options = options;
  }

  /** @throws ScrapeRefusedError when it exceeds a limit; what was known before is still known then. */
  encode(exposition: Exposition): EncodedExposition {
    const samplesScraped = exposition.families.reduce((sum, family) => sum + family.samples.length, 0);
    checkSamples(samplesScraped, this.#options.limits, this.#options.address);
    let seriesAdded = 0;
    let known = this.#known;
    if (isKnown(known, exposition)) {
      for (const block of known.blocks) this.#options.cache.use(block);
    } else {
      known = this.#learn(exposition);
      seriesAdded = countAdded(this.#known, known);
    }
    const { values, sampleTimesMs } = this.#collect(known, exposition);
    this.#known = known;
    return { blocks: known.blocks, values, sampleTimesMs, samplesScraped, duplicates: known.duplicates, seriesAdded };
  }

  #learn(exposition: Exposition): KnownExposition {
    const before = new Map(this.#known.families.map((family) => [family.metadata.family, family]));
    const seen = new Set(syntheticSeries.map(seriesKey));
    const families = exposition.families.map((family) => this.#learnFamily(family, before.get(family.family), seen));
    const seriesCount = seen.size - syntheticSeries.length;
    const samples = exposition.families.reduce((sum, family) => sum + family.samples.length, 0);
    const blocks = families.flatMap((family) => family.blocks);
    return { families, blocks, seriesCount, duplicates: samples - seriesCount };
  }

  #learnFamily(family: Family, before: KnownFamily | undefined, seen: Set<string>): KnownFamily {
    const { labels, honorLabels, limits, address, cache } = this.#options;
    const settled: Series[] = [];
    const kept: number[] = [];
    let asExposed = true;
    family.samples.forEach((sample, index) => {
      const series = { name: sample.name, labels: settleLabels(sample.labels, labels, honorLabels) };
      checkLabels(series, labels, limits, address);
      const key = seriesKey(series);
      asExposed &&= series.labels === sample.labels && !seen.has(key);
      if (seen.has(key)) return;
      seen.add(key);
      settled.push(series);
      kept.push(index);
    });
    const { family: name, type, help, unit } = family;
    const metadata = { family: name, type, help, unit };
    const reusable = before !== undefined && sameMetadata(before.metadata, family)
      && blocksHold(before.blocks, settled);
    return {
      metadata,
      exposed: asExposed ? null : family.samples.map((sample) => ({ name: sample.name, labels: sample.labels })),
      kept: asExposed ? null : kept,
      blocks: reusable ? before.blocks : encodeFamily(metadata, settled, cache),
    };
  }

  /** Gathers the values, and the explicit times if they count, of the samples that are sent. */
  #collect(known: KnownExposition, exposition: Exposition) {
    const values = new Float64Array(known.seriesCount);
    let sampleTimesMs: Float64Array<ArrayBuffer> | null = null;
    let at = 0;
    for (const [position, family] of exposition.families.entries()) {
      const kept = known.families[position]?.kept ?? null;
      const count = kept?.length ?? family.samples.length;
      for (let index = 0; index < count; index++, at++) {
        const sample = family.samples[kept?.[index] ?? index];
        if (sample === undefined) throw new Error(`Cannot encode "${family.family}": its samples do not match`);
        values[at] = sample.value;
        if (sample.timestampMs === null || !this.#options.honorTimestamps) continue;
        sampleTimesMs ??= new Float64Array(known.seriesCount).fill(NaN);
        sampleTimesMs[at] = checkedTime(sample.timestampMs, sample.name);
      }
    }
    return { values, sampleTimesMs };
  }
}

function isKnown(known: KnownExposition, exposition: Exposition): boolean {
  if (known.families.length !== exposition.families.length) return false;
  return exposition.families.every((family, index) => {
    const before = known.families[index];
    if (before === undefined || !sameMetadata(before.metadata, family)) return false;
    return before.exposed === null
      ? blocksHold(before.blocks, family.samples)
      : sameList(before.exposed, family.samples);
  });
}

function sameMetadata(a: FamilyMetadata, b: FamilyMetadata): boolean {
  return a.family === b.family && a.type === b.type && a.help === b.help && a.unit === b.unit;
}

function sameList(a: readonly Series[], b: readonly Series[]): boolean {
  return a.length === b.length && a.every((series, index) => sameSeries(series, b[index]));
}

/** Whether the blocks hold exactly these series, in this order. */
function blocksHold(blocks: readonly EncodedShape<Block>[], series: readonly Series[]): boolean {
  let at = 0;
  for (const block of blocks) {
    for (const one of block.shape.series) if (!sameSeries(one, series[at++])) return false;
  }
  return at === series.length;
}

function sameSeries(a: Series, b: Series | undefined): boolean {
  if (b === undefined || a.name !== b.name || a.labels.length !== b.labels.length) return false;
  for (let index = 0; index < a.labels.length; index++) {
    const one = a.labels[index];
    const other = b.labels[index];
    if (one?.name !== other?.name || one?.value !== other?.value) return false;
  }
  return true;
}

function countAdded(before: KnownExposition, now: KnownExposition): number {
  if (before.seriesCount === 0) return now.seriesCount;
  const keys = new Set<string>();
  for (const block of before.blocks) for (const series of block.shape.series) keys.add(seriesKey(series));
  let added = 0;
  for (const block of now.blocks) for (const series of block.shape.series) if (!keys.has(seriesKey(series))) added++;
  return added;
}

function checkedTime(timestampMs: number, name: string): number {
  if (Math.abs(timestampMs) <= sampleTimeMsMax) return Math.round(timestampMs);
  throw new ScrapeRefusedError(`timestamp ${timestampMs} of "${name}" is out of range`);
}
