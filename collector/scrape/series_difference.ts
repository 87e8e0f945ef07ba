import type { Block, EncodedShape, Series } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import { seriesKeysOf } from "./compact_block.ts";

/** Series of one block. */
export interface PartOfBlock {
  readonly block: EncodedShape<Block>;
  /** Index of the block's first series among all series of the list of blocks. */
  readonly first: number;
  /** Indices within the block; null for all of it, whose series need not be looked at then. */
  readonly indices: readonly number[] | null;
}

/** The series of a part, in their order. */
export function seriesOfPart({ block, indices }: PartOfBlock): readonly Series[] {
  const { series } = block.shape;
  return indices === null ? series : indices.map((index) => series[index] as Series);
}

export function countSeries({ block, indices }: PartOfBlock): number {
  return indices?.length ?? seriesCountOf(block.shape);
}

/** What makes two series the same, for each series of a block. */
export type KeysOf = (block: EncodedShape<Block>) => readonly string[];

/**
 * The series that the blocks of `these` have and those of `others` do not, by block. No list has a series twice. Blocks
 * that both have are not looked into, so that a change of one family costs that family only.
 *
 * @param keysOfThese and `keysOfOthers`: by default names and labels.
 */
export function seriesOnlyIn(
  these: readonly EncodedShape<Block>[],
  others: readonly EncodedShape<Block>[],
  keysOfThese: KeysOf | null = null,
  keysOfOthers: KeysOf = seriesKeysOf,
): PartOfBlock[] {
  // Where the keys are of different kinds, equal blocks stand for different series.
  const shared = keysOfThese === null ? sharedIds(these, others) : new Set<string>();
  const keysOf = keysOfThese ?? seriesKeysOf;
  const known = new Set<string>();
  for (const block of others) {
    if (!shared.has(block.shape.id)) { for (const key of keysOfOthers(block)) known.add(key); }
  }
  const parts: PartOfBlock[] = [];
  let first = 0;
  for (const block of these) {
    const count = seriesCountOf(block.shape);
    if (!shared.has(block.shape.id) && count > 0) {
      // Where there is nothing else, as after a failed scrape, no series has to be looked at.
      const indices = known.size === 0 ? null : indicesOfUnknown(keysOf(block), known);
      if (indices === null || indices.length === count) parts.push({ block, first, indices: null });
      else if (indices.length > 0) parts.push({ block, first, indices });
    }
    first += count;
  }
  return parts;
}

function indicesOfUnknown(keys: readonly string[], known: ReadonlySet<string>): number[] {
  const indices: number[] = [];
  for (let index = 0; index < keys.length; index++) if (!known.has(keys[index] as string)) indices.push(index);
  return indices;
}

function sharedIds(these: readonly EncodedShape<Block>[], others: readonly EncodedShape<Block>[]): Set<string> {
  const ids = new Set(these.map(({ shape }) => shape.id));
  return new Set(others.flatMap(({ shape }) => ids.has(shape.id) ? [shape.id] : []));
}
