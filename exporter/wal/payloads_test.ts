import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, MalformedError } from "../../core/protocol/bytes.ts";
import { lookAtRecord, recordHeaderBytes, RecordKind } from "./format.ts";
import {
  type DataKind,
  isDataKind,
  readCheckpoint,
  readData,
  readSession,
  writeCheckpoints,
  writeData,
  writeSession,
} from "./payloads.ts";
import type { WalRecord } from "./wal.ts";
import { origin, startMs } from "./wal_testing.ts";

const shop = { cluster: "C", namespace: "ns", name: "n-0", epoch: 258n };
const shopHex = "0000000000000102 01 43 02 6e73 03 6e2d30";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const withoutSpaces = (text: string) => text.replaceAll(" ", "");

/** Kind and payload of the only record that `write` writes. */
function written(write: (into: ByteWriter) => void): { kind: number; payload: Uint8Array } {
  const writer = new ByteWriter();
  write(writer);
  const look = lookAtRecord(writer.view(), 0, writer.length);
  assert.ok(look.found === "record" && look.end === writer.length);
  return look;
}

function checkData(name: string, record: WalRecord, originNumber: number, kind: DataKind, want: string): void {
  test(`a record of kind ${name} has its golden bytes and is read back`, () => {
    const data = written((into) => writeData(into, 0, record, originNumber));
    assert.equal(data.kind, kind);
    assert.equal(hex(data.payload), withoutSpaces(want));
    assert.ok(isDataKind(kind));
    assert.deepEqual(readData(kind, data.payload, (number) => number === 5 ? shop : undefined), record);
    for (let end = 0; end < 2; end++) {
      assert.throws(() => readData(kind, data.payload.subarray(0, end), () => shop), MalformedError);
    }
  });
}

checkData(
  "scrapes",
  { kind: "scrapes", origin: shop, sequence: 300, body: Uint8Array.of(0xaa, 0xbb) },
  5,
  4,
  "05 ac02 aabb",
);
checkData(
  "opaque",
  { kind: "opaque", origin: shop, sequence: 1, frameType: 3, id: -2n, timestampNs: 1n, body: Uint8Array.of(0x7b) },
  5,
  5,
  "05 01 00000003 fffffffffffffffe 0000000000000001 7b",
);
checkData(
  "opaque without origin",
  { kind: "opaque", origin: null, sequence: 0, frameType: 1, id: 0n, timestampNs: 0n, body: Uint8Array.of() },
  0,
  5,
  "00 00 00000001 0000000000000000 0000000000000000",
);
const range = { firstSequence: 2, lastSequence: 9, records: 8, samples: 32, oldestMs: 1, newestMs: 2, reason: "r" };
checkData(
  "lost",
  { kind: "lost", origin: shop, lost: range },
  5,
  6,
  "05 09 0000000000000002 08 20 0000000000000001 0000000000000002 01 72",
);

test("a data record whose origin nothing declares is malformed", () => {
  const record: WalRecord = { kind: "scrapes", origin: shop, sequence: 1, body: Uint8Array.of(1) };
  const { payload } = written((into) => writeData(into, 0, record, 5));
  assert.throws(() => readData(RecordKind.scrapes, payload, () => undefined), /no session declares origin 5/);
});

test("a session record has its golden bytes and is read back", () => {
  const { kind, payload } = written((into) => writeSession(into, 0, 5, shop));
  assert.equal(kind, RecordKind.session);
  assert.equal(hex(payload), withoutSpaces(`05 ${shopHex}`));
  assert.deepEqual(readSession(payload), { number: 5, origin: shop });
  assert.throws(() => readSession(Uint8Array.of(...payload, 0)), MalformedError);
});

test("a checkpoint has its golden bytes and is read back", () => {
  const points = [{ origin: shop, sequence: 300, seenMs: startMs }];
  const { kind, payload } = written((into) => writeCheckpoints(into, 0, points));
  assert.equal(kind, RecordKind.checkpoint);
  assert.equal(hex(payload), withoutSpaces(`01 ${shopHex} ac02 000001a3185c5000`));
  assert.deepEqual(readCheckpoint(payload), points);
  assert.throws(() => readCheckpoint(Uint8Array.of(0xff, 0xff, 0x03)), MalformedError, "a forged count");
});

test("an empty checkpoint is one record, a large one several", () => {
  assert.deepEqual(readCheckpoint(written((into) => writeCheckpoints(into, 0, [])).payload), []);
  const points = Array.from(
    { length: 2500 },
    (_, index) => ({ origin: origin(`c-${index}`), sequence: index, seenMs: 0 }),
  );
  const writer = new ByteWriter();
  writeCheckpoints(writer, 0, points);
  const read = [];
  let records = 0;
  for (let at = 0; at < writer.length; records++) {
    const look = lookAtRecord(writer.view(), at, writer.length);
    assert.ok(look.found === "record" && look.end - at > recordHeaderBytes);
    read.push(...readCheckpoint(look.payload));
    at = look.end;
  }
  assert.equal(records, 3);
  assert.deepEqual(read, points);
});
