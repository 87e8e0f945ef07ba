/**
 * The collector's spool on disk: a folder of segment files `<epoch>-<number, 10 digits>.spool` and, for each epoch, one
 * file of marks `<epoch>.marks`. docs/spool.md holds the same tables. Integers and text as in core/protocol/bytes.ts:
 * fixed widths big-endian, varint LEB128.
 *
 * SEGMENT = header, then items back to back.
 *
 * | offset | size | field        | encoding                                                        |
 * | ------ | ---- | ------------ | --------------------------------------------------------------- |
 * | 0      | 8    | magic        | "bcsspl\r\n" in ASCII: 62 63 73 73 70 6C 0D 0A                  |
 * | 8      | 4    | version      | u32: 1                                                          |
 * | 12     | 8    | epoch        | u64: that of the file's name                                    |
 * | 20     | 8    | number       | u64: that of the file's name                                    |
 * | 28     | 8    | first        | u64: sequence number from which on this segment counts          |
 * | 36     | 8    | acknowledged | u64: highest sequence acknowledged when the segment was begun   |
 * | 44     | 4    | checksum     | u32: CRC-32C (Castagnoli) of bytes 0 to 43                      |
 *
 * ITEM
 *
 * | offset | size | field    | encoding                                      |
 * | ------ | ---- | -------- | --------------------------------------------- |
 * | 0      | 4    | length   | u32: bytes of the payload, at most 16 MiB + 64 |
 * | 4      | 4    | checksum | u32: CRC-32C of kind and payload              |
 * | 8      | 1    | kind     | u8: see below                                 |
 * | 9      |      | payload  | as the kind says                              |
 *
 * | kind     | payload                                                                                              |
 * | -------- | ---------------------------------------------------------------------------------------------------- |
 * | 1 shape  | the body of a SCHEMA or TARGET frame                                                                 |
 * | 2 record | varint sequence, varint samples, u32 frame type, i64 frame id, i64 Unix milliseconds, body of the frame |
 * | 3 loss   | varint last sequence lost, body of a LOST frame                                                      |
 *
 * MARKS = two slots of 4096 bytes, written in turn; the one with a good checksum and the higher generation counts.
 *
 * | offset | size | field        | encoding                                                                      |
 * | ------ | ---- | ------------ | ----------------------------------------------------------------------------- |
 * | 0      | 4    | checksum     | u32: CRC-32C of the length and what it covers                                 |
 * | 4      | 4    | length       | u32: bytes that follow                                                        |
 * | 8      | 8    | generation   | u64: one more with each write                                                 |
 * | 16     | 8    | acknowledged | u64: everything up to this sequence is some exporter's business               |
 * | 24     | 8    | bound        | u64: nothing above this sequence was ever sent                                |
 * | 32     |      | losses       | varint count, then for each: varint last sequence lost, varint bytes, body of a LOST frame |
 *
 * WRITE. A record is sent only after it is on disk and fsynced, so that a number never comes to mean two records. A
 * segment stands alone: a shape stands in it before the first record that refers to it. A write that fails is cut back
 * and ends its segment; the next one says in `first` where it goes on.
 *
 * READ. Segments in order of number, each up to the `first` of the next. What lies in a range of the marks' losses is
 * lost. A sequence number that is in neither is lost too: "spool damaged". What follows the last good item of the
 * newest segment was never sent: it is passed over.
 *
 * DELETION. A segment that is acknowledged goes once the marks say so; one that goes for want of room once the marks
 * declare its records lost. Only records above `bound` may go, since others may have reached an exporter.
 */

import { crc32c } from "../../../core/hash/crc32c.ts";
import { ByteReader, ByteWriter, MalformedError } from "../../../core/protocol/bytes.ts";
import { frameBodyBytesMax } from "../../../core/protocol/frame.ts";
import { decodeLost, encodeLost, type Lost } from "../../../core/protocol/session.ts";

export const segmentHeaderBytes = 48;
export const itemHeaderBytes = 9;
export const payloadBytesMax: number = frameBodyBytesMax + 64;
export const marksSlotBytes = 4096;
/** As many losses as always fit into a slot of the marks. */
export const markedLossesMax = 48;

const magic = 0x62637373706C0D0An;
const version = 1;

export const ItemKind = { shape: 1, record: 2, loss: 3 } as const;

export interface SegmentHeader {
  readonly epoch: bigint;
  readonly number: number;
  readonly firstSequence: number;
  readonly acknowledged: number;
}

