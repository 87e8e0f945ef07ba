import { refill, take } from "./inflate_bits";
import {
  atOffset,
  bitsOffset,
  bufferOffset,
  distanceEntriesOffset,
  distanceEntryCount,
  distanceRootBits,
  distanceTableOffset,
  endOffset,
  fixedDistanceTableOffset,
  fixedLiteralTableOffset,
  lengthEntriesOffset,
  lengthEntryCount,
  lengthRootBits,
  lengthsOffset,
  lengthTableOffset,
  literalEntriesOffset,
  literalEntryCount,
  literalRootBits,
  literalTableOffset,
  orderOffset,
  outEndOffset,
  outOffset,
  outStartOffset,
} from "./inflate_layout";
import { blockEnded, decodeCarefully, decodeFast, failed, goOn } from "./inflate_symbols";
import { makeTable } from "./inflate_table";

/** Makes the tables of blocks with fixed codes (RFC 1951, 3.2.6), which stay. Once, before all else. */
export function prepare(work: usize): void {
  const lengths = work + lengthsOffset;
  memory.fill(lengths, 8, 144);
  memory.fill(lengths + 144, 9, 112);
  memory.fill(lengths + 256, 7, 24);
  memory.fill(lengths + 280, 8, 8);
  makeTable(
    work,
    lengths,
    288,
    work + literalEntriesOffset,
    work + fixedLiteralTableOffset,
    2048,
    literalRootBits,
    false,
  );
  memory.fill(lengths, 5, 32);
  makeTable(
    work,
    lengths,
    32,
    work + distanceEntriesOffset,
    work + fixedDistanceTableOffset,
    256,
    distanceRootBits,
    false,
  );
}

/**
 * Inflates what is at `at` to `end` into `out` to `outEnd`, and reads and writes nothing else, but for the work block.
 *
 * @returns How many bytes it has come to, with the address behind the compressed ones at `atOffset` of the work block;
 * -1 when those are no deflate stream, when they end before it does, and when there is too little room.
 */
export function inflate(work: usize, at: u32, end: u32, out: u32, outEnd: u32): i32 {
  store<u32>(work + atOffset, at);
  store<u32>(work + bitsOffset, 0);
  store<u64>(work + bufferOffset, 0);
  store<u32>(work + outOffset, out);
  store<u32>(work + endOffset, end);
  store<u32>(work + outEndOffset, outEnd);
  store<u32>(work + outStartOffset, out);
  let head = 0;
  while ((head & 1) == 0) {
    head = take(work, 3);
    if (head < 0) return failed;
    const kind = head >> 1;
    let done = false;
    if (kind == 0) done = copyStored(work);
    else if (kind == 1) done = decodeBlock(work, work + fixedLiteralTableOffset, work + fixedDistanceTableOffset);
    else if (kind == 2) {
      done = readTables(work) && decodeBlock(work, work + literalTableOffset, work + distanceTableOffset);
    }
    if (!done) return failed;
  }
  giveBack(work);
  return <i32> (load<u32>(work + outOffset) - out);
}

function decodeBlock(work: usize, literals: usize, distances: usize): bool {
  let status = decodeFast(work, literals, distances);
  // The last symbols, of the input or of the room: no more than its margin has.
  while (status == goOn) status = decodeCarefully(work, literals, distances);
  return status == blockEnded;
}

/** The whole bytes in hand are input again, and what is left of the one before is passed. */
function giveBack(work: usize): void {
  store<u32>(work + atOffset, load<u32>(work + atOffset) - (load<u32>(work + bitsOffset) >> 3));
  store<u32>(work + bitsOffset, 0);
  store<u64>(work + bufferOffset, 0);
}

function copyStored(work: usize): bool {
  giveBack(work);
  const at = load<u32>(work + atOffset);
  const out = load<u32>(work + outOffset);
  const left = load<u32>(work + endOffset) - at;
  if (left < 4) return false;
  const size = <u32> load<u16>(at);
  if ((size ^ 0xffff) != <u32> load<u16>(at + 2)) return false;
  if (size > left - 4 || size > load<u32>(work + outEndOffset) - out) return false;
  memory.copy(out, at + 4, size);
  store<u32>(work + atOffset, at + 4 + size);
  store<u32>(work + outOffset, out + size);
  return true;
}

/** Reads the codes of a block that brings its own (RFC 1951, 3.2.7). */
function readTables(work: usize): bool {
  const literalCount = take(work, 5) + 257;
  const distanceCount = take(work, 5) + 1;
  const lengthCount = take(work, 4) + 4;
  // What is -1 in place of a number makes one of them too small; more is refused as zlib does.
  if (literalCount < 257 || distanceCount < 1 || lengthCount < 4) return false;
  if (literalCount > 286 || distanceCount > 30) return false;
  const lengths = work + lengthsOffset;
  memory.fill(lengths, 0, 19);
  for (let i = 0; i < lengthCount; i++) {
    const length = take(work, 3);
    if (length < 0) return false;
    store<u8>(lengths + load<u8>(work + orderOffset + i), <u8> length);
  }
  const table = work + lengthTableOffset;
  if (!makeTable(work, lengths, 19, work + lengthEntriesOffset, table, lengthEntryCount, lengthRootBits, false)) {
    return false;
  }
  if (!readLengths(work, literalCount + distanceCount)) return false;
  // A block that cannot end.
  if (load<u8>(lengths + 256) == 0) return false;
  return makeTable(
    work,
    lengths,
    literalCount,
    work + literalEntriesOffset,
    work + literalTableOffset,
    literalEntryCount,
    literalRootBits,
    true,
  ) && makeTable(
    work,
    lengths + literalCount,
    distanceCount,
    work + distanceEntriesOffset,
    work + distanceTableOffset,
    distanceEntryCount,
    distanceRootBits,
    true,
  );
}

function readLengths(work: usize, count: i32): bool {
  const lengths = work + lengthsOffset;
  let i = 0;
  while (i < count) {
    refill(work);
    const index = <usize> (load<u64>(work + bufferOffset) & ((1 << lengthRootBits) - 1));
    const entry = load<u32>(work + lengthTableOffset + (index << 2));
    if (take(work, entry & 0xff) < 0) return false;
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(lengths + i++, <u8> symbol);
      continue;
    }
    if (symbol == 16 && i == 0) return false;
    const extra = symbol == 16 ? take(work, 2) : symbol == 17 ? take(work, 3) : take(work, 7);
    if (extra < 0) return false;
    const repeated = extra + (symbol == 18 ? 11 : 3);
    if (i + repeated > count) return false;
    memory.fill(lengths + i, symbol == 16 ? load<u8>(lengths + i - 1) : 0, repeated);
    i += repeated;
  }
  return true;
}
