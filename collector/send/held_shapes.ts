import { FrameType } from "../../core/protocol/frame.ts";
import type { ContentId, EncodedShape } from "../../core/protocol/shape.ts";

/** As much of a shape as is kept. */
export interface StoredShape {
  readonly id: ContentId;
  /** `FrameType.schema` or `FrameType.target`. */
  readonly frameType: number;
  /** What a layout lists; empty for the other kinds. */
  readonly blocks: readonly ContentId[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A shape that at least one held record refers to. */
export interface HeldShape extends StoredShape {
  /** How many held records refer to it; only HeldShapes changes it. */
  references: number;
}

/** What the shape costs beyond its body: the entry of the map, its key and the object. */
const overheadBytes = 200;

/**
 * The shapes that held records refer to, each once however many records share it, so that any of them can be sent
 * again on a new connection. Only the body is kept, not the decoded series, which take many times its bytes.
 */
export class HeldShapes {
  readonly #byId = new Map<ContentId, HeldShape>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds one reference to each shape and returns what the record keeps in place of them. */
  retain(shapes: readonly EncodedShape[]): readonly HeldShape[] {
    return shapes.map(({ shape, body }) => {
      const known = this.#use(shape.id);
      if (known !== undefined) return known;
      const frameType = shape.kind === "target" ? FrameType.target : FrameType.schema;
      const blocks = shape.kind === "layout" ? shape.blocks : [];
      return this.#hold({ id: shape.id, frameType, blocks, body });
    });
  }

  /** As {@link retain}, for shapes that were read back from disk. */
  retainStored(shapes: readonly StoredShape[]): readonly HeldShape[] {
    return shapes.map((shape) => this.#use(shape.id) ?? this.#hold(shape));
  }

  /** Gives up one reference to each; a shape without any is forgotten. */
  release(shapes: readonly HeldShape[]): void {
    for (const shape of shapes) {
      if (--shape.references > 0) continue;
      if (!this.#byId.delete(shape.id)) throw new Error(`Cannot release shape "${shape.id}": it is not held`);
      this.#bytes -= shapeCostBytes(shape.body);
    }
  }

  #use(id: ContentId): HeldShape | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined) known.references++;
    return known;
  }

  #hold(shape: StoredShape): HeldShape {
    const held = { ...shape, references: 1 };
    this.#byId.set(shape.id, held);
    this.#bytes += shapeCostBytes(shape.body);
    return held;
  }
}

/** Bytes of memory that a held shape is reckoned at. */
export function shapeCostBytes(body: Uint8Array): number {
  return overheadBytes + body.length;
}
