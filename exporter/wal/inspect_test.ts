import assert from "node:assert/strict";
import { test } from "node:test";
import { FileMissingError } from "../../core/runtime/env.ts";
import { RecordKind, segmentFileName } from "./format.ts";
import { inspectWal, type SegmentSummary } from "./inspect.ts";
import {
  appendAll,
  dir,
  diskWith,
  fileNames,
  headerOf,
  opaque,
  openTestWal,
  origin,
  placesOf,
  smallLog,
} from "./wal_testing.ts";

async function collect(summaries: AsyncIterable<SegmentSummary>): Promise<SegmentSummary[]> {
  const all: SegmentSummary[] = [];
  for await (const summary of summaries) all.push(summary);
  return all;
}

async function inspect(files: Readonly<Record<string, Uint8Array>>): Promise<SegmentSummary[]> {
  const fs = await diskWith(files);
  const before = await fileNames(fs);
  const summaries = await collect(inspectWal(dir, fs));
  assert.deepEqual(await fileNames(fs), before, "it only reads");
  return summaries;
}

test("a segment is summed up by kind and origin", async () => {
  const { bytes } = await smallLog();
  const [summary, ...others] = await inspect({ [segmentFileName(1)]: bytes, "notes.txt": bytes });
  assert.ok(summary !== undefined && others.length === 0);
  const { records, origins, header, damaged } = summary;
  const counts = Object.fromEntries(Object.entries(records).map(([kind, { count }]) => [kind, count]));
  assert.deepEqual(counts, { session: 4, checkpoint: 1, shape: 4, scrapes: 2, opaque: 2, lost: 1 });
  const sum = Object.values(records).reduce((total, kind) => total + kind.bytes, 0);
  assert.equal(sum + 32, bytes.length);
  assert.equal(header?.number, 1);
  assert.deepEqual(damaged, []);
  assert.deepEqual(origins, [
    { origin: origin("a"), records: 3, firstSequence: 1, lastSequence: 5 },
    { origin: origin("b"), records: 2, firstSequence: 1, lastSequence: 2 },
  ]);
});

test("damage is told with its range, whatever it hit", async () => {
  const { bytes } = await smallLog();
  const place = placesOf(bytes).find(({ kind }) => kind === RecordKind.opaque);
  assert.ok(place !== undefined);
  const damaged = bytes.slice();
  damaged[place.offset + 12]! ^= 1;
  const noHeader = bytes.slice();
  noHeader[3]! ^= 1;
  const found = await inspect({
    [segmentFileName(1)]: damaged,
    [segmentFileName(2)]: noHeader,
    [segmentFileName(3)]: bytes.slice(0, -1),
    [segmentFileName(4)]: new Uint8Array(0),
    [segmentFileName(5)]: headerOf({ number: 5 }),
  });
  const last = placesOf(bytes).at(-1);
  assert.deepEqual(found.map((summary) => summary.damaged), [
    [{ offset: place.offset, end: place.end }],
    [{ offset: 0, end: 32 }],
    [{ offset: last?.offset, end: bytes.length - 1 }],
    [{ offset: 0, end: 0 }],
    [],
  ]);
  assert.deepEqual(found.map(({ header }) => header === null), [false, true, false, true, false]);
});

test("a log can be inspected while it is written", async () => {
  const { wal, fs } = await openTestWal();
  await appendAll(wal, [opaque(null, 0, "x")]);
  const [summary] = await collect(inspectWal(dir, fs));
  assert.equal(summary?.records.opaque.count, 1);
  assert.deepEqual(summary.origins, []);
  await wal.close();
});

test("a directory that is absent is told", async () => {
  await assert.rejects(collect(inspectWal("/none", await diskWith({}))), FileMissingError);
});