/** A record as it stands in a segment; its shapes stand before it. */
export interface StoredRecord {
  readonly sequence: number;
  readonly samples: number;
  readonly frameType: number;
  readonly id: bigint;
  readonly timestampMs: number;
  readonly body: Uint8Array;
}

export interface Marks {
  readonly generation: number;
  readonly acknowledged: number;
  readonly bound: number;
  /** In order, without overlap. */
  readonly losses: readonly Lost[];
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(segmentHeaderBytes).u64(magic).u32(version).u64(header.epoch).u64(BigInt(header.number))
    .u64(BigInt(header.firstSequence)).u64(BigInt(header.acknowledged));
  return writer.u32(crc32c(writer.view())).finish();
}

/** The header at the start of the bytes, or null when there is no good one. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | null {
  if (bytes.length < segmentHeaderBytes) return null;
  const reader = new ByteReader(bytes.subarray(0, segmentHeaderBytes));
  if (reader.u64() !== magic || reader.u32() !== version) return null;
  const header = {
    epoch: reader.u64(),
    number: Number(reader.u64()),
    firstSequence: Number(reader.u64()),
    acknowledged: Number(reader.u64()),
  };
  return reader.u32() === crc32c(bytes.subarray(0, segmentHeaderBytes - 4)) ? header : null;
}

export function writeShapeItem(writer: ByteWriter, body: Uint8Array): void {
  writeItem(writer, ItemKind.shape, new Uint8Array(0), body);
}

export function writeRecordItem(writer: ByteWriter, record: StoredRecord): void {
  const head = new ByteWriter(48).varint(record.sequence).varint(record.samples).u32(record.frameType).i64(record.id)
    .i64(BigInt(record.timestampMs));
  writeItem(writer, ItemKind.record, head.view(), record.body);
}

export function writeLossItem(writer: ByteWriter, lost: Lost): void {
  writeItem(writer, ItemKind.loss, new ByteWriter(8).varint(lost.lastSequence).view(), encodeLost(lost));
}

/** @throws MalformedError when the payload has another form. */
export function decodeRecord(payload: Uint8Array): StoredRecord {
  const reader = new ByteReader(payload);
  const record = {
    sequence: reader.varint(),
    samples: reader.varint(),
    frameType: reader.u32(),
    id: reader.i64(),
    timestampMs: Number(reader.i64()),
  };
  return { ...record, body: reader.raw(reader.remaining) };
}

/** @throws MalformedError when the payload has another form. */
export function decodeLoss(payload: Uint8Array): Lost {
  const reader = new ByteReader(payload);
  const lastSequence = reader.varint();
  return decodeLost(lastSequence, reader.raw(reader.remaining));
}

/** The CRC-32C that the header of an item must have. */
export function itemChecksum(kind: number, payload: Uint8Array): number {
  return crc32c(payload, crc32c(Uint8Array.of(kind)));
}

/** One slot, padded to its size. */
export function encodeMarks(marks: Marks): Uint8Array<ArrayBuffer> {
  const content = new ByteWriter(marksSlotBytes).u64(BigInt(marks.generation)).u64(BigInt(marks.acknowledged))
    .u64(BigInt(marks.bound)).varint(marks.losses.length);
  for (const lost of marks.losses) {
    const body = encodeLost(lost);
    content.varint(lost.lastSequence).varint(body.length).raw(body);
  }
  const covered = new ByteWriter(marksSlotBytes).u32(content.length).raw(content.view()).view();
  const slot = new Uint8Array(marksSlotBytes);
  slot.set(new ByteWriter(marksSlotBytes).u32(crc32c(covered)).raw(covered).view());
  return slot;
}

/** The marks in a slot, or null when it holds none. */
export function decodeMarks(slot: Uint8Array): Marks | null {
  try {
    const reader = new ByteReader(slot);
    const checksum = reader.u32();
    const length = reader.u32();
    if (length > slot.length - 8 || checksum !== crc32c(slot.subarray(4, 8 + length))) return null;
    const [generation, acknowledged, bound] = [Number(reader.u64()), Number(reader.u64()), Number(reader.u64())];
    const losses = Array.from({ length: reader.varint() }, () => {
      const lastSequence = reader.varint();
      return decodeLost(lastSequence, reader.raw(reader.varint()));
    });
    return { generation, acknowledged, bound, losses };
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}

function writeItem(writer: ByteWriter, kind: number, head: Uint8Array, body: Uint8Array): void {
  const checksum = crc32c(body, crc32c(head, crc32c(Uint8Array.of(kind))));
  writer.u32(head.length + body.length).u32(checksum).u8(kind).raw(head).raw(body);
}
