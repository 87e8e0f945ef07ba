import { type Block, type BlockSummary, type ContentId, readBlockSeries, type Series } from "./shape.ts";

/**
 * A block whose series are read from its body when somebody asks for them, and forgotten when memory is short. As
 * objects they take several times the bytes of the body, and hardly anybody asks: a sink once, to make a template of
 * them, a collector when a target exposes something else.
 */
export class StoredBlock implements Block {
  readonly kind = "block";
  readonly id: ContentId;
  readonly family: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
  readonly seriesCount: number;
  readonly #body: Uint8Array;
  #series: WeakRef<readonly Series[]> | null = null;

  /** `body` is that of the block, checked; it must not change. */
  constructor(block: BlockSummary, body: Uint8Array) {
    this.id = block.id;
    this.family = block.family;
    this.type = block.type;
    this.help = block.help;
    this.unit = block.unit;
    this.seriesCount = block.seriesCount;
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
}

/** How many series a block has, without reading them. */
export function seriesCountOf(block: Block): number {
  return block instanceof StoredBlock ? block.seriesCount : block.series.length;
}
