import assert from "node:assert/strict";
import { test } from "node:test";
import { FileMissingError } from "../../core/runtime/env.ts";
import { RecordKind, segmentFileName } from "./format.ts";
import { inspectWal, type LogSummary, type RecordSummary } from "./inspect.ts";
import {
  appendAll,
  dir,
  diskWith,
  fileNames,
  headerOf,
  lost,
  opaque,
  openTestWal,
  origin,
  placesOf,
  segmentPath,
  smallLog,
} from "./wal_testing.ts";

const [a, b] = [origin("a"), origin("b")];
const processes = { self: "1-x-1", isRunning: () => true };

async function inspect(files: Readonly<Record<string, Uint8Array>>): Promise<LogSummary> {
  const fs = await diskWith(files);
  const before = await fileNames(fs);
  const summary = await inspectWal(dir, { fs, processes });
  assert.deepEqual(await fileNames(fs), before, "it only reads");
  return summary;
}

test("a segment is summed up by kind and origin", async () => {
  const { bytes } = await smallLog();
  const log = await inspect({ [segmentFileName(1)]: bytes, "notes.txt": bytes });
  const [summary, ...others] = log.segments;
  assert.ok(summary !== undefined && others.length === 0);
  const { records, origins, damaged, tail } = summary;
  const counts = Object.fromEntries(Object.entries(records).map(([kind, { count }]) => [kind, count]));
  assert.deepEqual(counts, { session: 4, checkpoint: 1, shape: 4, scrapes: 2, opaque: 2, lost: 1 });
  const sum = Object.values(records).reduce((total, kind) => total + kind.bytes, 0);
  assert.equal(sum + 40, bytes.length);
  assert.deepEqual([damaged, tail, log.isDamaged, log.entries, log.bytes], [[], null, false, 4, bytes.length]);
  assert.deepEqual(origins, [
    { origin: a, records: 3, firstSequence: 1, lastSequence: 5 },
    { origin: b, records: 2, firstSequence: 1, lastSequence: 2 },
  ]);
});

test("damage is told with its range, its entries and the sequence numbers that it took", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 150 });
  for (let sequence = 1; sequence <= 12; sequence++) await appendAll(wal, [opaque(a, sequence, `text ${sequence}`)]);
  await appendAll(wal, [lost(a, 13, 20), opaque(a, 21, "text 21")]);
  const { entries } = wal.stats();
  await wal.close();
  const [, second] = placesOf(await fs.readFile(segmentPath(1))).filter(({ kind }) => kind === RecordKind.opaque);
  const file = await fs.open(segmentPath(1), "create");
  await file.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff), second!.offset + 4);
  await fs.remove(segmentPath(2));
  const found = await inspectWal(dir, { fs, processes });
  const { offset, end } = second!;
  assert.deepEqual(found.segments[0]?.damaged[0], { offset, end, entries: 1 });
  assert.ok(found.isDamaged);
  assert.equal(found.entries, entries);
  const held = found.segments.reduce((sum, { records }) => sum + records.opaque.count, 0);
  assert.equal(held + found.damagedEntries, entries);
  const [first, gone] = found.missing;
  assert.deepEqual(first, { origin: a, firstSequence: 2, lastSequence: 2 });
  assert.equal(1 + gone!.lastSequence - gone!.firstSequence, found.damagedEntries - 1);
});

test("damaged headers, empty files and files from elsewhere are told; a torn tail is no damage", async () => {
  const { bytes } = await smallLog();
  const noHeader = bytes.slice();
  noHeader[3]! ^= 1;
  const found = await inspect({
    [segmentFileName(1)]: noHeader,
    [segmentFileName(2)]: new Uint8Array(0),
    [segmentFileName(3)]: headerOf({ number: 4, entries: 4 }),
    [segmentFileName(5)]: headerOf({ number: 5, entries: 4 }),
    [`${segmentFileName(4)}.bad`]: bytes,
  });
  assert.deepEqual(found.segments.map(({ damaged }) => damaged), [[{ offset: 0, end: 40, entries: 0 }], [], [], []]);
  assert.deepEqual(found.segments.map(({ problem }) => problem), [
    null,
    "it is empty",
    "its header says that it is segment 4",
    null,
  ]);
  assert.deepEqual(found.setAside, ["0000000004.wal.bad"]);
  const torn = await inspect({ [segmentFileName(1)]: bytes.slice(0, -1) });
  assert.deepEqual(torn.segments[0]?.tail, { offset: placesOf(bytes).at(-1)!.offset, end: bytes.length - 1 });
  assert.ok(!torn.isDamaged);
});

test("a log can be inspected while it is written, by the data folder too, record by record", async () => {
  const { wal, fs } = await openTestWal();
  await appendAll(wal, [opaque(null, 0, "x"), opaque(a, 1, "y")]);
  const records: RecordSummary[] = [];
  const log = await inspectWal("/data", { fs, processes, onRecord: (record) => records.push(record) });
  assert.equal(log.dir, dir);
  assert.equal(log.locks.length, 1);
  assert.ok(log.locks[0]?.isRunning);
  assert.deepEqual(
    records.map(({ kind, entry, entries, sequence, origin: from }) => [kind, entry, entries, sequence, from]),
    [
      ["opaque", 0, 1, 0, null],
      ["opaque", 1, 1, 1, a],
    ],
  );
  await wal.close();
});

test("a directory that is absent is told", async () => {
  await assert.rejects(inspectWal("/none", { fs: await diskWith({}), processes }), FileMissingError);
});
