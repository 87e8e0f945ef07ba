import type { Inflater } from "../../core/scrape/plain/inflater.ts";
import type { KernelMemory } from "./kernel_memory.ts";

/** What a call of {@link Kernel.match} came to; {@link Kernel.result} says where. */
export type MatchStatus = 0 | 1 | 2 | 3;

/** The family is there; `at` is behind it. */
export const matched = 0;

/** The bytes end within the family, and agree so far; go on with `piece` and `at` when there are more. */
export const short = 1;

/** The bytes are not those of the family: the text `piece`, or the value before it, is another at `at`. */
export const differs = 2;

/**
 * The value before the text `piece + 1` is at `at` to `tokenEnd`, and the kernel does not read such: parse it with
 * `core/exposition/number.ts`, store it as value number `piece`, and go on with `piece + 1` at `tokenEnd`.
 */
export const number = 3;

/** A value's token may be this long, in bytes; what is longer {@link differs}. The longest exact decimal has 1,077. */
export const tokenBytesMax = 2048;

/**
 * Where a call of {@link Kernel.match} came to a stand, until the next call.
 *
 * ```
 *   texts    text 0   NUMBER 0   text 1   NUMBER 1   text 2      each text but the first begins with "\n"
 *   piece    0        0          1        1          2
 * ```
 */
export interface MatchResult {
  /** The text it is at; with {@link number} the value behind that text; with {@link matched} the last text. */
  readonly piece: number;
  /**
   * An address: behind the family ({@link matched}), where the text `piece` begins ({@link short} and
   * {@link differs}), or where the token of the value begins ({@link number}).
   */
  readonly at: number;
  /** The address of the line feed behind the token. It has a meaning with {@link number} only. */
  readonly tokenEnd: number;
}

/**
 * Matches bodies against what is expected, and reads the numbers in between: decimals and NaN. All of it happens within one memory of a
 * fixed size, in which templates, bodies and values have to be.
 */
export interface Kernel {
  /** `simd` is the WebAssembly module, `plain` its twin in TypeScript: they answer alike. */
  readonly name: "simd" | "plain";
  readonly memory: KernelMemory;
  readonly result: MatchResult;

  /**
   * Matches one family.
   *
   * @param template The address of the family's template, as `writeTemplate` has written it.
   * @param piece The text to begin with: 0, or where an earlier call stopped.
   * @param at The address in the body where that text should be.
   * @param end The address behind the last byte of the body.
   * @param values The address, a multiple of 8, of value 0. Value i is stored at `values + 8 i`, as a 64-bit float.
   */
  match(template: number, piece: number, at: number, end: number, values: number): MatchStatus;

  /**
   * Reads the token of `at` to `end`, behind which there has to be a line feed, stores its value at address `value`, a
   * multiple of 8, and tells whether it could. What it cannot read may be a number nevertheless: only
   * `core/exposition/number.ts` knows.
   */
  parseNumber(at: number, end: number, value: number): boolean;

  /** Makes what inflates bodies within this memory, of which it takes 24 KB for good; null when there is none. */
  makeInflater(): Inflater | null;
}
