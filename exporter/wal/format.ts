/**
 * The exporter's write-ahead log on disk: a directory of segment files `<number, 10 digits>.wal`. docs/wal.md holds the
 * same tables. Integers and text as in core/protocol/bytes.ts: fixed widths big-endian, varint LEB128.
 *
 * SEGMENT = header, then records back to back.
 *
 * | offset | size | field    | encoding                                              |
 * | ------ | ---- | -------- | ----------------------------------------------------- |
 * | 0      | 8    | magic    | "bcswal\r\n" in ASCII: 62 63 73 77 61 6C 0D 0A        |
 * | 8      | 4    | version  | u32: 1                                                |
 * | 12     | 8    | number   | u64: that of the file's name                          |
 * | 20     | 8    | created  | i64, Unix milliseconds                                |
 * | 28     | 8    | entries  | u64: entries before the segment                       |
 * | 36     | 4    | checksum | u32: CRC-32C (Castagnoli) of bytes 0 to 35            |
 *
 * RECORD
 *
 * | offset | size | field    | encoding                                              |
 * | ------ | ---- | -------- | ----------------------------------------------------- |
 * | 0      | 4    | length   | u32: bytes of the payload, at most 16 MiB + 1 KiB     |
 * | 4      | 4    | checksum | u32: CRC-32C of all that follows                      |
 * | 8      | 1    | kind     | u8: see below                                         |
 * | 9      | 8    | entry    | u64: entries before the record                        |
 * | 17     |      | payload  | as the kind says                                      |
 *
 * | kind         | payload                                                                                        |
 * | ------------ | ---------------------------------------------------------------------------------------------- |
 * | 1 session    | varint origin number, origin                                                                   |
 * | 2 checkpoint | varint count, then for each: origin, varint highest sequence, i64 last seen in Unix ms         |
 * | 3 shape      | the body of a SCHEMA or TARGET frame (core/protocol/shape.ts)                                  |
 * | 4 scrapes    | varint origin number, varint sequence, the body of a SCRAPES frame                             |
 * | 5 opaque     | varint origin number (0: none), varint sequence, u32 frame type, i64 id, i64 Unix nanoseconds, |
 * |              | the body of the frame                                                                          |
 * | 6 lost       | varint origin number, varint last sequence lost, the body of a LOST frame                      |
 *
 * Entries are what the books count: the scrapes of scrapes records, and opaque records; the other kinds hold none. They
 * are numbered over the log's whole life, so that any good record, and any header, tells how many were lost before it.
 *
 * origin = u64 epoch, text cluster, text namespace, text name. Origin numbers count from 1 in each segment.
 *
 * WRITE. A segment stands alone: it begins with checkpoints of every origin's highest sequence; a session record
 * precedes the first record that gives its number, and a copy follows at the end of the same group, so that one damaged
 * sector orphans nothing; a shape precedes the first scrape in the segment that refers to it, blocks before their
 * layout. Records are written in groups, one write and one fdatasync each, never two at a time. The first group of a
 * segment carries its header and is durable only after an fsync of the directory too. A segment is never appended to
 * by another process than the one that created it: each start begins a new one with its first record.
 * A failed fsync ends the log: the segment is cut back to what was durable and the process must start again.
 * A write that finds the disk full is undone by cutting the segment back, and tried again.
 *
 * READ. Only up to the durable end. A record counts when its kind is known, its length fits, its checksum holds, and
 * its entry is neither below what was read before nor above the header of a later segment. The entries of what was
 * passed over are those missing up to the next record, or up to the next segment.
 *
 * RECOVERY. Segments in order of number; gaps are normal.
 * - What follows the last good record of the newest segment is a torn tail: it is cut off.
 * - Any other damage is passed over up to the next place where a good record begins, found by trying every byte; the
 *   range is counted and logged. Behind damage the records of that segment raise no resume point, since a torn write
 *   may have left a later record whole and lost an earlier one that was never acknowledged. What had been acknowledged
 *   by the time of the next segment stands in its checkpoint; else something comes again, which is no loss.
 * - A file without a good header and without a single good record is renamed to `<name>.bad`, and so is one whose
 *   entries begin below those of an earlier segment: it is from elsewhere. Nothing is deleted.
 * - A header of a later version stops the start: an older program must not touch it.
 * - The next segment's number is above all others, those of `.bad` files included.
 *
 * DELETION. Whole segments, oldest first, once every sink's position is in a later one; then an fsync of the directory.
 * The newest segment always stays, so that numbers and resume points outlive an empty log.
 */

import { crc32c } from "../../core/hash/crc32c.ts";
import type { ByteWriter } from "../../core/protocol/bytes.ts";
import { frameBodyBytesMax } from "../../core/protocol/frame.ts";

export const walVersion = 1;
export const segmentHeaderBytes = 40;
export const recordHeaderBytes = 17;
export const payloadBytesMax = frameBodyBytesMax + 1024;

