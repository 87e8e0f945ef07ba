/**
 * The work block of `assembly/inflate.ts`, little-endian. `assembly/inflate_layout.ts` says the same to the module.
 *
 * ```
 *        0  4       where the compressed bytes go on; behind them when all is done
 *        4  60      the rest of the state
 *       64  19      the order in which the lengths of the codes of lengths come
 *       96  1,152   entries of the 288 symbols of literals and lengths, u32 each, without the lengths of their codes
 *    1,248  128     entries of the 32 symbols of distances
 *    1,376  128     entries of the 19 symbols of lengths of codes
 *    1,504  1,504   room in which codes are read and sorted, and the table of lengths of codes
 *    3,008  9,600   the table of literals and lengths of a block: 11 bits, and subtables
 *   12,608  1,792   the table of distances of a block: 8 bits, and subtables
 *   14,400  9,216   the tables of fixed codes
 *
 * an entry
 *   bits 0-7        bits to pass: the code and the extra bits behind it; of a subtable: the bits of the root
 *        8-11       bits of the code alone; of a subtable: the bits of its index
 *        13         the end of the block                        \
 *        14         codes that go on in a subtable               > exceptions
 *        15         an exception; alone: no such code           /
 *        16-30      the byte; the base of a length or a distance; where the subtable begins
 *        31         a literal
 * ```
 */
export const inflateWorkBytes = 23_616;
const orderAt = 64;
const literalEntriesAt = 96;
const distanceEntriesAt = 1248;
const lengthEntriesAt = 1376;

const isLiteral = 0x8000_0000;
const isException = 0x8000;
const isEnd = 0x2000;

/** Writes what is constant in a work block: an array of {@link inflateWorkBytes}, at a multiple of 8. */
export function writeInflateTables(work: Uint8Array): void {
  work.set([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], orderAt);
  const entries = (at: number, values: readonly number[]) => {
    new Uint32Array(work.buffer, work.byteOffset + at, values.length).set(values);
  };
  const literals = Array.from({ length: 256 }, (_, byte) => isLiteral + byte * 0x1_0000);
  // RFC 1951, 3.2.5: four codes for each count of extra bits, but the longest length, which has a code of its own.
  const lengths = bases(28, 3, 4).concat(258 * 0x1_0000);
  entries(literalEntriesAt, [...literals, isException + isEnd, ...lengths, isException, isException]);
  entries(distanceEntriesAt, [...bases(30, 1, 2), isException, isException]);
  entries(lengthEntriesAt, Array.from({ length: 19 }, (_, symbol) => symbol * 0x1_0000));
}

/** Entries whose extra bits grow by one after each `perBit` codes, the first of which have none twice over. */
function bases(count: number, first: number, perBit: number): number[] {
  let base = first;
  return Array.from({ length: count }, (_, code) => {
    const extra = Math.max(0, Math.floor(code / perBit) - 1);
    const entry = base * 0x1_0000 + extra;
    base += 2 ** extra;
    return entry;
  });
}
