import { Heap } from "./heap.ts";
import { heapAt, slackBytes, writeTables } from "./layout.ts";

/** How large a kernel's memory is by default. What nobody has touched of it takes no RAM. */
export const kernelBytesDefault = 128 * 1024 * 1024;

/**
 * The memory in which a kernel works. It never grows, so the views stay valid. Addresses are byte offsets in
 * {@link KernelMemory.bytes}; none is 0.
 */
export class KernelMemory {
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** All of it, for addresses divided by 4. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** All of it, for addresses divided by 8. */
  readonly floats: Float64Array<ArrayBuffer>;
  readonly #heap: Heap;

  /** @param buffer Zeros; a multiple of 64 KiB. */
  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float64Array(buffer);
    writeTables(buffer);
    this.#heap = new Heap(this.words, heapAt, buffer.byteLength - slackBytes);
  }

  /**
   * Takes `bytes` bytes, at a multiple of 16. Their content is arbitrary. Bytes behind the block are read by the
   * kernel, but never matter.
   * @returns The address; null when there is no gap of that size.
   */
  alloc(bytes: number): number | null {
    return this.#heap.alloc(bytes);
  }

  /** Gives back what `alloc` has returned. Throws when there is no block at that address. */
  free(at: number): void {
    this.#heap.free(at);
  }

  /** The bytes in use, with what the allocator adds. */
  get usedBytes(): number {
    return this.#heap.usedBytes;
  }

  /** The bytes that there are for blocks. */
  get bytesMax(): number {
    return this.#heap.bytesMax;
  }
}
