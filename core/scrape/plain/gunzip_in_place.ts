import { crc32 } from "node:zlib";
import type { BodyMemory, LentBody } from "./body_memory.ts";

/** A body where it was unpacked: the first bytes of lent memory. */
export interface UnpackedBody {
  readonly bodyBytes: number;
  readonly lent: LentBody;
}

/** The inflater is fastest while there is so much room left: three literals, a match, and what is copied beyond it. */
const spareBytes = 320;
/** Deflate packs no tighter than 258 bytes into two bits: a stream that says so of itself is none. */
const ratioMax = 1032;

const headBytes = 10;
const tailBytes = 8;
const deflated = 8;
const flag = { headChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

/**
 * Unpacks a gzip body of one member (RFC 1952) within lent memory, without garbage.
 *
 * @param bytesMax Most bytes that it may have unpacked.
 * @returns Null, and nothing is lent, when the memory cannot, when the body is larger, and whenever anything about it
 * is unusual or wrong: then it is for zlib to judge, so that there is one opinion only on what is wrong.
 */
export function gunzipInPlace(coded: Uint8Array, bytesMax: number, memory: BodyMemory): UnpackedBody | null {
  const { inflater } = memory;
  if (inflater === undefined || inflater === null) return null;
  const from = deflateAt(coded);
  const tail = coded.length - tailBytes;
  if (from === null || tail < from) return null;
  // The size is said at the end, so that there is room at once for all of it. It is no more than a promise.
  const bodyBytes = word(coded, tail + 4);
  if (bodyBytes > bytesMax || bodyBytes > coded.length * ratioMax) return null;
  const lent = memory.lend(bodyBytes + spareBytes);
  const inflated = inflater.inflate(coded.subarray(from), lent.bytes);
  if (inflated !== null && inflated.bytes === bodyBytes && from + inflated.codedBytes === tail) {
    if (crc32(lent.bytes.subarray(0, bodyBytes)) === word(coded, tail)) return { bodyBytes, lent };
  }
  lent.release();
  return null;
}

/** Where the deflate stream begins; null when the head is not one that zlib accepts for sure. */
function deflateAt(coded: Uint8Array): number | null {
  if (coded.length < headBytes + tailBytes || coded[0] !== 0x1f || coded[1] !== 0x8b || coded[2] !== deflated) {
    return null;
  }
  const flags = coded[3]!;
  if ((flags & flag.reserved) !== 0) return null;
  let at: number | null = headBytes;
  if ((flags & flag.extra) !== 0) at += 2 + coded[at]! + coded[at + 1]! * 256;
  if ((flags & flag.name) !== 0) at = behindZero(coded, at);
  if (at !== null && (flags & flag.comment) !== 0) at = behindZero(coded, at);
  if (at === null || (flags & flag.headChecksum) === 0) return at;
  if (at + 2 > coded.length) return null;
  const checksum = crc32(coded.subarray(0, at)) & 0xffff;
  return coded[at]! + coded[at + 1]! * 256 === checksum ? at + 2 : null;
}

function behindZero(coded: Uint8Array, from: number): number | null {
  const at = coded.indexOf(0, from);
  return at < 0 ? null : at + 1;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}
