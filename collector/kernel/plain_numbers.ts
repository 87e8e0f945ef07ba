import { Buffer } from "node:buffer";
import type { KernelMemory } from "./kernel_memory.ts";

const digitZero = 0x30;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const letterN = 0x4e;
const letterA = 0x61;
/** With the bit that makes a letter small. */
const letterE = 0x65;

/** Below this, digits add up without rounding. */
const exactMax = 2 ** 53;
/** The powers of ten that a float holds exactly. */
const tens = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/**
 * Reads the tokens `-?digits[.digits][(e|E)[+-]?digits]` of a memory, equal bit for bit to `Number()`,
 * and "NaN", of which summaries without observations are full.
 *
 * Digits that a float holds exactly are multiplied or divided by a power of ten that it holds exactly, which rounds
 * once (W. Clinger, "How to read floating point numbers accurately", 1990). Others are read by `Number` itself.
 */
export class PlainNumbers {
  readonly #bytes: Uint8Array;
  readonly #text: Buffer;
  readonly #floats: Float64Array;

  constructor(memory: KernelMemory) {
    this.#bytes = memory.bytes;
    this.#text = Buffer.from(memory.bytes.buffer);
    this.#floats = memory.floats;
  }

  /** As {@link Kernel.parseNumber}. It says no to numbers beyond the range of a float, and to other notations. */
  parse(start: number, end: number, value: number): boolean {
    const bytes = this.#bytes;
    if (bytes[start] === letterN) return this.#parseNaN(start, end, value);
    const negative = bytes[start] === minus;
    const whole = negative ? start + 1 : start;
    let mantissa = 0;
    let at = whole;
    for (; at < end && isDigit(bytes[at]!); at++) mantissa = mantissa * 10 + bytes[at]! - digitZero;
    if (at === whole) return false;
    let decimals = 0;
    if (at < end && bytes[at] === point) {
      const fraction = ++at;
      for (; at < end && isDigit(bytes[at]!); at++) mantissa = mantissa * 10 + bytes[at]! - digitZero;
      decimals = at - fraction;
      if (decimals === 0) return false;
    }
    let exponent = 0;
    if (at < end) {
      if ((bytes[at]! | 0x20) !== letterE) return false;
      exponent = this.#exponent(at + 1, end);
      if (Number.isNaN(exponent)) return false;
    }
    const power = exponent - decimals;
    const magnitude = mantissa < exactMax && power >= -22 && power <= 22
      ? power < 0 ? mantissa / tens[-power]! : mantissa * tens[power]!
      : Number(this.#text.toString("latin1", whole, end));
    if (magnitude === Infinity) return false;
    this.#floats[value >>> 3] = negative ? -magnitude : magnitude;
    return true;
  }

  #parseNaN(start: number, end: number, value: number): boolean {
    if (end - start !== 3 || this.#bytes[start + 1] !== letterA || this.#bytes[start + 2] !== letterN) return false;
    this.#floats[value >>> 3] = NaN;
    return true;
  }

  /** The signed integer from `at` to `end`; NaN when it is none. */
  #exponent(at: number, end: number): number {
    const bytes = this.#bytes;
    const negative = bytes[at] === minus;
    if (at < end && (negative || bytes[at] === plus)) at++;
    if (at === end) return NaN;
    let exponent = 0;
    for (; at < end; at++) {
      if (!isDigit(bytes[at]!)) return NaN;
      exponent = exponent * 10 + bytes[at]! - digitZero;
    }
    return negative ? -exponent : exponent;
  }
}

function isDigit(byte: number): boolean {
  return byte >= digitZero && byte <= digitZero + 9;
}
