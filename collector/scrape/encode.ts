import type { ScrapeLimits } from "../../core/config/schema.ts";
import type { Exposition, Family } from "../../core/exposition/exposition.ts";
import type { Block, EncodedShape, Series } from "../../core/protocol/shape.ts";
import { checkSamples, ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { ScrapedSeries, type SeriesRules } from "../../core/scrape/scraped_series.ts";
import { seriesKey, type TargetLabels } from "../../core/scrape/target_labels.ts";
import { encodeFamily } from "./blocks.ts";
import { seriesKeysOf } from "./compact_block.ts";
import {
  blocksHold,
  type FamilyPart,
  isKnown,
  isSameFamily,
  type KnownExposition,
  knownExposition,
  type KnownFamily,
  namesOf,
  nothingKnown,
  sameMetadata,
  sum,
} from "./known.ts";
import { countSeries, seriesOnlyIn } from "./series_difference.ts";
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
  /** One for each series of the blocks, in their order. They may be overwritten when the next exposition is read. */
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

/** So many scrapes of unchanged series count as one use of their blocks: which of them are used most shows all the same. */
const usedEvery = 16;

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
  #known: KnownExposition = nothingKnown;
  #samplesPostRelabeling = 0;
  #scrapes = 0;

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

  /** What the last exposition came to, but for its values. */
  get known(): KnownExposition {
    return this.#known;
  }

  /**
   * Equal for encoders to which equal expositions, without explicit times, come to the same: the names of a target's
   * labels matter for that, their values do not. Null for one to which nothing can be said to be the same.
   */
  get kind(): string | null {
    const { honorLabels, limits, metricRelabelings = [], labels } = this.#options;
    const { samples, labels: count, labelNameLength, labelValueLength } = limits;
    if (honorLabels || metricRelabelings.length + count + labelNameLength + labelValueLength > 0) return null;
    const names = [labels.values.keys(), labels.constant].map((list) => [...list].toSorted());
    return JSON.stringify([names, samples, this.#syntheticKeys]);
  }

  /** Takes an equal account of what is known in place of its own. */
  adopt(known: KnownExposition): void {
    this.#known = known;
  }

  /** @throws ScrapeRefusedError when it exceeds a limit; what was known before is still known then. */
  encode(exposition: Exposition): EncodedExposition {
    this.#samplesPostRelabeling = sum(exposition.families, (family) => family.samples.length);
    const parts = exposition.families.map((family): FamilyPart => ({ known: null, family }));
    const known = isKnown(this.#known, exposition) ? this.#known : this.#learn(parts);
    if (known === null) throw new Error("Cannot encode an exposition: what was parsed whole has parts that were not");
    return this.#finish(known, this.#collect(known, parts));
  }

  /**
   * An exposition of the same series as the last, or as one of another encoder of the same kind, without explicit times.
   * @param values Of all samples exposed. Those that are sent take the place of the others.
   */
  encodeKnown(values: Float64Array<ArrayBuffer>, known: KnownExposition = this.#known): EncodedExposition {
    if (known.seriesCount === known.sampleCount) return this.#finish(known, { values, sampleTimesMs: null });
    let from = 0;
    let to = 0;
    for (const { kept, sampleCount } of known.families) {
      if (kept === null) values.copyWithin(to, from, from + sampleCount);
      else for (let index = 0; index < kept.length; index++) values[to + index] = values[from + kept[index]!]!;
      from += sampleCount;
      to += kept?.length ?? sampleCount;
    }
    return this.#finish(known, { values: values.subarray(0, to), sampleTimesMs: null });
  }

  /**
   * An exposition of which some families are those of the last, in the same order. Null, with nothing changed, when a
   * series might stand in one of those and in another family too: then it has to be encoded whole.
   * @throws ScrapeRefusedError as {@link encode}.
   */
  encodeParts(parts: readonly FamilyPart[]): EncodedExposition | null {
    const known = this.#learn(parts);
    return known === null ? null : this.#finish(known, this.#collect(known, parts));
  }

  #finish(known: KnownExposition, collected: Pick<EncodedExposition, "values" | "sampleTimesMs">): EncodedExposition {
    const before = this.#known;
    const { blocks, duplicates, sampleCount: samplesScraped } = known;
    if (known !== before || this.#scrapes++ % usedEvery === 0) {
      for (const block of blocks) this.#options.cache.use(block);
    }
    const seriesAdded = known === before ? 0 : countAdded(before.blocks, blocks);
    this.#known = known;
    const samplesPostRelabeling = samplesScraped - known.dropped;
    this.#samplesPostRelabeling = samplesPostRelabeling;
    return { blocks, ...collected, samplesScraped, samplesPostRelabeling, duplicates, seriesAdded };
  }

  /**
   * Nothing is encoded, and so takes room among the shared blocks, before the limits are known to be kept. Returns what
   * is known already when nothing is new; null as {@link encodeParts}, which cannot be when all are parsed.
   */
  #learn(parts: readonly FamilyPart[]): KnownExposition | null {
    const before = new Map(this.#known.families.map((family) => [family.metadata.family, family]));
    const seen = new Set(this.#syntheticKeys);
    const settled = parts.map((part) =>
      part.known === null ? this.#settle(part.family, before.get(part.family.family), seen) : null
    );
    if (mayShareSeries(parts, settled)) return null;
    const samples = sum(parts, (part) => part.known === null ? part.family.samples.length : part.known.sampleCount);
    const dropped = sum(parts, ({ known }) => known?.dropped ?? 0) + sum(settled, (family) => family?.dropped ?? 0);
    this.#samplesPostRelabeling = samples - dropped;
    checkSamples(this.#samplesPostRelabeling, this.#options.limits, this.#options.address);
    const families = parts.map((part, index) =>
      part.known ?? this.#encodeFamily(part.family, settled[index] as SettledFamily, before.get(part.family.family))
    );
    const known = this.#known.families;
    const isSame = families.length === known.length && families.every((family, index) => family === known[index]);
    return isSame ? this.#known : knownExposition(families);
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
    const exposed = asExposed
      ? "as sent"
      : family.samples.map((sample) => ({ name: sample.name, labels: sample.labels }));
    const blocks = reusable ? before.blocks : encodeFamily(metadata, series, this.#options.cache);
    const sampleCount = family.samples.length;
    return { metadata, exposed, kept, sampleCount, dropped, duplicates, blocks, names: namesOf(series) };
  }

  /** Gathers the values, and the explicit times if they count, of the samples that are sent. */
  #collect(known: KnownExposition, parts: readonly FamilyPart[]) {
    const values = new Float64Array(known.seriesCount);
    let sampleTimesMs: Float64Array<ArrayBuffer> | null = null;
    let at = 0;
    for (const [position, part] of parts.entries()) {
      const kept = known.families[position]?.kept ?? null;
      const count = kept?.length ?? known.families[position]?.sampleCount ?? 0;
      for (let index = 0; index < count; index++, at++) {
        if (part.known !== null) {
          values[at] = part.values[kept?.[index] ?? index] as number;
          continue;
        }
        const sample = part.family.samples[kept?.[index] ?? index];
        if (sample === undefined) throw new Error(`Cannot encode "${part.family.family}": its samples do not match`);
        values[at] = sample.value;
        if (sample.timestampMs === null || !this.#options.honorTimestamps) continue;
        sampleTimesMs ??= new Float64Array(known.seriesCount).fill(NaN);
        sampleTimesMs[at] = checkedTime(sample.timestampMs, sample.name);
      }
    }
    return { values, sampleTimesMs };
  }
}

/**
 * Whether a series of a family that is taken as it was might stand in a parsed one too, or came twice before: looking
 * at the names alone, so that nothing has to be done for each series that has not changed.
 */
function mayShareSeries(parts: readonly FamilyPart[], settled: readonly (SettledFamily | null)[]): boolean {
  if (parts.every(({ known }) => known === null)) return false;
  const names = new Set(
    settled.flatMap((family) => family === null ? [] : family.before?.names ?? namesOf(family.series)),
  );
  return parts.some(({ known }) =>
    known !== null && (known.duplicates > 0 || known.names.some((name) => names.has(name)))
  );
}

/** A family that exposes what it did before comes out as before, unless a series of it now comes twice, or did. */
function settledAgain(before: KnownFamily, family: Family, seen: Set<string>): SettledFamily | null {
  if (before.duplicates > 0 || !isSameFamily(before, family)) return null;
  const keys = before.blocks.flatMap(seriesKeysOf);
  if (keys.some((key) => seen.has(key))) return null;
  for (const key of keys) seen.add(key);
  return { ...before, series: [], asExposed: before.exposed === "as sent", before };
}

function countAdded(before: readonly EncodedShape<Block>[], now: readonly EncodedShape<Block>[]): number {
  return sum(seriesOnlyIn(now, before), countSeries);
}

function checkedTime(timestampMs: number, name: string): number {
  if (Math.abs(timestampMs) <= sampleTimeMsMax) return Math.round(timestampMs);
  throw new ScrapeRefusedError(`timestamp ${timestampMs} of "${name}" is out of range`);
}
