import { type BodyMemory, type LentBody, PooledBodyMemory } from "../../core/scrape/plain/body_memory.ts";
import type { Inflater } from "../../core/scrape/plain/inflater.ts";
import type { KernelMemory } from "./kernel_memory.ts";

/** The least that is taken for a body: most bodies never outgrow it. */
const roomBytesMin = 16 * 1024;
/** The share of the kernel's memory that bodies may take by default. */
const bodiesShare = 1 / 4;

/**
 * Lends the kernel's memory for bodies, so that sockets are read straight into where the kernel matches. Of what goes
 * beyond its limit, or finds no room there, it lends plain memory.
 */
export class KernelBodyMemory implements BodyMemory {
  readonly inflater: Inflater | null;
  readonly #memory: KernelMemory;
  readonly #bytesMax: number;
  readonly #plain: BodyMemory;
  #lentBytes = 0;
  #plainCount = 0;

  /**
   * @param bytesMax The limit on all bodies together: by default a quarter of the memory.
   * @param inflater What inflates within that memory: by default nothing does.
   */
  constructor(
    memory: KernelMemory,
    bytesMax = memory.bytesMax * bodiesShare,
    plain: BodyMemory = new PooledBodyMemory(),
    inflater: Inflater | null = null,
  ) {
    this.inflater = inflater;
    this.#memory = memory;
    this.#bytesMax = bytesMax;
    this.#plain = plain;
  }

  /** Bytes of the kernel's memory that are lent now. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** How often plain memory had to do, since the start. */
  get plainCount(): number {
    return this.#plainCount;
  }

  lend(bytesMin: number): LentBody {
    const bytes = Math.max(roomBytesMin, bytesMin);
    const at = this.#take(bytes);
    return at === null ? this.#lendPlain(bytesMin) : new KernelBody(this, at, bytes);
  }

  /** For {@link KernelBody} alone, as all below: the room at `at`. */
  room(at: number, bytes: number): Uint8Array {
    return this.#memory.bytes.subarray(at, at + bytes);
  }

  /** A larger room with the content of one, which is given back. */
  move(at: number, bytes: number, bytesMin: number): KernelRoom | LentBody {
    // Half as much again, so that a body that grows chunk by chunk is not copied for each of them.
    const wanted = Math.max(bytesMin, Math.ceil(bytes * 1.5));
    const to = this.#take(wanted);
    if (to === null) {
      const plain = this.#lendPlain(bytesMin);
      plain.bytes.set(this.room(at, bytes));
      this.giveBack(at, bytes);
      return plain;
    }
    this.#memory.bytes.copyWithin(to, at, at + bytes);
    this.giveBack(at, bytes);
    return { at: to, bytes: wanted };
  }

  giveBack(at: number, bytes: number): void {
    this.#memory.free(at);
    this.#lentBytes -= bytes;
  }

  #take(bytes: number): number | null {
    if (this.#lentBytes + bytes > this.#bytesMax) return null;
    const at = this.#memory.alloc(bytes);
    if (at !== null) this.#lentBytes += bytes;
    return at;
  }

  #lendPlain(bytesMin: number): LentBody {
    this.#plainCount++;
    return this.#plain.lend(bytesMin);
  }
}

/** A room of the kernel's memory: its address and its size. */
interface KernelRoom {
  readonly at: number;
  readonly bytes: number;
}

class KernelBody implements LentBody {
  readonly #memory: KernelBodyMemory;
  #at: number;
  #bytes: Uint8Array;
  /** Where the body went when it outgrew the kernel's memory. */
  #plain: LentBody | null = null;
  #isReleased = false;

  constructor(memory: KernelBodyMemory, at: number, bytes: number) {
    this.#memory = memory;
    this.#at = at;
    this.#bytes = memory.room(at, bytes);
  }

  get bytes(): Uint8Array {
    this.#assertLent();
    return this.#plain === null ? this.#bytes : this.#plain.bytes;
  }

  grow(bytesMin: number): void {
    this.#assertLent();
    if (this.#plain !== null) return this.#plain.grow(bytesMin);
    if (bytesMin <= this.#bytes.length) return;
    const moved = this.#memory.move(this.#at, this.#bytes.length, bytesMin);
    if (!("at" in moved)) {
      this.#plain = moved;
      return;
    }
    this.#at = moved.at;
    this.#bytes = this.#memory.room(moved.at, moved.bytes);
  }

  release(): void {
    this.#assertLent();
    this.#isReleased = true;
    if (this.#plain !== null) this.#plain.release();
    else this.#memory.giveBack(this.#at, this.#bytes.length);
  }

  /** Whoever wrote to it later would write over templates. */
  #assertLent(): void {
    if (this.#isReleased) throw new Error("the memory of a body was used after its release");
  }
}
