/**
 * Blocks of a memory, after "TLSF: a new dynamic memory allocator for real-time systems" (Masmano and others, 2004):
 * free blocks are in lists by size, 16 sizes for each power of two, so that finding, splitting and joining them takes
 * the same few steps however many there are. A block is taken from a list whose blocks are all large enough; what is
 * left over of it is free again, and neighbours that are free are joined.
 *
 * ```
 * a block, at a multiple of 16
 *        0  4   its bytes with this header, a multiple of 16; the lowest bit: it is free
 *        4  4   the bytes of the block before it; 0 for the first
 *        8  4   in a free block: the next of its list, 0 at the end      in a block in use: a mark
 *       12  4   in a free block: the one before in its list, or 0
 *       16      the content, which is what `alloc` returns
 * ```
 */
export class Heap {
  readonly bytesMax: number;
  usedBytes = 0;
  readonly #words: Uint32Array;
  readonly #start: number;
  readonly #end: number;
  /** The first block of each list. */
  readonly #first = new Uint32Array(listCount);
  /** For each power of two, which of its lists have blocks. */
  readonly #filled = new Uint16Array(powerCount);
  /** Which powers of two have lists with blocks. */
  #filledPowers = 0;

  /** @param words The memory, of which the bytes from `start` to `end`, multiples of 16, are for blocks. */
  constructor(words: Uint32Array, start: number, end: number) {
    this.#words = words;
    this.#start = start;
    this.#end = end;
    this.bytesMax = end - start;
    this.#addFree(start, this.bytesMax, 0);
  }

  /** The address of `bytes` bytes, a multiple of 16; null when no free block is large enough. */
  alloc(bytes: number): number | null {
    if (bytes > this.bytesMax) return null;
    const wanted = Math.max(blockBytesMin, (headerBytes + bytes + 15) & ~15);
    const block = this.#find(wanted);
    if (block === 0) return null;
    this.#unlink(block);
    const size = this.#size(block);
    const rest = size - wanted;
    if (rest >= blockBytesMin) this.#addFree(block + wanted, rest, wanted);
    const taken = rest >= blockBytesMin ? wanted : size;
    this.#set(block, 0, taken);
    this.#set(block, 2, inUse);
    this.usedBytes += taken;
    return block + headerBytes;
  }

  /** Gives back what `alloc` has returned. Throws when no block in use is there. */
  free(at: number): void {
    const block = at - headerBytes;
    if (block < this.#start || block >= this.#end || block % 16 !== 0 || this.#get(block, 2) !== inUse) {
      throw new Error(`Cannot free block "${at}": no block in use is there`);
    }
    let start = block;
    let size = this.#size(block);
    this.usedBytes -= size;
    this.#set(block, 2, 0);
    const next = block + size;
    if (next < this.#end && this.#isFree(next)) {
      this.#unlink(next);
      size += this.#size(next);
    }
    const before = block - this.#get(block, 1);
    if (before !== block && this.#isFree(before)) {
      this.#unlink(before);
      size += this.#size(before);
      start = before;
    }
    this.#addFree(start, size, start === block ? this.#get(block, 1) : this.#get(start, 1));
  }

  /** A free block of at least `size` bytes, or 0. */
  #find(size: number): number {
    // All blocks of the next list are large enough. Of its own list's only some are: they come last.
    const list = listOf(size) + 1;
    const power = list >>> sizeBits;
    const sizes = (this.#filled[power] ?? 0) & (-1 << (list & sizeMask));
    if (sizes !== 0) return this.#first[power * sizeCount + lowestBit(sizes)]!;
    const powers = power >= 31 ? 0 : this.#filledPowers & (-2 << power);
    if (powers !== 0) {
      const found = lowestBit(powers);
      return this.#first[found * sizeCount + lowestBit(this.#filled[found]!)]!;
    }
    return this.#fitting(size);
  }

  /** A block of the very list of `size`, looking at a few of them only. */
  #fitting(size: number): number {
    let block = this.#first[listOf(size)]!;
    for (let tries = 0; block !== 0 && tries < triesMax; tries++) {
      if (this.#size(block) >= size) return block;
      block = this.#get(block, 2);
    }
    return 0;
  }

  #addFree(block: number, size: number, sizeBefore: number): void {
    const list = listOf(size);
    const next = this.#first[list]!;
    this.#set(block, 0, size | 1);
    this.#set(block, 1, sizeBefore);
    this.#set(block, 2, next);
    this.#set(block, 3, 0);
    if (next !== 0) this.#set(next, 3, block);
    this.#first[list] = block;
    this.#filled[list >>> sizeBits]! |= 1 << (list & sizeMask);
    this.#filledPowers |= 1 << (list >>> sizeBits);
    if (block + size < this.#end) this.#set(block + size, 1, size);
  }

  #unlink(block: number): void {
    const list = listOf(this.#size(block));
    const next = this.#get(block, 2);
    const before = this.#get(block, 3);
    if (next !== 0) this.#set(next, 3, before);
    if (before !== 0) this.#set(before, 2, next);
    else this.#first[list] = next;
    if (this.#first[list] !== 0) return;
    this.#filled[list >>> sizeBits]! &= ~(1 << (list & sizeMask));
    if (this.#filled[list >>> sizeBits] === 0) this.#filledPowers &= ~(1 << (list >>> sizeBits));
  }

  #size(block: number): number {
    return (this.#get(block, 0) & ~1) >>> 0;
  }

  #isFree(block: number): boolean {
    return (this.#get(block, 0) & 1) === 1;
  }

  #get(block: number, word: number): number {
    return this.#words[(block >>> 2) + word]!;
  }

  #set(block: number, word: number, value: number): void {
    this.#words[(block >>> 2) + word] = value;
  }
}

const headerBytes = 16;
const blockBytesMin = 32;
const powerCount = 32;
const sizeBits = 4;
const sizeCount = 1 << sizeBits;
const sizeMask = sizeCount - 1;
const listCount = powerCount * sizeCount;
/** No address of a block, since it is no multiple of 16. */
const inUse = 0x5eed_ab1f;
const triesMax = 8;

/** The list of blocks of `size` bytes: 16 for each power of two. */
function listOf(size: number): number {
  const power = 31 - Math.clz32(size);
  return power * sizeCount + ((size >>> (power - sizeBits)) & sizeMask);
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
