import type { Block, EncodedShape, Series, Target } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import { joinedLabels } from "../../core/scrape/scraped_series.ts";
import { seriesKey } from "../../core/scrape/target_labels.ts";
import { encodeFamily } from "./blocks.ts";
import type { EncodedExposition } from "./encode.ts";
import { countSeries, type KeysOf, type PartOfBlock, seriesOfPart, seriesOnlyIn } from "./series_difference.ts";
import type { ShapeCache } from "./shape_cache.ts";

/** The series of a target's last scrape: those that are to be marked stale when they vanish. */
export interface LiveSeries {
  readonly target: EncodedShape<Target>;
  /** What the target exposed; nothing after a scrape that failed. */
  readonly blocks: readonly EncodedShape<Block>[];
  /** Explicit times, NaN for none: such series are left alone, unless they are tracked. */
  readonly sampleTimesMs: Float64Array | null;
  /** The synthetic series, which end with the target. */
  readonly synthetic: EncodedShape<Block>;
  /** Unix milliseconds. */
  readonly startedMs: number;
}

/** Blocks of vanished series, under the labels of the target that they belonged to. */
export interface Vanished {
  readonly target: EncodedShape<Target>;
  readonly blocks: readonly EncodedShape<Block>[];
}

export interface StalenessOptions {
  readonly cache: ShapeCache;
  /** Whether series with explicit times are marked too. */
  readonly trackTimestamps: boolean;
}

/**
 * What of `before` a scrape does not have any more. As in Prometheus, a failed scrape has nothing.
 *
 * @param exposed null for a failed scrape.
 */
export function vanishedSeries(
  before: LiveSeries,
  exposed: EncodedExposition | null,
  now: Pick<LiveSeries, "target" | "synthetic">,
  options: StalenessOptions,
): Vanished {
  const { target } = before;
  if (target.shape.id !== now.target.shape.id) {
    // Other labels make other series of all, the synthetic ones included, but for what honorLabels lets a target say.
    const present = [...exposed?.blocks ?? [], now.synthetic];
    const gone = seriesOnlyIn(
      [...before.blocks, before.synthetic],
      present,
      fullKeysOf(target),
      fullKeysOf(now.target),
    );
    return { target, blocks: encodeParts(gone, before, options) };
  }
  // While nothing changes both are the same list.
  const gone = exposed?.blocks === before.blocks ? [] : seriesOnlyIn(before.blocks, exposed?.blocks ?? []);
  const synthetic = before.synthetic === now.synthetic ? [] : seriesOnlyIn([before.synthetic], [now.synthetic]);
  return { target, blocks: encodeParts([...gone, ...afterExposed(synthetic, before)], before, options) };
}

/** All series of a target that is no more. */
export function endedSeries(live: LiveSeries, options: StalenessOptions): Vanished {
  const all = seriesOnlyIn([...live.blocks, live.synthetic], []);
  return { target: live.target, blocks: encodeParts(all, live, options) };
}

/** Indices among all series count on from those that were exposed. */
function afterExposed(parts: readonly PartOfBlock[], { blocks }: LiveSeries): PartOfBlock[] {
  const exposed = blocks.reduce((sum, { shape }) => sum + seriesCountOf(shape), 0);
  return parts.map((part) => ({ ...part, first: exposed + part.first }));
}

function encodeParts(
  parts: readonly PartOfBlock[],
  { sampleTimesMs }: LiveSeries,
  { cache, trackTimestamps }: StalenessOptions,
): EncodedShape<Block>[] {
  return parts.flatMap((part) => {
    const { block, first, indices } = part;
    const count = countSeries(part);
    const hasOwnTime = (at: number) => !Number.isNaN(sampleTimesMs?.[first + (indices?.[at] ?? at)] ?? NaN);
    const areAllMarked = trackTimestamps || sampleTimesMs === null
      || Array.from({ length: count }, (_, at) => at).every((at) => !hasOwnTime(at));
    // A whole block is sent already, most likely; a part of one is made for this moment only.
    if (areAllMarked && indices === null) return [block];
    const series = seriesOfPart(part);
    const marked = areAllMarked ? series : series.filter((_, at) => !hasOwnTime(at));
    return encodeFamily(block.shape, marked, cache);
  });
}

function fullKeysOf({ shape }: EncodedShape<Target>): KeysOf {
  const labels = new Map(shape.labels.map(({ name, value }) => [name, value]));
  return (block) => block.shape.series.map((series) => fullKey(series, labels));
}

function fullKey(series: Series, target: ReadonlyMap<string, string>): string {
  const all = joinedLabels(series, target);
  all.delete("__name__");
  return seriesKey({ name: series.name, labels: Array.from(all, ([name, value]) => ({ name, value })) });
}
