import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import { FileSystemError } from "../../core/runtime/memory_fs.ts";
import { RecordKind, segmentFileName, writeRecord } from "./format.ts";
import {
  appendAll,
  diskWith,
  fileNames,
  headerOf,
  opaque,
  openTestWal,
  origin,
  placesOf,
  plainShape,
  readAll,
  reopen,
  segmentPath,
  sequencesOf,
  smallLog,
  smallLogShapes,
} from "./wal_testing.ts";

const [a, b] = [origin("a"), origin("b")];

test("a log is found again as it was: records, shapes, resume points", async () => {
  const { bytes, records } = await smallLog();
  const { wal } = await reopen({ [segmentFileName(1)]: bytes });
  assert.deepEqual(await readAll(wal), records);
  for (const { shape } of smallLogShapes.all) assert.deepEqual(plainShape(wal.shapes.get(shape.id)), shape);
  assert.equal(wal.resumePoint(a), 5, "a declared loss counts: its range need not come again");
  assert.equal(wal.resumePoint(b), 2);
  assert.equal(wal.resumePoint(origin("a", 2n)), 0);
  const { corruptRecords, truncatedBytes, badFiles, condition } = wal.stats();
  assert.deepEqual({ corruptRecords, truncatedBytes, badFiles, condition }, {
    corruptRecords: 0,
    truncatedBytes: 0,
    badFiles: 0,
    condition: "good",
  });
  await wal.close();
});

test("damage is logged with its exact range, once however many readers meet it", async () => {
  const { bytes } = await smallLog();
  const place = placesOf(bytes).find(({ kind }) => kind === RecordKind.scrapes);
  assert.ok(place !== undefined);
  bytes[place.end - 1]! ^= 1;
  const { wal, lines } = await reopen({
    [segmentFileName(1)]: bytes,
    [segmentFileName(2)]: headerOf({ number: 2, entries: 4 }),
  });
  await readAll(wal);
  await readAll(wal);
  const { offset, end } = place;
  const logged = lines.filter(({ msg }) => msg === "passed over damaged WAL records")
    .map((line) => ({ segment: line["segment"], offset: line["offset"], end: line["end"], bytes: line["bytes"] }));
  assert.deepEqual(logged, [{ segment: 1, offset, end, bytes: end - offset }]);
  assert.equal(wal.stats().corruptRecords, 1);
  await wal.close();
});

test("damage that comes while the log is open is passed over, counted and logged by the reader", async () => {
  const { wal, fs } = await openTestWal();
  await appendAll(wal, [opaque(a, 1, "one"), opaque(a, 2, "two"), opaque(a, 3, "three")]);
  const bytes = await fs.readFile(segmentPath(1));
  const second = Buffer.from(bytes).indexOf("two");
  await (await fs.open(segmentPath(1), "create")).write(Uint8Array.of(0), second);
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 3]);
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 3]);
  assert.equal(wal.stats().corruptRecords, 1);
  await wal.close();
});

test("behind damage resume points do not rise, so that what may be lost comes again", async () => {
  const { wal, fs } = await openTestWal();
  await appendAll(wal, [1, 2, 3, 4].map((sequence) => opaque(a, sequence, `text${sequence}`)));
  await wal.close();
  const bytes = await fs.readFile(segmentPath(1));
  bytes[Buffer.from(bytes).indexOf("text3")]! ^= 1;
  const first = await reopen({ [segmentFileName(1)]: bytes });
  assert.deepEqual(sequencesOf(await readAll(first.wal), "a"), [1, 2, 4]);
  assert.equal(first.wal.resumePoint(a), 2);
  first.fs.before = ({ name, path }) => {
    if (name === "write") throw new FileSystemError("EIO", path);
  };
  await appendAll(first.wal, [opaque(a, 3, "text3")]);
  const second = await openTestWal({ fs: first.fs.crash("keep") });
  assert.equal(second.wal.resumePoint(a), 2, "also when a later segment was begun and came to nothing");
  await appendAll(second.wal, [3, 4].map((sequence) => opaque(a, sequence, `text${sequence}`)));
  await second.wal.close();
  const third = await openTestWal({ fs: second.fs });
  assert.equal(third.wal.resumePoint(a), 4);
  assert.deepEqual(sequencesOf(await readAll(third.wal), "a"), [1, 2, 4, 3, 4]);
  await third.wal.close();
});

test("a large stretch of zeros or noise costs what it covers and nothing else", async () => {
  const { wal, fs } = await openTestWal();
  const texts = Array.from({ length: 40 }, (_, index) => opaque(a, index + 1, `${index}`.padEnd(100, "x")));
  await appendAll(wal, texts);
  await wal.close();
  const bytes = await fs.readFile(segmentPath(1));
  const data = placesOf(bytes).filter(({ kind }) => kind === RecordKind.opaque);
  const [from, end] = [data[10]!.offset + 50, data[20]!.offset + 20];
  for (const fill of [() => 0, (index: number) => (index * 2654435761) >>> 24]) {
    const damaged = bytes.slice();
    for (let at = from; at < end; at++) damaged[at] = fill(at);
    const again = await reopen({
      [segmentFileName(1)]: damaged,
      [segmentFileName(2)]: headerOf({ number: 2, entries: 40 }),
    });
    const sequences = sequencesOf(await readAll(again.wal), "a");
    assert.deepEqual(sequences, texts.map(({ sequence }) => sequence).filter((one) => one <= 10 || one > 21));
    assert.equal(again.wal.stats().damagedEntries, 11);
    await again.wal.close();
  }
});

