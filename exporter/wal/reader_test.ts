import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentHeaderBytes } from "./format.ts";
import { WalClosedError } from "./wal.ts";
import {
  addShapes,
  appendAll,
  opaque,
  openTestWal,
  origin,
  quiet,
  readAll,
  readOn,
  scrapes,
  segmentPath,
  sequencesOf,
  shapesOf,
  type TestWal,
} from "./wal_testing.ts";

const a = origin("a");
const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => opaque(a, from + index, `text ${from + index}`));

/** A log with 30 records in segments of three, the last of which is still being written. */
async function rotatedLog(): Promise<TestWal> {
  const log = await openTestWal({ segmentBytes: 100 });
  await appendAll(log.wal, texts(1, 30));
  assert.ok(log.wal.stats().segments >= 8);
  return log;
}

test("everything is read in order across segments, however few bytes are asked for", async () => {
  const { wal } = await rotatedLog();
  for (const bytesMax of [1, 60, 150, 1e6]) assert.deepEqual(await readAll(wal, null, bytesMax), texts(1, 30));
  await wal.close();
});

test("reading goes on from any position that was handed out", async () => {
  const { wal } = await rotatedLog();
  const reader = wal.reader(null);
  const { positions } = await readOn(reader, 1);
  assert.equal(positions.length, 30);
  for (const [index, position] of positions.entries()) {
    assert.deepEqual(await readAll(wal, position), texts(index + 2, 30), `after record ${index + 1}`);
  }
  await reader.close();
  await wal.close();
});

test("a position survives a restart", async () => {
  const { wal, fs } = await rotatedLog();
  const { positions } = await readOn(wal.reader(null), 1);
  await wal.close();
  const again = await openTestWal({ fs, segmentBytes: 100 });
  await appendAll(again.wal, texts(31, 33));
  for (const [index, position] of positions.entries()) {
    assert.deepEqual(await readAll(again.wal, position), texts(index + 2, 33), `after record ${index + 1}`);
  }
  await again.wal.close();
});

test("what is not fsynced is not read", async () => {
  const { wal, fs } = await openTestWal();
  const gate = Promise.withResolvers<void>();
  const reader = wal.reader(null);
  assert.equal(await reader.read(1e6), null, "an empty log");
  await appendAll(wal, texts(1, 1));
  assert.equal((await reader.read(1e6))?.records.length, 1);
  fs.before = ({ name }) => name === "sync" ? gate.promise : undefined;
  await appendAll(wal, texts(2, 4));
  assert.ok((await fs.readFile(segmentPath(1))).length > wal.stats().bytes, "it is written");
  assert.equal(await reader.read(1e6), null);
  gate.resolve();
  await quiet();
  assert.deepEqual(sequencesOf((await readOn(reader)).records, "a"), [2, 3, 4]);
  await wal.close();
});

test("a reader of an old segment's end is told of records in a new one", async () => {
  const { wal } = await openTestWal({ segmentBytes: 1 });
  const reader = wal.reader(null);
  for (const sequence of [1, 2, 3]) {
    await appendAll(wal, texts(sequence, sequence));
    await reader.changed(new AbortController().signal);
    assert.deepEqual(sequencesOf((await readOn(reader)).records, "a"), [sequence]);
  }
  await wal.close();
});

test("a wait ends with new records, with the signal and with the log", async () => {
  const { wal } = await openTestWal();
  const reader = wal.reader(null);
  const ends: string[] = [];
  const abort = new AbortController();
  const wait = async (name: string, signal: AbortSignal) => {
    await reader.changed(signal);
    ends.push(name);
  };
  const other = new AbortController().signal;
  const waits = [wait("aborted", abort.signal), wait("other", other)];
  await quiet();
  assert.deepEqual(ends, []);
  abort.abort();
  await quiet();
  assert.deepEqual(ends, ["aborted"]);
  await appendAll(wal, texts(1, 1));
  assert.deepEqual(ends, ["aborted", "other"]);
  await wait("at once", other);
  await wait("already aborted", abort.signal);
  await readOn(reader);
  waits.push(wait("closed", other));
  await quiet();
  assert.deepEqual(ends.slice(2), ["at once", "already aborted"]);
  await wal.close();
  await Promise.all(waits);
  assert.equal(ends.at(-1), "closed");
  await assert.rejects(reader.read(1), WalClosedError);
});

test("a position whose segment is gone goes on at the oldest one present, and says so", async () => {
  const { wal, lines } = await rotatedLog();
  const reader = wal.reader(null);
  const { positions } = await readOn(reader, 1);
  const slowest = positions[14];
  assert.ok(slowest !== undefined);
  await wal.trim(slowest);
  const left = await readAll(wal);
  assert.deepEqual(await readAll(wal, { segment: 1, offset: 77, entry: 1 }), left);
  assert.ok(left.length >= 15 && left.length < 30);
  const warning = lines.findLast(({ level }) => level === "warn");
  assert.match(String(warning?.["msg"]), /segment of a WAL position is gone/);
  assert.deepEqual(warning?.["wanted"], { segment: 1, offset: 77, entry: 1 });
  await wal.close();
});

test("a position of another log, behind all segments, goes on at the oldest", async () => {
  const { wal, lines } = await openTestWal();
  await appendAll(wal, texts(1, 3));
  assert.deepEqual(await readAll(wal, { segment: 99, offset: 5000, entry: 700 }), texts(1, 3));
  assert.ok(lines.some(({ msg }) => String(msg).includes("of another log")));
  await wal.close();
});

test("a position behind its segment's end goes on with what comes next", async () => {
  const { wal } = await openTestWal();
  await appendAll(wal, texts(1, 3));
  const reader = wal.reader({ segment: 1, offset: 5000, entry: 3 });
  assert.deepEqual((await readOn(reader)).records, []);
  await appendAll(wal, texts(4, 4));
  assert.deepEqual((await readOn(reader)).records, texts(4, 4));
  await wal.close();
});

test("a position at offset 0 is a segment's beginning, and one inside a record goes on at the next", async () => {
  const { wal } = await openTestWal();
  await appendAll(wal, texts(1, 3));
  assert.deepEqual(await readAll(wal, { segment: 1, offset: 0, entry: 0 }), texts(1, 3));
  const first = await wal.reader(null).read(1);
  assert.deepEqual(await readAll(wal, { segment: 1, offset: (first?.next.offset ?? 0) - 5, entry: 1 }), texts(2, 3));
  assert.deepEqual(await readAll(wal, { segment: 1, offset: segmentHeaderBytes + 1, entry: 0 }), texts(1, 3));
  await wal.close();
});

test("many records come from one read of the file, and their bodies are views of its buffer", async () => {
  const { wal, fs } = await openTestWal();
  const shapes = shapesOf("t");
  addShapes(wal, shapes);
  await appendAll(wal, Array.from({ length: 500 }, (_, index) => scrapes(a, index + 1, shapes)));
  let reads = 0;
  fs.before = ({ name }) => void (reads += name === "read" ? 1 : 0);
  const reader = wal.reader(null);
  const found = await reader.read(1e6);
  const buffers = new Set(found?.records.map((record) => record.kind === "scrapes" ? record.body.buffer : null));
  assert.equal(found?.records.length, 500);
  assert.equal(buffers.size, 1);
  assert.equal(reads, 1);
  await reader.close();
  await wal.close();
});

test("a closed reader reads no more", async () => {
  const { wal } = await openTestWal();
  await appendAll(wal, texts(1, 1));
  const reader = wal.reader(null);
  await reader.read(1);
  await reader.close();
  await assert.rejects(reader.read(1), WalClosedError);
  await wal.close();
});
