import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordKind, segmentFileName, segmentHeaderBytes } from "./format.ts";
import type { WalRecord } from "./wal.ts";
import {
  appendAll,
  headerOf,
  opaque,
  origin,
  type Place,
  placesOf,
  readAll,
  reopen,
  segmentPath,
  sequencesOf,
  smallLog,
  smallLogShapes,
} from "./wal_testing.ts";

const b = origin("b");

/** The data records of a log without those that stand in [from, end). */
function without(records: readonly WalRecord[], places: readonly Place[], from: number, end: number): WalRecord[] {
  const data = places.filter(({ kind }) => kind >= RecordKind.scrapes);
  assert.equal(data.length, records.length);
  return records.filter((_, index) => data[index]!.end <= from || data[index]!.offset >= end);
}

test("a log that ends at any byte is cut back to its last whole record, and goes on", async () => {
  const { bytes, records } = await smallLog();
  const places = placesOf(bytes);
  for (let length = 1; length < bytes.length; length++) {
    const { wal, fs } = await reopen({ [segmentFileName(1)]: bytes.slice(0, length) });
    const what = `cut at ${length}`;
    const wholeEnd = places.findLast(({ end }) => end <= length)?.end ?? segmentHeaderBytes;
    const isSegment = length >= segmentHeaderBytes;
    const kept = isSegment ? without(records, places, wholeEnd, bytes.length) : [];
    assert.deepEqual(await readAll(wal), kept, what);
    const { truncatedBytes, corruptRecords, badFiles } = wal.stats();
    assert.equal(truncatedBytes, isSegment ? length - wholeEnd : 0, what);
    assert.equal(corruptRecords, 0, what);
    assert.equal(badFiles, isSegment ? 0 : 1, what);
    assert.equal(wal.resumePoint(b), Math.max(0, ...sequencesOf(kept, "b")), what);
    if (isSegment) assert.equal((await fs.readFile(segmentPath(1))).length, wholeEnd, what);
    await appendAll(wal, [opaque(b, 9, "new")]);
    assert.deepEqual(sequencesOf(await readAll(wal), "b").at(-1), 9, what);
    await wal.close();
  }
});

test("a byte changed anywhere costs at most the record that it is in, and never a crash", async () => {
  const { bytes, records } = await smallLog();
  const places = placesOf(bytes);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= at % 2 === 0 ? 1 << (at % 8) : 0xff;
    const { wal, fs } = await reopen({
      [segmentFileName(1)]: damaged,
      [segmentFileName(2)]: headerOf({ number: 2, entries: 4 }),
    });
    const what = `byte ${at}`;
    const place = places.find(({ offset, end }) => offset <= at && at < end) ?? { offset: 0, end: segmentHeaderBytes };
    assert.deepEqual(await readAll(wal), without(records, places, place.offset, place.end), what);
    assert.equal(wal.stats().corruptRecords, 1, what);
    assert.deepEqual(await fs.readFile(segmentPath(1)), damaged, `${what}: the file is left as it is`);
    const missing = smallLogShapes.all.filter(({ shape }) => wal.shapes.get(shape.id) === undefined);
    const isShape = places.some(({ kind, offset }) => kind === RecordKind.shape && offset === place.offset);
    assert.equal(missing.length, isShape ? 1 : 0, what);
    await wal.close();
  }
});
