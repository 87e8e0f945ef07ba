import { powersOfFive } from "./powers_of_five.ts";

/**
 * The layout of the kernel's memory, little-endian. `assembly/layout.ts` says the same to the WebAssembly module.
 *
 * ```
 *        0  16      nothing, so that no address is 0
 *       16  12      the result of the last match: piece, at, tokenEnd, u32 each
 *       64  160     10^0 to 10^19, u64 each
 *      224  184     10^0 to 10^22, f64 each
 *      512  10,416  128 bits of each power of five from 5^-342 to 5^308, low half first
 *   16,384          blocks of the allocator
 *   the last 64     slack: vectors are loaded beyond the end of a block
 *
 * a template, at a multiple of 16
 *        0  4       n, the count of values
 *        4  4       the bytes of all texts together
 *        8  4 n+4   where each of the n + 1 texts ends, from the beginning of text 0
 *       up to a multiple of 16
 *                   the texts, one behind the other: text 0, text 1, … text n
 * ```
 */
export const resultAt = 16;
const wholeTensAt = 64;
const floatTensAt = 224;
const powersAt = 512;
export const heapAt = 16_384;
export const slackBytes = 64;

/** Writes the tables into a memory. */
export function writeTables(memory: ArrayBuffer): void {
  new BigUint64Array(memory, wholeTensAt, 20).set(Array.from({ length: 20 }, (_, power) => 10n ** BigInt(power)));
  new Float64Array(memory, floatTensAt, 23).set(Array.from({ length: 23 }, (_, power) => Number(`1e${power}`)));
  new Uint8Array(memory).set(powersOfFive(), powersAt);
}

/** The address of the texts of a template with `valueCount` values, from the template's own. */
export function textsOffset(valueCount: number): number {
  return (8 + 4 * (valueCount + 1) + 15) & ~15;
}
