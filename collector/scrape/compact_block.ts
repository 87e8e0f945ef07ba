import {
  type Block,
  blockSeriesCount,
  type ContentId,
  type EncodedShape,
  readBlockSeries,
  type Series,
} from "../../core/protocol/shape.ts";
import { seriesKey } from "../../core/scrape/target_labels.ts";

/**
 * A block whose series are read from its body when somebody asks for them, and forgotten when memory is short. As
 * objects they take several times the bytes of the body, and while a target exposes what it did nobody asks.
 */
class CompactBlock implements Block {
  readonly kind = "block";
  readonly id: ContentId;
  readonly family: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
  readonly seriesCount: number;
  readonly #body: Uint8Array;
  #series: WeakRef<readonly Series[]> | null = null;
  #keys: WeakRef<readonly string[]> | null = null;

  constructor({ shape, body }: EncodedShape<Block>) {
    this.id = shape.id;
    this.family = shape.family;
    this.type = shape.type;
    this.help = shape.help;
    this.unit = shape.unit;
    this.seriesCount = shape.series.length;
    this.#body = body;
  }

  get series(): readonly Series[] {
    let series = this.#series?.deref();
    if (series === undefined) {
      series = readBlockSeries(this.#body);
      this.#series = new WeakRef(series);
    }
    return series;
  }

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
export function compactBlock(block: EncodedShape<Block>): EncodedShape<Block> {
  return { shape: new CompactBlock(block), body: block.body };
}

/**
 * The keys of a block's series, in their order. Where a family changes with each scrape they are asked for five times:
 * what is new, and what has vanished, of this scrape and of the next.
 */
export function seriesKeysOf({ shape }: EncodedShape<Block>): readonly string[] {
  return shape instanceof CompactBlock ? shape.keys : shape.series.map(seriesKey);
}

/** How many series a block has, without reading them. */
export function seriesCountOf({ shape, body }: EncodedShape<Block>): number {
  return shape instanceof CompactBlock ? shape.seriesCount : blockSeriesCount(body);
}
