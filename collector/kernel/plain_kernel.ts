import {
  differs,
  type Kernel,
  matched,
  type MatchResult,
  type MatchStatus,
  number,
  short,
  tokenBytesMax,
} from "./kernel.ts";
import { KernelMemory } from "./kernel_memory.ts";
import { resultAt, textsOffset } from "./layout.ts";
import { PlainNumbers } from "./plain_numbers.ts";
import { ResultView } from "./result_view.ts";

const lineFeed = 0x0a;

/** The kernel in TypeScript: where there is no WebAssembly or no SIMD, and what the tests compare the other with. */
export class PlainKernel implements Kernel {
  readonly name = "plain";
  readonly memory: KernelMemory;
  readonly result: MatchResult;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #numbers: PlainNumbers;

  /** @param bytes How large its memory is: a multiple of 64 KiB. */
  constructor(bytes: number) {
    this.memory = new KernelMemory(new ArrayBuffer(bytes));
    this.#bytes = this.memory.bytes;
    this.#words = this.memory.words;
    this.#numbers = new PlainNumbers(this.memory);
    this.result = new ResultView(this.#words);
  }

  /** The runtime's own is faster than TypeScript. */
  makeInflater(): null {
    return null;
  }

  match(template: number, piece: number, at: number, end: number, values: number): MatchStatus {
    const valueCount = this.#words[template >>> 2]!;
    const ends = (template >>> 2) + 2;
    const texts = template + textsOffset(valueCount);
    let textStart = piece === 0 ? 0 : this.#words[ends + piece - 1]!;
    for (;;) {
      const textEnd = this.#words[ends + piece]!;
      const length = textEnd - textStart;
      if (!this.#agree(texts + textStart, at, Math.min(length, end - at))) return this.#stop(differs, piece, at);
      if (end - at < length) return this.#stop(short, piece, at);
      const token = at + length;
      if (piece === valueCount) return this.#stop(matched, piece, token);
      const tokenEnd = this.#lineFeed(token, end);
      if (tokenEnd - token > tokenBytesMax) return this.#stop(differs, piece, at);
      if (tokenEnd === end) return this.#stop(short, piece, at);
      if (!this.#numbers.parse(token, tokenEnd, values + 8 * piece)) return this.#stop(number, piece, token, tokenEnd);
      textStart = textEnd;
      piece++;
      at = tokenEnd;
    }
  }

  parseNumber(at: number, end: number, value: number): boolean {
    return this.#numbers.parse(at, end, value);
  }

  #agree(text: number, at: number, length: number): boolean {
    const bytes = this.#bytes;
    for (let offset = 0; offset < length; offset++) {
      if (bytes[text + offset] !== bytes[at + offset]) return false;
    }
    return true;
  }

  /** Where the next line feed is, or `end`; it looks no further than a token may reach. */
  #lineFeed(at: number, end: number): number {
    const bytes = this.#bytes;
    const stop = Math.min(end, at + tokenBytesMax + 1);
    while (at < stop && bytes[at] !== lineFeed) at++;
    return at;
  }

  #stop(status: MatchStatus, piece: number, at: number, tokenEnd = 0): MatchStatus {
    this.#words[resultAt >>> 2] = piece;
    this.#words[(resultAt >>> 2) + 1] = at;
    this.#words[(resultAt >>> 2) + 2] = tokenEnd;
    return status;
  }
}
