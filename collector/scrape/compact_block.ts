import type { Block, EncodedShape } from "../../core/protocol/shape.ts";
import { StoredBlock } from "../../core/protocol/stored_block.ts";
import { seriesKey } from "../../core/scrape/target_labels.ts";

/** A stored block that remembers the keys of its series, too, while memory is not short. */
class CompactBlock extends StoredBlock {
  #keys: WeakRef<readonly string[]> | null = null;

  /** Of all series; see `seriesKey`. */
  get keys(): readonly string[] {
    let keys = this.#keys?.deref();
    if (keys === undefined) {
      keys = this.series.map(seriesKey);
      this.#keys = new WeakRef(keys);
    }
    return keys;
  }
}

/** The same block, in less memory. */
export function compactBlock({ shape, body }: EncodedShape<Block>): EncodedShape<Block> {
  const { kind, id, family, type, help, unit, series } = shape;
  return { shape: new CompactBlock({ kind, id, family, type, help, unit, seriesCount: series.length }, body), body };
}

/**
 * The keys of a block's series, in their order. Where a family changes with each scrape they are asked for five times:
 * what is new, and what has vanished, of this scrape and of the next.
 */
export function seriesKeysOf({ shape }: EncodedShape<Block>): readonly string[] {
  return shape instanceof CompactBlock ? shape.keys : shape.series.map(seriesKey);
}
