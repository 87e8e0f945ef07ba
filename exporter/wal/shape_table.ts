import { ByteReader } from "../../core/protocol/bytes.ts";
import { checkShape, type ContentId, contentIdBytes, readContentId, type Shape } from "../../core/protocol/shape.ts";
import { StoredBlock } from "../../core/protocol/stored_block.ts";
import type { ShapeTable } from "./wal.ts";

interface Entry {
  readonly shape: Shape;
  readonly body: Uint8Array;
  /** Number of segments in which it stands. */
  holders: number;
  /** For a layout: the count of forgotten shapes when all its blocks were known; they still are while it is the same. */
  completeAt: number;
}

/**
 * The shapes in memory, each held by the segments in which it stands. One that none holds is new, or its segments are
 * gone: such idle ones are kept within a byte budget, since a collector sends a shape once for a connection and goes
 * on using it; beyond, those idle longest are forgotten, and the collector is asked for them again.
 */
export class HeldShapes implements ShapeTable {
  readonly #entries = new Map<ContentId, Entry>();
  /** Idle for longest first. */
  readonly #idle = new Map<ContentId, Entry>();
  readonly #idleBytesMax: number;
  #idleBytes = 0;
  #forgottenCount = 0;

  /** `idleBytesMax` bounds the bodies of the shapes that no segment holds. */
  constructor(idleBytesMax: number) {
    this.#idleBytesMax = idleBytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(id: ContentId): Shape | undefined {
    return this.#entries.get(id)?.shape;
  }

  /** The body of a known shape. */
  body(id: ContentId): Uint8Array | undefined {
    return this.#entries.get(id)?.body;
  }

  add(body: Uint8Array): Shape {
    const known = this.#find(body);
    if (known !== undefined) {
      if (known.holders === 0) this.#becomeIdle(known);
      return known.shape;
    }
    const checked = checkShape(body);
    const kept = new Uint8Array(body);
    const shape = checked.kind === "block" ? new StoredBlock(checked, kept) : checked;
    const entry: Entry = { shape, body: kept, holders: 0, completeAt: -1 };
    this.#entries.set(shape.id, entry);
    this.#becomeIdle(entry);
    return shape;
  }

  missing(targetId: ContentId, layoutId: ContentId): ContentId[] {
    const missing: ContentId[] = [];
    if (this.get(targetId)?.kind !== "target") missing.push(targetId);
    const layout = this.#entries.get(layoutId);
    if (layout?.shape.kind !== "layout") {
      missing.push(layoutId);
    } else if (layout.completeAt !== this.#forgottenCount) {
      const unknown = layout.shape.blocks.filter((id) => this.get(id)?.kind !== "block");
      if (unknown.length === 0) layout.completeAt = this.#forgottenCount;
      missing.push(...unknown);
    }
    return missing;
  }

  /** One more segment holds it. */
  hold(id: ContentId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`Cannot hold shape "${id}": it is not known`);
    if (this.#idle.delete(id)) this.#idleBytes -= entry.body.length;
    entry.holders++;
  }

  /** A segment that held it is gone. */
  release(id: ContentId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.holders === 0) throw new Error(`Cannot release shape "${id}": nothing holds it`);
    entry.holders--;
    if (entry.holders === 0) this.#becomeIdle(entry);
  }

  /** The entry with this very body, found without decoding it: a collector sends all its shapes on each connection. */
  #find(body: Uint8Array): Entry | undefined {
    if (body.length < 1 + contentIdBytes) return undefined;
    const entry = this.#entries.get(readContentId(new ByteReader(body.subarray(1))));
    return entry !== undefined && Buffer.compare(entry.body, body) === 0 ? entry : undefined;
  }

  #becomeIdle(entry: Entry): void {
    const { id } = entry.shape;
    if (!this.#idle.delete(id)) this.#idleBytes += entry.body.length;
    this.#idle.set(id, entry);
    for (const [oldest, { body }] of this.#idle) {
      // The latest stays whatever its size, or a large one could never be used at all.
      if (this.#idleBytes <= this.#idleBytesMax || oldest === id) break;
      this.#idle.delete(oldest);
      this.#idleBytes -= body.length;
      this.#entries.delete(oldest);
      this.#forgottenCount++;
    }
  }
}