export const RecordKind = { session: 1, checkpoint: 2, shape: 3, scrapes: 4, opaque: 5, lost: 6 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const magic = Uint8Array.of(0x62, 0x63, 0x73, 0x77, 0x61, 0x6c, 0x0d, 0x0a);
const checksumOffset = segmentHeaderBytes - 4;

export interface SegmentHeader {
  readonly version: number;
  readonly number: number;
  readonly createdMs: number;
  /** Entries before the segment. */
  readonly entries: number;
}

export function segmentFileName(number: number): string {
  return `${String(number).padStart(10, "0")}.wal`;
}

/** The number in a segment's file name, also when it was set aside as `.bad`; null for any other file. */
export function parseSegmentFileName(name: string): { readonly number: number; readonly bad: boolean } | null {
  const match = /^(\d{10,15})\.wal(\.bad\d*)?$/.exec(name);
  return match === null ? null : { number: Number(match[1]), bad: match[2] !== undefined };
}

export function writeSegmentHeader(
  into: ByteWriter,
  { number, createdMs, entries }: Omit<SegmentHeader, "version">,
): void {
  const header = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(header.buffer);
  header.set(magic);
  view.setUint32(8, walVersion);
  view.setBigUint64(12, BigInt(number));
  view.setBigInt64(20, BigInt(Math.round(createdMs)));
  view.setBigUint64(28, BigInt(entries));
  view.setUint32(checksumOffset, crc32c(header.subarray(0, checksumOffset)));
  into.raw(header);
}

/** The header in the first bytes of a file; null when they are not one. Any version is read. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | null {
  if (bytes.length < segmentHeaderBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (magic.some((byte, index) => bytes[index] !== byte)) return null;
  if (view.getUint32(checksumOffset) !== crc32c(bytes.subarray(0, checksumOffset))) return null;
  return {
    version: view.getUint32(8),
    number: Number(view.getBigUint64(12)),
    createdMs: Number(view.getBigInt64(20)),
    entries: Number(view.getBigUint64(28)),
  };
}

/**
 * Appends a record with `entry` entries before it, whose payload is `head` followed by `body`.
 * @throws RangeError when the payload exceeds {@link payloadBytesMax}.
 */
export function writeRecord(
  into: ByteWriter,
  kind: RecordKind,
  entry: number,
  head: Uint8Array,
  body?: Uint8Array,
): void {
  const length = head.length + (body?.length ?? 0);
  if (length > payloadBytesMax) {
    throw new RangeError(`Cannot write WAL record of ${length} bytes: at most ${payloadBytesMax} are allowed`);
  }
  const start = Uint8Array.of(kind, 0, 0, 0, 0, 0, 0, 0, 0);
  const view = new DataView(start.buffer);
  view.setUint32(1, Math.floor(entry / 2 ** 32));
  view.setUint32(5, entry % 2 ** 32);
  const headChecksum = crc32c(head, crc32c(start));
  into.u32(length).u32(body === undefined ? headChecksum : crc32c(body, headChecksum)).raw(start).raw(head);
  if (body !== undefined) into.raw(body);
}

export type RecordLook =
  | {
    readonly found: "record";
    readonly kind: RecordKind;
    readonly entry: number;
    readonly payload: Uint8Array;
    readonly end: number;
  }
  /** So many bytes from the record's beginning on are needed to tell. */
  | { readonly found: "part"; readonly bytesNeeded: number }
  | { readonly found: "damage" };

/** What stands at `at` in bytes that end at `end`. The payload is a view. */
export function lookAtRecord(bytes: Uint8Array, at: number, end: number): RecordLook {
  if (end - at < recordHeaderBytes) return { found: "part", bytesNeeded: recordHeaderBytes };
  const kind = plausibleKind(bytes, at);
  if (kind === null) return { found: "damage" };
  const recordEnd = at + recordHeaderBytes + readU32(bytes, at);
  if (recordEnd > end) return { found: "part", bytesNeeded: recordEnd - at };
  if (crc32c(bytes.subarray(at + 8, recordEnd)) !== readU32(bytes, at + 4)) return { found: "damage" };
  const entry = readU32(bytes, at + 9) * 2 ** 32 + readU32(bytes, at + 13);
  return { found: "record", kind, entry, payload: bytes.subarray(at + recordHeaderBytes, recordEnd), end: recordEnd };
}

/** Above this a record found by trial must be followed by something that looks like another, or by the end. */
const trialBytesMax = 64 * 1024;

/**
 * The first place in `from … end` where a good record begins, or `end`. Every byte is tried, because a damaged length
 * tells nothing and one that happens to point at a later record would skip those between.
 */
export function findRecord(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at + recordHeaderBytes <= end; at++) {
    const kind = bytes[at + 8]!;
    if (kind === 0 || kind > RecordKind.lost || bytes[at]! > 1 || bytes[at + 9] !== 0) continue;
    const recordEnd = at + recordHeaderBytes + readU32(bytes, at);
    // A checksum over megabytes for one chance byte in thousands would make the search quadratic.
    if (recordEnd - at > trialBytesMax && !looksLikeBoundary(bytes, recordEnd, end)) continue;
    if (lookAtRecord(bytes, at, end).found === "record") return at;
  }
  return end;
}

function looksLikeBoundary(bytes: Uint8Array, at: number, end: number): boolean {
  return at <= end && (end - at < recordHeaderBytes || plausibleKind(bytes, at) !== null);
}

/** The kind in a record's header; null when no record has such a kind, length or entry. */
function plausibleKind(bytes: Uint8Array, at: number): RecordKind | null {
  const kind = bytes[at + 8]!;
  const plausible = kind >= RecordKind.session && kind <= RecordKind.lost && readU32(bytes, at) <= payloadBytesMax
    && readU32(bytes, at + 9) < 2 ** 21;
  return plausible ? kind as RecordKind : null;
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