test("what is no segment is set aside and never deleted, and its number is not used again", async () => {
  const foreign = new TextEncoder().encode("This is no log at all, but someone's notes, longer than a header.");
  const { bytes, records } = await smallLog();
  const { wal, fs } = await reopen({
    [segmentFileName(1)]: bytes,
    [segmentFileName(2)]: new Uint8Array(0),
    [segmentFileName(3)]: foreign,
    [segmentFileName(5)]: headerOf({ number: 4 }),
    "notes.txt": foreign,
  });
  assert.deepEqual((await fileNames(fs)).filter((name) => !name.startsWith("lock.")), [
    "0000000001.wal",
    "0000000002.wal.bad",
    "0000000003.wal.bad",
    "0000000005.wal.bad",
    "notes.txt",
  ]);
  assert.deepEqual(await fs.readFile(`${segmentPath(3)}.bad`), foreign);
  assert.equal(wal.stats().badFiles, 3);
  assert.deepEqual(await readAll(wal), records);
  await appendAll(wal, [opaque(a, 9, "new")]);
  assert.ok((await fileNames(fs)).includes("0000000006.wal"));
  await wal.close();
});

test("setting aside does not overwrite what was set aside before", async () => {
  const { wal, fs } = await reopen({
    [segmentFileName(1)]: new Uint8Array(0),
    [`${segmentFileName(1)}.bad`]: Uint8Array.of(1),
    [`${segmentFileName(1)}.bad1`]: Uint8Array.of(2),
  });
  assert.deepEqual(await fs.readFile(`${segmentPath(1)}.bad`), Uint8Array.of(1));
  assert.deepEqual(await fs.readFile(`${segmentPath(1)}.bad2`), new Uint8Array(0));
  await wal.close();
});

test("gaps between the numbers of segments are normal, as long as no entries are missing", async () => {
  const { bytes, records } = await smallLog();
  const { wal, lines } = await reopen({
    [segmentFileName(1)]: bytes,
    [segmentFileName(7)]: headerOf({ number: 7, entries: 4 }),
  });
  assert.deepEqual(await readAll(wal), records);
  assert.equal(wal.stats().corruptRecords, 0);
  await appendAll(wal, [opaque(a, 9, "new")]);
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 2, 5, 9]);
  assert.deepEqual(lines.filter(({ level }) => level === "warn"), []);
  await wal.close();
});

test("a segment from elsewhere, whose entries begin below those before it, is set aside", async () => {
  const { bytes, records } = await smallLog();
  const { wal, fs, lines } = await reopen({
    [segmentFileName(1)]: bytes,
    [segmentFileName(2)]: headerOf({ number: 2, entries: 4 }),
    [segmentFileName(3)]: headerOf({ number: 3, entries: 1 }),
  });
  assert.ok((await fileNames(fs)).includes("0000000003.wal.bad"));
  assert.ok(lines.some(({ reason }) => reason === "it begins at entry 1, but an earlier segment at 4"));
  assert.deepEqual(await readAll(wal), records);
  await wal.close();
});

test("a segment of a later version stops the start, with one line that says what to do, and is left alone", async () => {
  const later = headerOf({ number: 1, version: 2 });
  const fs = await diskWith({ [segmentFileName(1)]: later });
  await assert.rejects(openTestWal({ fs }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^Cannot open WAL segment ".*0000000001\.wal": it has format version 2, .*version 1;/);
    return true;
  });
  assert.deepEqual(await fileNames(fs), [segmentFileName(1)], "neither renamed nor locked");
});

test("a good checksum over nonsense is counted as damage and left where it is", async () => {
  const writer = new ByteWriter().raw(headerOf({ number: 1 }));
  writeRecord(writer, RecordKind.session, 0, Uint8Array.of(1));
  writeRecord(writer, RecordKind.shape, 0, Uint8Array.of(1, 2, 3));
  writeRecord(writer, RecordKind.checkpoint, 0, Uint8Array.of(9));
  writeRecord(writer, RecordKind.scrapes, 0, Uint8Array.of(77, 1));
  writeRecord(writer, RecordKind.opaque, 0, Uint8Array.of(0, 0, 1));
  const { wal, fs } = await reopen({ [segmentFileName(1)]: writer.finish() });
  assert.equal(wal.stats().corruptRecords, 4);
  assert.deepEqual(await readAll(wal), []);
  assert.equal(wal.stats().corruptRecords, 5, "the body of an opaque record is looked at only when it is read");
  assert.deepEqual(await fs.readFile(segmentPath(1)), writer.finish());
  await wal.close();
});

test("what recovery returns is durable: a power cut right afterwards loses none of it", async () => {
  const { bytes, records } = await smallLog();
  const cut = bytes.length - 20;
  // The process before was killed between a write and its fsync, or before the fsync of the directory.
  for (const durable of [{ [segmentFileName(1)]: bytes.slice(0, cut) }, {}]) {
    const fs = await diskWith(durable);
    await (await fs.open(segmentPath(1), "create")).write(bytes, 0);
    const { wal } = await openTestWal({ fs });
    assert.deepEqual(await readAll(wal), records);
    const again = await openTestWal({ fs: fs.crash("drop") });
    assert.deepEqual(await readAll(again.wal), records);
    await wal.close();
    await again.wal.close();
  }
});
