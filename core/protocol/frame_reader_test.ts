import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, type Frame, frameBodyBytesMax, FrameError, frameHeaderBytes } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";

const frames: readonly Frame[] = [0, 1, 31, 32, 33, 5000, 0, 70_000].map((bodyBytes, index) => ({
  type: index + 1,
  id: BigInt(index) * -3n,
  timestampNs: BigInt(index) << 40n,
  body: Uint8Array.from({ length: bodyBytes }, (_, at) => (at * 7 + index) % 256),
}));
const stream = concat(frames.map(encodeFrame));

function readIn(pieces: readonly Uint8Array[]): { read: Frame[]; pendingBytes: number } {
  const reader = new FrameReader();
  const read: Frame[] = [];
  for (const piece of pieces) {
    // The piece is overwritten afterwards, as a socket's buffer may be.
    const own = new Uint8Array(piece);
    reader.push(own, (frame) => read.push({ ...frame, body: new Uint8Array(frame.body) }));
    own.fill(0xff);
  }
  return { read, pendingBytes: reader.pendingBytes };
}

test("frames are read from a stream in one piece", () => {
  assert.deepEqual(readIn([stream]), { read: frames, pendingBytes: 0 });
});

test("frames are read from a stream that comes byte by byte", () => {
  const pieces = Array.from(stream, (byte) => Uint8Array.of(byte));
  assert.deepEqual(readIn(pieces), { read: frames, pendingBytes: 0 });
});

test("frames are read from a stream however it is split", () => {
  const cuts = fc.array(fc.nat(stream.length), { maxLength: 40 });
  fc.assert(
    fc.property(cuts, (unsorted) => {
      const sorted = unsorted.toSorted((a, b) => a - b);
      const pieces = [...sorted, stream.length].map((end, index) => stream.subarray(sorted[index - 1] ?? 0, end));
      assert.deepEqual(readIn(pieces), { read: frames, pendingBytes: 0 });
    }),
    { numRuns: 60 },
  );
});

test("an incomplete frame is held and counted", () => {
  assert.deepEqual(readIn([stream.subarray(0, 40)]), { read: [frames[0]], pendingBytes: 8 });
});

test("a bad magic is refused, wherever it comes", () => {
  const bad = new Uint8Array(frameHeaderBytes).fill(0x47);
  assert.throws(() => readIn([bad]), FrameError);
  assert.throws(() => readIn([concat([stream, bad])]), /bad magic 0x4747474747474747/);
  assert.throws(() => readIn(Array.from(bad, (byte) => Uint8Array.of(byte))), FrameError);
});

test("a stranger that sends less than a header is noticed by its first 8 bytes", () => {
  assert.throws(() => readIn([new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n")]), FrameError);
  assert.throws(() => readIn([stream.subarray(0, 7), Uint8Array.of(0)]), FrameError);
});

test("an oversized length is refused before a byte of the body came", () => {
  const header = encodeFrame({ type: 20, id: 1n, timestampNs: 1n, body: new Uint8Array(0) });
  const view = new DataView(header.buffer);
  view.setUint32(12, frameBodyBytesMax);
  assert.deepEqual(readIn([header]), { read: [], pendingBytes: frameHeaderBytes });
  for (const length of [frameBodyBytesMax + 1, 0xffffffff]) {
    view.setUint32(12, length);
    assert.throws(() => readIn([header]), /exceeds 16777216/);
    assert.throws(() => readIn(Array.from(header, (byte) => Uint8Array.of(byte))), /exceeds 16777216/);
  }
});

test("a peer that only announces a large body costs no memory", () => {
  const header = encodeFrame({ type: 20, id: 1n, timestampNs: 1n, body: new Uint8Array(0) });
  new DataView(header.buffer).setUint32(12, frameBodyBytesMax);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 100 }, () => new FrameReader());
  for (const reader of readers) reader.push(header, () => assert.fail("no frame is complete"));
  assert.ok(process.memoryUsage().arrayBuffers - before < frameBodyBytesMax);
});

test("a body above 16 MiB is not encoded", () => {
  const body = new Uint8Array(frameBodyBytesMax + 1);
  assert.throws(() => encodeFrame({ type: 20, id: 1n, timestampNs: 1n, body }), FrameError);
});

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
