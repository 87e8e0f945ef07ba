import { drop, refill } from "./inflate_bits";
import {
  atOffset,
  bitsOffset,
  bufferOffset,
  distanceRootBits,
  endOffset,
  isEnd,
  isException,
  isLiteral,
  isSubtable,
  literalRootBits,
  outEndOffset,
  outOffset,
  outStartOffset,
} from "./inflate_layout";

export const blockEnded: i32 = 1;
export const goOn: i32 = 0;
export const failed: i32 = -1;

/** Three loads of eight bytes, between which at most seven each are passed. */
const inputLeftMin: usize = 32;
/** Three literals, the longest match, and what its copy writes beyond it. */
const roomLeftMin: usize = 320;

/** The bits of a table's index, and of an entry's extra bits. */
function low(buffer: u64, count: u32): usize {
  return <usize> (buffer & ((<u64> 1 << count) - 1));
}

function subentry(table: usize, entry: u32, buffer: u64, rootBits: u32): u32 {
  const index = (entry >> 16) + <u32> low(buffer >> rootBits, (entry >> 8) & 15);
  return load<u32>(table + (<usize> index << 2));
}

/** What an entry's base and the extra bits behind its code come to. */
function valueOf(entry: u32, buffer: u64): u32 {
  return (entry >> 16) + <u32> (low(buffer, entry & 0xff) >> ((entry >> 8) & 15));
}

/** Copies a match whose room is known to be larger: up to 15 bytes beyond it are written. */
function copyMatch(out: usize, distance: usize, length: usize): void {
  let from = out - distance;
  const end = out + length;
  if (distance >= 16) {
    do {
      v128.store(out, v128.load(from));
      out += 16;
      from += 16;
    } while (out < end);
  } else if (distance >= 8) {
    do {
      store<u64>(out, load<u64>(from));
      out += 8;
      from += 8;
    } while (out < end);
  } else if (distance == 1) {
    const bytes = i8x16.splat(load<i8>(from));
    do {
      v128.store(out, bytes);
      out += 16;
    } while (out < end);
  } else {
    do store<u8>(out++, load<u8>(from++)); while (out < end);
  }
}

/**
 * Decodes symbols while input and room are left for the largest, so that neither is checked within one. 56 bits are in
 * hand after each load: enough for a length and a distance with all of their extra bits, 48, or three literals.
 *
 * This one function is long, since its five variables are in registers only while they are its own.
 */
export function decodeFast(work: usize, literals: usize, distances: usize): i32 {
  let at = <usize> load<u32>(work + atOffset);
  let bits = load<u32>(work + bitsOffset);
  let buffer = load<u64>(work + bufferOffset);
  let out = <usize> load<u32>(work + outOffset);
  const end = <usize> load<u32>(work + endOffset);
  const outEnd = <usize> load<u32>(work + outEndOffset);
  const outStart = <usize> load<u32>(work + outStartOffset);
  let status = goOn;
  while (at + inputLeftMin <= end && out + roomLeftMin <= outEnd) {
    buffer |= load<u64>(at) << bits;
    at += (63 - bits) >> 3;
    bits |= 56;
    let entry = load<u32>(literals + (low(buffer, literalRootBits) << 2));
    if ((entry & isLiteral) != 0) {
      store<u8>(out++, <u8> (entry >> 16));
      buffer >>= entry & 0xff;
      bits -= entry & 0xff;
      entry = load<u32>(literals + (low(buffer, literalRootBits) << 2));
      if ((entry & isLiteral) != 0) {
        store<u8>(out++, <u8> (entry >> 16));
        buffer >>= entry & 0xff;
        bits -= entry & 0xff;
        entry = load<u32>(literals + (low(buffer, literalRootBits) << 2));
        if ((entry & isLiteral) != 0) {
          store<u8>(out++, <u8> (entry >> 16));
          buffer >>= entry & 0xff;
          bits -= entry & 0xff;
          continue;
        }
      }
      buffer |= load<u64>(at) << bits;
      at += (63 - bits) >> 3;
      bits |= 56;
    }
    if ((entry & isException) != 0) {
      if ((entry & isSubtable) != 0) entry = subentry(literals, entry, buffer, literalRootBits);
      if ((entry & isLiteral) != 0) {
        store<u8>(out++, <u8> (entry >> 16));
        buffer >>= entry & 0xff;
        bits -= entry & 0xff;
        continue;
      }
      if ((entry & isException) != 0) {
        if ((entry & isEnd) == 0) return failed;
        buffer >>= entry & 0xff;
        bits -= entry & 0xff;
        status = blockEnded;
        break;
      }
    }
    const length = valueOf(entry, buffer);
    buffer >>= entry & 0xff;
    bits -= entry & 0xff;
    entry = load<u32>(distances + (low(buffer, distanceRootBits) << 2));
    if ((entry & isSubtable) != 0) entry = subentry(distances, entry, buffer, distanceRootBits);
    if ((entry & isException) != 0) return failed;
    const distance = <usize> valueOf(entry, buffer);
    buffer >>= entry & 0xff;
    bits -= entry & 0xff;
    if (distance > out - outStart) return failed;
    copyMatch(out, distance, length);
    out += length;
  }
  store<u32>(work + atOffset, <u32> at);
  store<u32>(work + bitsOffset, bits);
  // Above the bits in hand there may be others, of bytes that are not passed yet.
  store<u64>(work + bufferOffset, buffer & ((<u64> 1 << bits) - 1));
  store<u32>(work + outOffset, <u32> out);
  return status;
}

/** Decodes the symbol at hand near the end of the input or of the room, where each step may be one too many. */
export function decodeCarefully(work: usize, literals: usize, distances: usize): i32 {
  refill(work);
  let buffer = load<u64>(work + bufferOffset);
  let entry = load<u32>(literals + (low(buffer, literalRootBits) << 2));
  if ((entry & isSubtable) != 0) entry = subentry(literals, entry, buffer, literalRootBits);
  if (!drop(work, entry & 0xff)) return failed;
  const out = <usize> load<u32>(work + outOffset);
  const room = <usize> load<u32>(work + outEndOffset) - out;
  if ((entry & isLiteral) != 0) {
    if (room == 0) return failed;
    store<u8>(out, <u8> (entry >> 16));
    store<u32>(work + outOffset, <u32> out + 1);
    return goOn;
  }
  if ((entry & isException) != 0) return (entry & isEnd) != 0 ? blockEnded : failed;
  const length = <usize> valueOf(entry, buffer);
  buffer = load<u64>(work + bufferOffset);
  entry = load<u32>(distances + (low(buffer, distanceRootBits) << 2));
  if ((entry & isSubtable) != 0) entry = subentry(distances, entry, buffer, distanceRootBits);
  if ((entry & isException) != 0 || !drop(work, entry & 0xff)) return failed;
  const distance = <usize> valueOf(entry, buffer);
  if (length > room || distance > out - load<u32>(work + outStartOffset)) return failed;
  for (let i: usize = 0; i < length; i++) store<u8>(out + i, load<u8>(out + i - distance));
  store<u32>(work + outOffset, <u32> (out + length));
  return goOn;
}
