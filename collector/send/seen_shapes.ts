import type { ContentId } from "../../core/protocol/shape.ts";
import type { HeldShape } from "./held_shapes.ts";

/**
 * The shapes that were sent on one connection. At its bound it forgets all of them, so that each is sent once more
 * when it is used next: the exporter knows shapes by their content and takes one it has without harm.
 */
export class SeenShapes {
  readonly #ids = new Set<ContentId>();
  readonly #countMax: number;

  /** `countMax` defaults to 100,000 (about 10 MB). */
  constructor(countMax = 100_000) {
    this.#countMax = countMax;
  }

  /** True the first time that it is asked for a shape, which is then to be sent. */
  add(shape: HeldShape): boolean {
    if (this.#ids.has(shape.id)) return false;
    if (this.#ids.size >= this.#countMax) this.#ids.clear();
    this.#ids.add(shape.id);
    return true;
  }

  /** Takes back that a shape was sent, and for a layout its blocks: an exporter that lacks it cannot name those. */
  forget(shape: HeldShape): void {
    this.#ids.delete(shape.id);
    for (const block of shape.blocks) this.#ids.delete(block);
  }
}
