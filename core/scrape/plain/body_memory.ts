import type { Inflater } from "./inflater.ts";

/**
 * Where the bodies of scrapes are kept while they come and are read. The bytes of a body are read from the socket
 * straight into lent memory, so whoever matches them in memory of its own (a WASM module) supplies that here.
 */
export interface BodyMemory {
  /**
   * Lends memory for one body, of at least so many bytes. It always does: how many bodies there are at once, and how
   * large each may become, is bounded by the caller. A supplier whose room is used up lends plain memory.
   */
  lend(bytesMin: number): LentBody;
  /** What inflates from lent memory into lent memory; without it, zlib does from anywhere into memory of its own. */
  readonly inflater?: Inflater | null;
}

/** Memory lent for one body. */
export interface LentBody {
  /** The whole room. It may be another array after `grow`. */
  readonly bytes: Uint8Array;
  /** Makes the room at least so large; what is in it keeps its place from the beginning of `bytes`. */
  grow(bytesMin: number): void;
  /** Gives the memory back: nobody may touch `bytes` any more. Once. */
  release(): void;
}

/** Smallest room that is lent; rooms are powers of two of it. */
const roomBytesMin = 16 * 1024;
/** Rooms that nobody uses are kept for the next bodies up to so many bytes, and left to the collector beyond. */
const idleBytesMax: number = 16 * 1024 * 1024;

/** Plain memory, used again for the next bodies of about the same size. */
export class PooledBodyMemory implements BodyMemory {
  readonly #idle = new Map<number, Uint8Array[]>();
  readonly #idleBytesMax: number;
  #idleBytes = 0;

  constructor(idleMax: number = idleBytesMax) {
    this.#idleBytesMax = idleMax;
  }

  /** Bytes of rooms that nobody uses. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  lend(bytesMin: number): LentBody {
    return new PooledBody(this, bytesMin);
  }

  /** For {@link PooledBody} alone. */
  take(bytesMin: number): Uint8Array {
    let bytes = roomBytesMin;
    while (bytes < bytesMin) bytes *= 2;
    const room = this.#idle.get(bytes)?.pop();
    if (room === undefined) return new Uint8Array(bytes);
    this.#idleBytes -= bytes;
    return room;
  }

  /** For {@link PooledBody} alone. */
  giveBack(room: Uint8Array): void {
    if (this.#idleBytes + room.length > this.#idleBytesMax) return;
    const rooms = this.#idle.get(room.length);
    if (rooms === undefined) this.#idle.set(room.length, [room]);
    else rooms.push(room);
    this.#idleBytes += room.length;
  }
}

class PooledBody implements LentBody {
  readonly #memory: PooledBodyMemory;
  #bytes: Uint8Array | null;

  constructor(memory: PooledBodyMemory, bytesMin: number) {
    this.#memory = memory;
    this.#bytes = memory.take(bytesMin);
  }

  get bytes(): Uint8Array {
    if (this.#bytes === null) throw new Error("the memory of a body was used after its release");
    return this.#bytes;
  }

  grow(bytesMin: number): void {
    const { bytes } = this;
    if (bytes.length >= bytesMin) return;
    const larger = this.#memory.take(bytesMin);
    larger.set(bytes);
    this.#bytes = larger;
    this.#memory.giveBack(bytes);
  }

  release(): void {
    const { bytes } = this;
    this.#bytes = null;
    this.#memory.giveBack(bytes);
  }
}
