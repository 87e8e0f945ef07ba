import type { Block, ContentId, EncodedShape, Layout } from "../../core/protocol/shape.ts";

/** What is kept by default: enough for some ten thousand different families. */
export const shapeCacheDefaults = { shapesMax: 50_000, bytesMax: 64 * 1024 * 1024 } as const;

/** A shape takes about so many times the bytes of its body; the objects of its series are not kept. */
const memoryFactor = 1.5;

/**
 * Blocks and layouts by content, so that the targets which expose the same share one copy of it. Beyond its bounds
 * the least recently used are forgotten: they are then kept once for each target that still exposes them.
 */
export class ShapeCache {
  readonly #shapesMax: number;
  readonly #bytesMax: number;
  /** In the order of use, least recent first. */
  readonly #shapes = new Map<ContentId, EncodedShape>();
  #bytes = 0;

  constructor(bounds: { readonly shapesMax: number; readonly bytesMax: number } = shapeCacheDefaults) {
    this.#shapesMax = bounds.shapesMax;
    this.#bytesMax = bounds.bytesMax;
  }

  get size(): number {
    return this.#shapes.size;
  }

  /** An estimate of the memory that the kept shapes take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The shape that is kept for this content; `shape` itself when there was none. */
  intern<S extends Block | Layout>(shape: EncodedShape<S>): EncodedShape<S> {
    const known = this.#shapes.get(shape.shape.id);
    if (known !== undefined) {
      this.use(known);
      // The id covers the kind, so both are of the same one.
      return known as EncodedShape<S>;
    }
    this.#shapes.set(shape.shape.id, shape);
    this.#bytes += cost(shape);
    this.#evict();
    return shape;
  }

  /** Makes a kept shape the most recently used. */
  use(shape: EncodedShape): void {
    if (this.#shapes.delete(shape.shape.id)) this.#shapes.set(shape.shape.id, shape);
  }

  #evict(): void {
    for (const [id, shape] of this.#shapes) {
      if (this.#shapes.size <= this.#shapesMax && this.#bytes <= this.#bytesMax) return;
      this.#shapes.delete(id);
      this.#bytes -= cost(shape);
    }
  }
}

function cost(shape: EncodedShape): number {
  return shape.body.length * memoryFactor;
}
