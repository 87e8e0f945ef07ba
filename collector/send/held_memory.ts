import { type Entry, entryCostBytes } from "./entry.ts";
import { HeldShapes } from "./held_shapes.ts";

/** The memory that entries take, and the shapes that their records share, each counted once. */
export class HeldMemory {
  readonly shapes: HeldShapes = new HeldShapes();
  #entryBytes = 0;

  get bytes(): number {
    return this.#entryBytes + this.shapes.bytes;
  }

  /** The shapes of a record were retained before, by {@link shapes}. */
  add(entry: Entry): void {
    this.#entryBytes += entryCostBytes(entry);
  }

  remove(entry: Entry): void {
    this.#entryBytes -= entryCostBytes(entry);
    if (entry.kind === "record") this.shapes.release(entry.shapes);
  }
}
