import { ByteReader, ByteWriter, MalformedError } from "../../core/protocol/bytes.ts";
import { decodeLost, encodeLost } from "../../core/protocol/session.ts";
import { RecordKind, writeRecord } from "./format.ts";
import type { Origin, WalRecord } from "./wal.ts";

/** The highest sequence number that an origin has in the log. */
export interface ResumePoint {
  readonly origin: Origin;
  readonly sequence: number;
  /** Unix milliseconds at which the origin's latest record came. */
  readonly seenMs: number;
}

/** More origins than this go into further checkpoint records, so that none outgrows the limit of a record. */
const checkpointOriginsMax = 1000;

export function writeSession(into: ByteWriter, entry: number, number: number, origin: Origin): void {
  const payload = new ByteWriter(128).varint(number);
  writeOrigin(payload, origin);
  writeRecord(into, RecordKind.session, entry, payload.view());
}

/** @throws MalformedError when the payload has another form. */
export function readSession(payload: Uint8Array): { readonly number: number; readonly origin: Origin } {
  const reader = new ByteReader(payload);
  const session = { number: reader.varint(), origin: readOrigin(reader) };
  reader.end();
  return session;
}

/** Writes at least one checkpoint record, also for no points at all. */
export function writeCheckpoints(into: ByteWriter, entry: number, points: readonly ResumePoint[]): void {
  for (let first = 0; first === 0 || first < points.length; first += checkpointOriginsMax) {
    const some = points.slice(first, first + checkpointOriginsMax);
    const payload = new ByteWriter(64 + some.length * 96).varint(some.length);
    for (const point of some) {
      writeOrigin(payload, point.origin);
      payload.varint(point.sequence).i64(BigInt(Math.round(point.seenMs)));
    }
    writeRecord(into, RecordKind.checkpoint, entry, payload.view());
  }
}

/** @throws MalformedError when the payload has another form. */
export function readCheckpoint(payload: Uint8Array): ResumePoint[] {
  const reader = new ByteReader(payload);
  const count = reader.count(8 + 3 + 1 + 8);
  const points: ResumePoint[] = [];
  for (let index = 0; index < count; index++) {
    points.push({ origin: readOrigin(reader), sequence: reader.varint(), seenMs: Number(reader.i64()) });
  }
  reader.end();
  return points;
}

/** `originNumber` is that of the record's origin in this segment, 0 when it has none. */
export function writeData(into: ByteWriter, entry: number, record: WalRecord, originNumber: number): void {
  const head = new ByteWriter(64).varint(originNumber);
  switch (record.kind) {
    case "scrapes":
      writeRecord(into, RecordKind.scrapes, entry, head.varint(record.sequence).view(), record.body);
      return;
    case "opaque":
      head.varint(record.sequence).u32(record.frameType).i64(record.id).i64(record.timestampNs);
      writeRecord(into, RecordKind.opaque, entry, head.view(), record.body);
      return;
    case "lost":
      writeRecord(into, RecordKind.lost, entry, head.varint(record.lost.lastSequence).view(), encodeLost(record.lost));
  }
}

/** Kinds of the records that sinks get; the others serve the log itself. */
export type DataKind = typeof RecordKind.scrapes | typeof RecordKind.opaque | typeof RecordKind.lost;

export function isDataKind(kind: RecordKind): kind is DataKind {
  return kind >= RecordKind.scrapes;
}

/**
 * What every data record begins with: the number of its origin (0: none) and its sequence number.
 * @throws MalformedError when the payload has another form.
 */
export function readDataHead(payload: Uint8Array): { readonly originNumber: number; readonly sequence: number } {
  const reader = new ByteReader(payload);
  return { originNumber: reader.varint(), sequence: reader.varint() };
}

/**
 * Reads the payload of a data record. Bodies are views of it.
 * `originOf` gives the origin with a number, or undefined when no session record declares it.
 * @throws MalformedError when the payload has another form or its origin is not declared.
 */
export function readData(
  kind: DataKind,
  payload: Uint8Array,
  originOf: (number: number) => Origin | undefined,
): WalRecord {
  const reader = new ByteReader(payload);
  const number = reader.varint();
  const origin = number === 0 ? null : originOf(number);
  if (origin === undefined) throw new MalformedError(`Cannot read WAL record: no session declares origin ${number}`);
  const sequence = reader.varint();
  if (kind === RecordKind.opaque) {
    const frameType = reader.u32();
    const id = reader.i64();
    const timestampNs = reader.i64();
    return { kind: "opaque", origin, sequence, frameType, id, timestampNs, body: rest(reader) };
  }
  if (origin === null) throw new MalformedError("Cannot read WAL record: it names no origin");
  if (kind === RecordKind.lost) return { kind: "lost", origin, lost: decodeLost(sequence, rest(reader)) };
  return { kind: "scrapes", origin, sequence, body: rest(reader) };
}

function rest(reader: ByteReader): Uint8Array {
  return reader.raw(reader.remaining);
}

function writeOrigin(into: ByteWriter, origin: Origin): void {
  into.u64(origin.epoch).text(origin.cluster).text(origin.namespace).text(origin.name);
}

function readOrigin(reader: ByteReader): Origin {
  return { epoch: reader.u64(), cluster: reader.text(), namespace: reader.text(), name: reader.text() };
}
