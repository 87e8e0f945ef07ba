import { countsOffset, isException, isSubtable, sortedOffset, startsOffset } from "./inflate_layout";

const lengthMax: u32 = 15;

/**
 * Makes the table that decodes a canonical Huffman code (RFC 1951, 3.2.2).
 *
 * It is looked up with the next `rootBits` bits. Longer codes share an entry there, which points to a table of their
 * own behind it; its size is the least that holds them, as in zlib, so that the room is bounded.
 *
 * @param lengths The address of the length of each symbol's code, a byte each.
 * @param entries The address of what an entry of each symbol says besides the length of its code.
 * @param entryCount The room of the table.
 * @returns False when the code has too many codes, or too few: a single code of one bit, or none, may be `sparse`.
 */
export function makeTable(
  work: usize,
  lengths: usize,
  symbolCount: u32,
  entries: usize,
  table: usize,
  entryCount: u32,
  rootBits: u32,
  sparse: bool,
): bool {
  const longest = sortSymbols(work, lengths, symbolCount);
  let left: i32 = 1;
  for (let length: u32 = 1; length <= lengthMax; length++) {
    left = (left << 1) - <i32> load<u16>(work + countsOffset + (length << 1));
    if (left < 0) return false;
  }
  if (left > 0 && (!sparse || longest > 1)) return false;
  const rootCount: u32 = 1 << rootBits;
  if (left > 0) {
    for (let i: u32 = 0; i < rootCount; i++) store<u32>(table + (i << 2), isException);
  }
  const counts = work + countsOffset;
  const usedCount = <u32> load<u16>(work + startsOffset);
  let code: u32 = 0;
  let used = rootCount;
  let prefix: u32 = 0xffff_ffff;
  let subtable: u32 = 0;
  let subBits: u32 = 0;
  for (let i: u32 = 0; i < usedCount; i++) {
    const symbol = <u32> load<u16>(work + sortedOffset + (i << 1));
    const length = <u32> load<u8>(lengths + symbol);
    const entry = load<u32>(entries + (symbol << 2)) + length + (length << 8);
    if (length <= rootBits) {
      for (let at = code; at < rootCount; at += 1 << length) store<u32>(table + (at << 2), entry);
    } else {
      if ((code & (rootCount - 1)) != prefix) {
        prefix = code & (rootCount - 1);
        subtable = used;
        subBits = length - rootBits;
        // What is left of the codes says how long those with this prefix can be.
        let room: i32 = 1 << subBits;
        while (subBits + rootBits < longest) {
          room -= <i32> load<u16>(counts + ((subBits + rootBits) << 1));
          if (room <= 0) break;
          subBits++;
          room <<= 1;
        }
        used += 1 << subBits;
        if (used > entryCount) return false;
        store<u32>(table + (prefix << 2), (subtable << 16) | isException | isSubtable | (subBits << 8) | rootBits);
      }
      for (let at = code >> rootBits; at < <u32> 1 << subBits; at += 1 << (length - rootBits)) {
        store<u32>(table + ((subtable + at) << 2), entry);
      }
    }
    store<u16>(counts + (length << 1), load<u16>(counts + (length << 1)) - 1);
    code = nextCode(code, length);
  }
  return true;
}

/** Codes are kept with their first bit lowest, as they come: so one is added from the other end. */
function nextCode(code: u32, length: u32): u32 {
  let bit: u32 = 1 << (length - 1);
  while ((code & bit) != 0) bit >>= 1;
  return bit == 0 ? 0 : (code & (bit - 1)) + bit;
}

/** Orders the symbols in use by length and number. How many they are is left at the first start. Returns the longest. */
function sortSymbols(work: usize, lengths: usize, symbolCount: u32): u32 {
  const counts = work + countsOffset;
  const starts = work + startsOffset;
  memory.fill(counts, 0, 32);
  for (let i: u32 = 0; i < symbolCount; i++) {
    const count = counts + (<usize> load<u8>(lengths + i) << 1);
    store<u16>(count, load<u16>(count) + 1);
  }
  store<u16>(counts, 0);
  let start: u32 = 0;
  let longest: u32 = 0;
  for (let length: u32 = 1; length <= lengthMax; length++) {
    store<u16>(starts + (length << 1), <u16> start);
    const count = <u32> load<u16>(counts + (length << 1));
    start += count;
    if (count != 0) longest = length;
  }
  for (let i: u32 = 0; i < symbolCount; i++) {
    const length = <usize> load<u8>(lengths + i);
    if (length == 0) continue;
    const at = <usize> load<u16>(starts + (length << 1));
    store<u16>(work + sortedOffset + (at << 1), <u16> i);
    store<u16>(starts + (length << 1), <u16> (at + 1));
  }
  store<u16>(starts, <u16> start);
  return longest;
}
