import type { ScrapeLimits } from "../../core/config/schema.ts";
import type { Exposition, Family } from "../../core/exposition/exposition.ts";
import type { Block, EncodedShape, FamilyMetadata, Series } from "../../core/protocol/shape.ts";
import { checkSamples, ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { ScrapedSeries, type SeriesRules } from "../../core/scrape/scraped_series.ts";
import { seriesKey, type TargetLabels } from "../../core/scrape/target_labels.ts";
import { encodeFamily } from "./blocks.ts";
import { seriesOnlyIn } from "./series_difference.ts";
import type { ShapeCache } from "./shape_cache.ts";
import { syntheticSeries } from "./synthetic.ts";

export interface EncoderOptions {
  /** Of the target, for reasons. */
  readonly address: string;
  readonly labels: TargetLabels;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly limits: ScrapeLimits;
  /** None by default. */
  readonly metricRelabelings?: SeriesRules["metricRelabelings"];
  /** The series that tell of the scrape itself, whose names no exposed one can take. */
  readonly synthetic?: readonly Series[];
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
  /** Those that relabelling left, duplicates included. */
  readonly samplesPostRelabeling: number;
  /** Samples dropped because their series came before in the same exposition. */
  readonly duplicates: number;
  /** Series that the exposition before did not have. */
  readonly seriesAdded: number;
}

/** The series of one family as they are sent. */
interface SettledFamily {
  readonly series: readonly Series[];
  /** Indices of the samples that are sent, or null for all. */
  readonly kept: readonly number[] | null;
  /** Whether `series` are those that were exposed. */
  readonly asExposed: boolean;
  /** Samples that relabelling dropped, and those dropped because their series came before. */
  readonly dropped: number;
  readonly duplicates: number;
  /** The same family as it was before, when it is unchanged. */
  readonly before: KnownFamily | null;
}

/** What is remembered of one family, so that it need not be encoded again while it exposes the same series. */
interface KnownFamily {
  readonly metadata: FamilyMetadata;
  /** The series as exposed, or null when they are those of `blocks`. */
  readonly exposed: readonly Series[] | null;
  readonly kept: readonly number[] | null;
  readonly dropped: number;
  readonly duplicates: number;
  readonly blocks: readonly EncodedShape<Block>[];
}

interface KnownExposition {
  readonly families: readonly KnownFamily[];
  readonly blocks: readonly EncodedShape<Block>[];
  readonly seriesCount: number;
  readonly dropped: number;
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
  readonly #series: ScrapedSeries;
  readonly #syntheticKeys: readonly string[];
  #known: KnownExposition = { families: [], blocks: [], seriesCount: 0, dropped: 0, duplicates: 0 };
  #samplesPostRelabeling = 0;

  constructor(options: EncoderOptions) {
    const { honorLabels, limits, metricRelabelings = [], labels, address, synthetic = syntheticSeries } = options;
    this.#options = options;
    this.#series = new ScrapedSeries(
      { honorLabels, limits, metricRelabelings: [...metricRelabelings] },
      labels,
      address,
    );
    this.#syntheticKeys = synthetic.map(seriesKey);
  }

  /** Of the last exposition, one that was refused for its number of samples included. */
  get samplesPostRelabeling(): number {
    return this.#samplesPostRelabeling;
  }

  /** @throws ScrapeRefusedError when it exceeds a limit; what was known before is still known then. */
  encode(exposition: Exposition): EncodedExposition {
    const samplesScraped = sum(exposition.families, (family) => family.samples.length);
    this.#samplesPostRelabeling = samplesScraped;
    let seriesAdded = 0;
    let known = this.#known;
    if (isKnown(known, exposition)) {
      for (const block of known.blocks) this.#options.cache.use(block);
    } else {
      known = this.#learn(exposition);
      seriesAdded = countAdded(this.#known.blocks, known.blocks);
    }
    const { values, sampleTimesMs } = this.#collect(known, exposition);
    this.#known = known;
    const samplesPostRelabeling = samplesScraped - known.dropped;
    this.#samplesPostRelabeling = samplesPostRelabeling;
    const { blocks, duplicates } = known;
    return { blocks, values, sampleTimesMs, samplesScraped, samplesPostRelabeling, duplicates, seriesAdded };
  }

  /** Nothing is encoded, and so takes room among the shared blocks, before the limits are known to be kept. */
  #learn(exposition: Exposition): KnownExposition {
    const before = new Map(this.#known.families.map((family) => [family.metadata.family, family]));
    const seen = new Set(this.#syntheticKeys);
    const settled = exposition.families.map((family) => this.#settle(family, before.get(family.family), seen));
    const dropped = sum(settled, (family) => family.dropped);
    this.#samplesPostRelabeling -= dropped;
    checkSamples(this.#samplesPostRelabeling, this.#options.limits, this.#options.address);
    const families = exposition.families.map((family, index) =>
      this.#encodeFamily(family, settled[index] as SettledFamily, before.get(family.family))
    );
    return {
      families,
      blocks: families.flatMap((family) => family.blocks),
      seriesCount: seen.size - this.#syntheticKeys.length,
      dropped,
      duplicates: sum(settled, (family) => family.duplicates),
    };
  }

  #settle(family: Family, before: KnownFamily | undefined, seen: Set<string>): SettledFamily {
    const unchanged = before === undefined ? null : settledAgain(before, family, seen);
    if (unchanged !== null) return unchanged;
    const series: Series[] = [];
    const kept: number[] = [];
    let asExposed = true;
    let dropped = 0;
    family.samples.forEach((sample, index) => {
      const made = this.#series.make(sample);
      asExposed &&= made === sample;
      if (made === null) {
        dropped++;
        return;
      }
      this.#series.check(made);
      const key = seriesKey(made);
      if (seen.has(key)) return;
      seen.add(key);
      series.push({ name: made.name, labels: made.labels });
      kept.push(index);
    });
    const duplicates = family.samples.length - dropped - kept.length;
    asExposed &&= duplicates === 0;
    return { series, kept: asExposed ? null : kept, asExposed, dropped, duplicates, before: null };
  }

  #encodeFamily(family: Family, settled: SettledFamily, before: KnownFamily | undefined): KnownFamily {
    if (settled.before !== null) return settled.before;
    const { series, kept, asExposed, dropped, duplicates } = settled;
    const { family: name, type, help, unit } = family;
    const metadata = { family: name, type, help, unit };
    const reusable = before !== undefined && sameMetadata(before.metadata, family) && blocksHold(before.blocks, series);
    const exposed = asExposed ? null : family.samples.map((sample) => ({ name: sample.name, labels: sample.labels }));
    const blocks = reusable ? before.blocks : encodeFamily(metadata, series, this.#options.cache);
    return { metadata, exposed, kept, dropped, duplicates, blocks };
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
  return exposition.families.every((family, index) => isSameFamily(known.families[index], family));
}

function isSameFamily(before: KnownFamily | undefined, family: Family): boolean {
  if (before === undefined || !sameMetadata(before.metadata, family)) return false;
  return before.exposed === null ? blocksHold(before.blocks, family.samples) : sameList(before.exposed, family.samples);
}

/** A family that exposes what it did before comes out as before, unless a series of it now comes twice, or did. */
function settledAgain(before: KnownFamily, family: Family, seen: Set<string>): SettledFamily | null {
  if (before.duplicates > 0 || !isSameFamily(before, family)) return null;
  const keys = before.blocks.flatMap(({ shape }) => shape.series.map(seriesKey));
  if (keys.some((key) => seen.has(key))) return null;
  for (const key of keys) seen.add(key);
  return { ...before, series: [], asExposed: before.exposed === null, before };
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

function countAdded(before: readonly EncodedShape<Block>[], now: readonly EncodedShape<Block>[]): number {
  return sum(seriesOnlyIn(now, before), ({ series }) => series.length);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function checkedTime(timestampMs: number, name: string): number {
  if (Math.abs(timestampMs) <= sampleTimeMsMax) return Math.round(timestampMs);
  throw new ScrapeRefusedError(`timestamp ${timestampMs} of "${name}" is out of range`);
}
