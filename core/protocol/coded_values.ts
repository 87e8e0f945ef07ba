/**
 * The values of one scrape, coded against those of the one before (its *base*), as part of a CODED frame.
 *
 * Values come from decimal text, and most are integers or have a few decimals. So a series has a *scale* k, and its
 * value v is the integer mantissa m of v = m / 10^k; what is sent is the difference of two mantissas, computed as
 * `round(v * 10^k) - round(before * 10^k)` in IEEE 754, with `round(x) = (x + 1.5 * 2^52) - 1.5 * 2^52` and none at
 * scale 0, which both ends do alike. The writer uses it only where `m / 10^k` gives v again, to the bit.
 *
 * Values are in groups of 8; a group is
 *
 * | size                 | field   | encoding                                                                      |
 * | -------------------- | ------- | ----------------------------------------------------------------------------- |
 * | 1                    | changed | bit i: value i of the group has other bits than in the base; 0 past the end   |
 * | (changed + 1) / 2    | classes | four bits for each changed value, the low ones first; see ValueClass          |
 * | as the classes say   | payload | for each changed value; little-endian                                         |
 *
 * A base begins with +0 for each value, and scale 0. Its checksum is one number over all changed values since then:
 * `c = imul((c <<< 5) ^ imul(high, 0x85EBCA6B) ^ (low + index), 0x9E3779B1)` for each, with its 32-bit halves, `<<<` a
 * rotation and everything modulo 2^32. It comes with each scrape, so that ends that differ notice it.
 */

/** What a changed value is, by four bits. Differences are of mantissas at the series' present scale. */
export const ValueClass = {
  /** Difference 1. No payload. */
  increment: 0,
  /** Difference 1 + u8. */
  up8: 1,
  /** Difference -1 - u8. */
  down8: 2,
  /** Difference, a signed integer. */
  delta16: 3,
  delta24: 4,
  delta32: 5,
  delta56: 6,
  /** u8 scale from now on, then the mantissa itself, signed. */
  scaled32: 7,
  scaled56: 8,
  /** The staleness marker. No scale from now on, here and below. */
  stale: 9,
  /** The lowest bytes of the value's bits; the others are those of the base. */
  low4: 10,
  low5: 11,
  low6: 12,
  low7: 13,
  raw8: 14,
} as const;

/** Bytes of the payload of each class; a class that does not exist needs more than there can be. */
export const payloadBytes: Int32Array = Int32Array.of(0, 1, 1, 2, 3, 4, 7, 5, 8, 0, 4, 5, 6, 7, 8, 0x7fffffff);

/** A mantissa's magnitude: so far adding {@link rounder} rounds, and the difference of two is exact. */
export const mantissaMax: number = 2 ** 51;

/** `x + rounder - rounder` is x rounded to an integer, in a third of the time of `Math.round`. */
export const rounder: number = 1.5 * 2 ** 52;

/** The scale of a series whose value is no decimal. */
export const noScale = 255;
/** 10^22 is the largest power of ten that a double has exactly. */
export const scaleMax = 22;
export const powersOfTen: Float64Array = Float64Array.from(
  { length: scaleMax + 1 },
  (_, scale) => Number(`1e${scale}`),
);

export const staleHigh = 0x7ff00000;
export const staleLow = 2;

const groupBytesMax = 1 + 4 + 8 * 8;

/** The last values of one target's series, alike on both ends. */
export interface ValueBase {
  readonly values: Float64Array<ArrayBuffer>;
  /** The same as 32-bit halves, the low one first. */
  readonly words: Int32Array<ArrayBuffer>;
  /** For each series, 0 to 22, or `noScale`. */
  readonly scales: Uint8Array<ArrayBuffer>;
  checksum: number;
}

/** Memory of a base with so many values, in the budget that the two ends have agreed on. */
export function baseCostBytes(count: number): number {
  return 256 + 9 * count;
}

export function makeBase(count: number): ValueBase {
  const values = new Float64Array(count);
  return { values, words: new Int32Array(values.buffer), scales: new Uint8Array(count), checksum: 0 };
}

/** The least and the most that `count` coded values take. */
export function codedBytesMin(count: number): number {
  return Math.ceil(count / 8);
}

export function codedBytesMax(count: number): number {
  return codedBytesMin(count) * groupBytesMax;
}

/** Some values go on elsewhere in another layout. */
export interface Moved {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** A base for another list of series: those that moved keep what is known of them, the others begin anew. */
export function moveBase(base: ValueBase, count: number, moves: readonly Moved[]): ValueBase {
  const moved = makeBase(count);
  for (const { from, to, count: length } of moves) {
    moved.values.set(base.values.subarray(from, from + length), to);
    moved.scales.set(base.scales.subarray(from, from + length), to);
  }
  moved.checksum = base.checksum;
  return moved;
}

/** The checksum after a value with these halves has changed. */
export function checksumWith(checksum: number, index: number, low: number, high: number): number {
  const rotated = checksum << 5 | checksum >>> 27;
  return Math.imul(rotated ^ Math.imul(high, 0x85ebca6b) ^ (low + index), 0x9e3779b1);
}

/** Above so many values a scratch base is made anew each time, so that a large scrape leaves nothing behind. */
const scratchCountMax = 65_536;

/** A base of zeros for what is not kept. Only the last one that was taken is good for anything. */
export class ScratchBase {
  #base = makeBase(64);

  take(count: number): ValueBase {
    if (count > scratchCountMax) return makeBase(count);
    if (this.#base.scales.length < count) this.#base = makeBase(Math.max(count, this.#base.scales.length * 2));
    const { values, words, scales } = this.#base;
    values.fill(0, 0, count);
    scales.fill(0, 0, count);
    return {
      values: values.subarray(0, count),
      words: words.subarray(0, count * 2),
      scales: scales.subarray(0, count),
      checksum: 0,
    };
  }
}
