import type { Block, EncodedShape, Series } from "../../core/protocol/shape.ts";
import { seriesKey } from "../../core/scrape/target_labels.ts";

/** Series of one block. */
export interface PartOfBlock {
  readonly block: EncodedShape<Block>;
  /** Indices among all series of the list of blocks. */
  readonly indices: readonly number[];
  readonly series: readonly Series[];
}

/**
 * The series that the blocks of `these` have and those of `others` do not, by block. No list has a series twice. Blocks
 * that both have are not looked into, so that a change of one family costs that family only.
 *
 * @param keyOfThese and `keyOfOthers`: what makes two series the same; their names and labels by default.
 */
export function seriesOnlyIn(
  these: readonly EncodedShape<Block>[],
  others: readonly EncodedShape<Block>[],
  keyOfThese: ((series: Series) => string) | null = null,
  keyOfOthers: (series: Series) => string = seriesKey,
): PartOfBlock[] {
  // Where the keys are of different kinds, equal blocks stand for different series.
  const shared = keyOfThese === null ? sharedIds(these, others) : new Set<string>();
  const keyOf = keyOfThese ?? seriesKey;
  const known = new Set<string>();
  for (const { shape } of others) {
    if (!shared.has(shape.id)) { for (const series of shape.series) known.add(keyOfOthers(series)); }
  }
  const parts: PartOfBlock[] = [];
  let first = 0;
  for (const block of these) {
    const { id, series } = block.shape;
    if (!shared.has(id)) {
      const indices = series.flatMap((one, index) => known.has(keyOf(one)) ? [] : [first + index]);
      const only = indices.length === series.length ? series : indices.map((index) => series[index - first] as Series);
      if (indices.length > 0) parts.push({ block, indices, series: only });
    }
    first += series.length;
  }
  return parts;
}

function sharedIds(these: readonly EncodedShape<Block>[], others: readonly EncodedShape<Block>[]): Set<string> {
  const ids = new Set(these.map(({ shape }) => shape.id));
  return new Set(others.flatMap(({ shape }) => ids.has(shape.id) ? [shape.id] : []));
}
