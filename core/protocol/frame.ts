/**
 * The frame: what travels over TCP between a collector (or an old client) and the exporter.
 *
 * | offset | size | field     | encoding                                              |
 * | ------ | ---- | --------- | ----------------------------------------------------- |
 * | 0      | 8    | magic     | 0x75062D90E03C798A, big-endian                        |
 * | 8      | 4    | type      | u32, big-endian: see FrameType                        |
 * | 12     | 4    | length    | u32, big-endian: bytes of the body, at most 16 MiB    |
 * | 16     | 8    | id        | i64, big-endian: data id, sequence, … as the type says |
 * | 24     | 8    | timestamp | i64, big-endian: Unix nanoseconds at the sender       |
 * | 32     |      | body      | as the type says: see session.ts, shape.ts, scrapes.ts |
 *
 * Types 1 to 3 are those of the original system and keep their meaning; 16 and above came with acknowledgement.
 * A stream with another magic or a longer body is not a stream of frames: the connection is closed.
 */

export const frameHeaderBytes = 32;
export const frameBodyBytesMax = 16 * 1024 * 1024;
export const frameMagicBytes = 8;
const magic = 0x75062D90E03C798An;

export const FrameType = {
  /** A record for BlueKing's data platform: id = data id, body = the record's JSON. */
  blueKing: 1,
  /** Empty body; the peer answers with an empty frame of the same type. */
  heartbeat: 2,
  /** A record for the default exporter, otherwise as type 1. */
  record: 3,
  hello: 16,
  welcome: 17,
  schema: 18,
  target: 19,
  scrapes: 20,
  ack: 21,
  unknown: 22,
  lost: 23,
  credit: 24,
  error: 25,
  /** Records of type 20, coded against earlier ones of the session: id = sequence of the first. */
  coded: 26,
} as const;

export interface FrameHeader {
  readonly type: number;
  readonly bodyBytes: number;
  readonly id: bigint;
  readonly timestampNs: bigint;
}

export interface Frame {
  readonly type: number;
  readonly id: bigint;
  readonly timestampNs: bigint;
  readonly body: Uint8Array;
}

/** The bytes are not a frame; the connection that carried them must be closed. */
export class FrameError extends Error {
  override name = "FrameError";
  readonly reason: "magic" | "length";

  constructor(reason: "magic" | "length", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Header and body in one buffer. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frameHeaderBytes + frame.body.length);
  writeFrameHeader(bytes, { ...frame, bodyBytes: frame.body.length });
  bytes.set(frame.body, frameHeaderBytes);
  return bytes;
}

/**
 * Writes the 32 bytes of a header at the start of `into`.
 * @throws FrameError when the body exceeds 16 MiB.
 */
export function writeFrameHeader(into: Uint8Array, header: FrameHeader): void {
  checkLength(header.bodyBytes);
  const view = new DataView(into.buffer, into.byteOffset, frameHeaderBytes);
  view.setBigUint64(0, magic);
  view.setUint32(8, header.type);
  view.setUint32(12, header.bodyBytes);
  view.setBigInt64(16, header.id);
  view.setBigInt64(24, header.timestampNs);
}

/**
 * Reads the 32 bytes of a header at `offset`.
 * @throws FrameError when the magic is not ours or the body would exceed `bodyBytesMax`, by default 16 MiB.
 */
export function readFrameHeader(bytes: Uint8Array, offset = 0, bodyBytesMax = frameBodyBytesMax): FrameHeader {
  checkFrameMagic(bytes, offset);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, frameHeaderBytes);
  const bodyBytes = view.getUint32(12);
  checkLength(bodyBytes, bodyBytesMax);
  return { type: view.getUint32(8), bodyBytes, id: view.getBigInt64(16), timestampNs: view.getBigInt64(24) };
}

/**
 * Looks only at the first 8 bytes of a header, so that a stranger's stream is noticed before a whole one came.
 * @throws FrameError when the magic is not ours.
 */
export function checkFrameMagic(bytes: Uint8Array, offset = 0): void {
  const found = new DataView(bytes.buffer, bytes.byteOffset + offset, frameMagicBytes).getBigUint64(0);
  if (found === magic) return;
  throw new FrameError("magic", `Cannot read frame: bad magic 0x${found.toString(16).padStart(16, "0")}`);
}

/** Unix milliseconds as a header's nanoseconds. */
export function toNanoseconds(unixMs: number): bigint {
  return BigInt(Math.round(unixMs)) * 1_000_000n;
}

function checkLength(bodyBytes: number, bodyBytesMax = frameBodyBytesMax): void {
  if (bodyBytes <= bodyBytesMax) return;
  throw new FrameError("length", `Cannot take frame: its body of ${bodyBytes} bytes exceeds ${bodyBytesMax}`);
}
