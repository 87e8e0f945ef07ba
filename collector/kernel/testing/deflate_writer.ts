import type { Random } from "../../../core/runtime/env.ts";

/** Writes deflate streams (RFC 1951) that no compressor would. */
export class DeflateWriter {
  readonly #bits: number[] = [];

  /** A number, its lowest bit first. */
  number(value: number, bitCount: number): this {
    for (let i = 0; i < bitCount; i++) this.#bits.push(Math.floor(value / 2 ** i) % 2);
    return this;
  }

  /** A Huffman code, its highest bit first. */
  code(value: number, bitCount: number): this {
    for (let i = bitCount - 1; i >= 0; i--) this.#bits.push((value >> i) & 1);
    return this;
  }

  stored(bytes: Uint8Array, isLast = false): this {
    this.number(isLast ? 1 : 0, 3);
    while (this.#bits.length % 8 !== 0) this.#bits.push(0);
    this.number(bytes.length, 16).number(0xffff - bytes.length, 16);
    for (const byte of bytes) this.number(byte, 8);
    return this;
  }

  /** The head of a last block with codes of its own, of these lengths; each length takes four bits. */
  dynamic(literals: readonly number[], distances: readonly number[]): this {
    this.number(1, 1).number(2, 2).number(literals.length - 257, 5).number(distances.length - 1, 5).number(15, 4);
    // The order is 16, 17, 18, 0, 8, …: the three repetitions have no code, all others one of four bits.
    for (let i = 0; i < 19; i++) this.number(i < 3 ? 0 : 4, 3);
    for (const length of [...literals, ...distances]) this.code(length, 4);
    return this;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, i) => bytes[i >> 3]! |= bit << (i & 7));
    return bytes;
  }
}

/** Lengths of a complete code of `count` symbols, of 15 bits at most, many of them long. */
export function randomLengths(random: Random, count: number): number[] {
  const lengths = [0];
  while (lengths.length < count) {
    // The last leaf is among the deepest: splitting it often makes long codes.
    const leaf = random.float() < 0.2 ? lengths.length - 1 : Math.floor(random.float() * lengths.length);
    const length = lengths[leaf]!;
    if (length === 15) continue;
    lengths[leaf] = length + 1;
    lengths.push(length + 1);
  }
  return lengths;
}
