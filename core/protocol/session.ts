/**
 * The frames that open, pace and end a session between a collector and an exporter. docs/protocol.md tells how they
 * follow each other. Integers and text as in bytes.ts.
 *
 * | type    | frame id                     | body                                                             |
 * | ------- | ---------------------------- | ---------------------------------------------------------------- |
 * | HELLO   | 0                            | u8 version, u64 epoch, u64 next sequence, text cluster,          |
 * |         |                              | text namespace, text name, text token; u8 1 when CODED is wanted |
 * | WELCOME | highest sequence fsynced     | u8 version, u32 window in bytes, text exporter; u32 bytes for    |
 * |         |                              | bases when CODED may be sent                                     |
 * | ACK     | highest sequence fsynced     | empty                                                            |
 * | UNKNOWN | sequence that is wanted next | varint count, then for each 16 bytes: id of a missing shape      |
 * | LOST    | last sequence lost           | u64 first sequence lost, varint records, varint samples,         |
 * |         |                              | i64 oldest and i64 newest scrape in Unix milliseconds, text why  |
 * | CREDIT  | 0                            | u32 window in bytes                                              |
 * | ERROR   | 0                            | u16 code (see SessionErrorCode), text message                    |
 */

import { ByteReader, ByteWriter, MalformedError } from "./bytes.ts";
import { type ContentId, contentIdBytes, readContentId, writeContentId } from "./shape.ts";

export const protocolVersion = 1;

export interface CollectorIdentity {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Hello extends CollectorIdentity {
  /** Number of this start of the collector; sequence numbers begin again at 1 in each. */
  readonly epoch: bigint;
  /** The lowest sequence number that the collector still holds, or would give to its next record. */
  readonly nextSequence: number;
  readonly token: string;
  /** Whether the collector would send CODED frames, false by default: it is told nothing of them then. */
  readonly wantsCoding?: boolean;
}

export interface Welcome {
  /** Bytes of sequenced frames that may be sent without being acknowledged. */
  readonly windowBytes: number;
  readonly exporter: string;
  /** Bytes that the bases of CODED frames may take (coded_scrapes.ts). By default 0: no such frame may be sent. */
  readonly baseBytes?: number;
}

/** Records that their collector dropped, with what is known of them: the declaration of a loss. */
export interface Lost {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly records: number;
  readonly samples: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  readonly reason: string;
}

export const SessionErrorCode = {
  /** The peer broke the protocol. */
  protocol: 1,
  /** The peer speaks a version that is not served. */
  version: 2,
  /** The token is missing or wrong. */
  unauthorized: 3,
  /** The exporter is shutting down: go to another one. */
  draining: 4,
  /** The exporter cannot take more connections. */
  overloaded: 5,
} as const;

export interface SessionError {
  readonly code: number;
  readonly message: string;
}

export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(protocolVersion).u64(hello.epoch).u64(BigInt(hello.nextSequence))
    .text(hello.cluster).text(hello.namespace).text(hello.name).text(hello.token);
  return (hello.wantsCoding === true ? writer.u8(1) : writer).finish();
}

/** @throws MalformedError when the body has another form or version. */
export function decodeHello(body: Uint8Array): Hello {
  return decode(body, (reader) => {
    readVersion(reader);
    const hello: Hello = {
      epoch: reader.u64(),
      nextSequence: Number(reader.u64()),
      cluster: reader.text(),
      namespace: reader.text(),
      name: reader.text(),
      token: reader.text(),
    };
    if (reader.remaining === 0) return hello;
    if (reader.u8() !== 1) throw new MalformedError("Cannot read HELLO: what it wants is not known");
    return { ...hello, wantsCoding: true };
  });
}

export function encodeWelcome({ windowBytes, exporter, baseBytes = 0 }: Welcome): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(protocolVersion).u32(windowBytes).text(exporter);
  return (baseBytes > 0 ? writer.u32(baseBytes) : writer).finish();
}

/** @throws MalformedError when the body has another form or version. */
export function decodeWelcome(body: Uint8Array): Welcome {
  return decode(body, (reader) => {
    readVersion(reader);
    const [windowBytes, exporter] = [reader.u32(), reader.text()];
    return reader.remaining === 0 ? { windowBytes, exporter } : { windowBytes, exporter, baseBytes: reader.u32() };
  });
}

export function encodeUnknown(ids: readonly ContentId[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().varint(ids.length);
  for (const id of ids) writeContentId(writer, id);
  return writer.finish();
}

/** @throws MalformedError when the body has another form. */
export function decodeUnknown(body: Uint8Array): ContentId[] {
  return decode(
    body,
    (reader) => Array.from({ length: reader.count(contentIdBytes) }, () => readContentId(reader)),
  );
}

/** The last sequence of the range is the frame's id. */
export function encodeLost(lost: Lost): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u64(BigInt(lost.firstSequence)).varint(lost.records).varint(lost.samples)
    .i64(BigInt(lost.oldestMs)).i64(BigInt(lost.newestMs)).text(lost.reason).finish();
}

/** @throws MalformedError when the body has another form. */
export function decodeLost(lastSequence: number, body: Uint8Array): Lost {
  return decode(body, (reader) => ({
    lastSequence,
    firstSequence: Number(reader.u64()),
    records: reader.varint(),
    samples: reader.varint(),
    oldestMs: Number(reader.i64()),
    newestMs: Number(reader.i64()),
    reason: reader.text(),
  }));
}

export function encodeCredit(windowBytes: number): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u32(windowBytes).finish();
}

/** @throws MalformedError when the body has another form. */
export function decodeCredit(body: Uint8Array): number {
  return decode(body, (reader) => reader.u32());
}

export function encodeSessionError(error: SessionError): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u16(error.code).text(error.message).finish();
}

/** @throws MalformedError when the body has another form. */
export function decodeSessionError(body: Uint8Array): SessionError {
  return decode(body, (reader) => ({ code: reader.u16(), message: reader.text() }));
}

function decode<T>(body: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(body);
  const value = read(reader);
  reader.end();
  return value;
}

function readVersion(reader: ByteReader): void {
  const version = reader.u8();
  if (version !== protocolVersion) {
    throw new MalformedError(`Cannot speak protocol version ${version}: this side speaks ${protocolVersion}`);
  }
}
