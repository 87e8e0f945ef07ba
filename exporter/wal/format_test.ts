import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import {
  findRecord,
  lookAtRecord,
  parseSegmentFileName,
  payloadBytesMax,
  readSegmentHeader,
  recordHeaderBytes,
  RecordKind,
  segmentFileName,
  writeRecord,
  writeSegmentHeader,
} from "./format.ts";
import { headerOf } from "./wal_testing.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

function record(text: string): Uint8Array {
  const writer = new ByteWriter();
  writeRecord(writer, RecordKind.shape, 0, ascii(text));
  return writer.finish();
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test("a segment header has its golden bytes", () => {
  const writer = new ByteWriter();
  writeSegmentHeader(writer, { number: 42, createdMs: 1_800_000_000_000, entries: 7_000_000_000 });
  assert.equal(
    Buffer.from(writer.view()).toString("hex"),
    // magic, version, number, created, entries, CRC-32C of these 36 bytes
    "62637377616c0d0a 00000001 000000000000002a 000001a3185c5000 00000001a13b8600 37298a88".replaceAll(" ", ""),
  );
  assert.deepEqual(readSegmentHeader(writer.view()), {
    version: 1,
    number: 42,
    createdMs: 1_800_000_000_000,
    entries: 7_000_000_000,
  });
});

test("a record has its golden bytes", () => {
  const writer = new ByteWriter();
  writeRecord(writer, RecordKind.scrapes, 7_000_000_000, Uint8Array.of(1, 7), ascii("123456789"));
  assert.equal(
    Buffer.from(writer.view()).toString("hex"),
    // length, CRC-32C of the rest, kind, entry, payload
    "0000000b b8695423 04 00000001a13b8600 0107 313233343536373839".replaceAll(" ", ""),
  );
});

test("a header with any flipped bit, or cut short, is no header", () => {
  const writer = new ByteWriter();
  writeSegmentHeader(writer, { number: 7, createdMs: 1, entries: 9 });
  const bytes = writer.finish();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(readSegmentHeader(bytes), null, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.equal(readSegmentHeader(bytes.subarray(0, 39)), null);
});

test("a later version's header is read, so that it can be refused", () => {
  assert.deepEqual(readSegmentHeader(headerOf({ number: 7, version: 2 })), {
    version: 2,
    number: 7,
    createdMs: 0,
    entries: 0,
  });
});

test("file names are the segment's number, and know their files that were set aside", () => {
  assert.equal(segmentFileName(42), "0000000042.wal");
  assert.deepEqual(parseSegmentFileName("0000000042.wal"), { number: 42, bad: false });
  assert.deepEqual(parseSegmentFileName("0000000042.wal.bad"), { number: 42, bad: true });
  assert.deepEqual(parseSegmentFileName("0000000042.wal.bad3"), { number: 42, bad: true });
  assert.deepEqual(parseSegmentFileName(segmentFileName(10_000_000_001)), { number: 10_000_000_001, bad: false });
  for (const name of ["42.wal", "0000000042.wal2", "a0000000042.wal", "lock.1", "0000000042.wal.tmp"]) {
    assert.equal(parseSegmentFileName(name), null, name);
  }
});

test("a payload above the limit is refused", () => {
  const writer = new ByteWriter();
  const large = new Uint8Array(payloadBytesMax);
  assert.throws(() => writeRecord(writer, RecordKind.scrapes, 0, Uint8Array.of(1), large), RangeError);
  assert.equal(writer.length, 0);
});

test("a record is seen whole, in part or as damaged", () => {
  const bytes = record("payload");
  const whole = lookAtRecord(bytes, 0, bytes.length);
  assert.ok(whole.found === "record" && whole.kind === RecordKind.shape && whole.end === bytes.length);
  assert.deepEqual(whole.payload, ascii("payload"));
  for (let end = 0; end < bytes.length; end++) {
    const bytesNeeded = end < recordHeaderBytes ? recordHeaderBytes : bytes.length;
    assert.deepEqual(lookAtRecord(bytes, 0, end), { found: "part", bytesNeeded }, `${end} bytes`);
  }
  bytes[bytes.length - 1]! ^= 1;
  assert.deepEqual(lookAtRecord(bytes, 0, bytes.length), { found: "damage" });
  assert.deepEqual(lookAtRecord(new Uint8Array(64), 0, 64), { found: "damage" }, "zeros");
  assert.deepEqual(lookAtRecord(new Uint8Array(64).fill(0xff), 0, 64), { found: "damage" }, "ones");
});

test("the next record is found behind any damage, however long", () => {
  const good = record("good");
  for (const gap of [0, 1, 8, 16, 17, 500]) {
    const bytes = join(new Uint8Array(gap).fill(4), good);
    assert.equal(findRecord(bytes, 0, bytes.length), gap, `gap ${gap}`);
  }
  assert.equal(findRecord(new Uint8Array(100).fill(4), 0, 100), 100, "none");
  const cut = join(Uint8Array.of(1, 2, 3), good.subarray(0, good.length - 1));
  assert.equal(findRecord(cut, 0, cut.length), cut.length, "cut short");
});

test("a damaged length that points exactly at a later record does not hide those between", () => {
  const [a, b, c] = [record("x".repeat(55)), record("y".repeat(55)), record("z".repeat(55))];
  const bytes = join(a, b, c);
  // 55 + 64: the record seems to end where c begins.
  bytes[3]! ^= 64;
  assert.deepEqual(lookAtRecord(bytes, 0, bytes.length), { found: "damage" });
  assert.equal(findRecord(bytes, 1, bytes.length), a.length);
});

test("large records are found too: before another, before a torn one and at the end", () => {
  const large = record("l".repeat(100_000));
  for (
    const [name, after] of [["end", new Uint8Array(0)], ["record", record("r")], [
      "torn",
      record("r").subarray(0, 5),
    ]] as const
  ) {
    const bytes = join(new Uint8Array(100).fill(1), large, after);
    assert.equal(findRecord(bytes, 0, bytes.length), 100, name);
  }
});
