import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { FileSystemError, MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openWal } from "./file_wal.ts";
import { diskFullRetryMs } from "./log_state.ts";
import { UnknownShapesError, WalClosedError } from "./wal.ts";
import {
  addShapes,
  appendAll,
  dir,
  fileNames,
  lost,
  opaque,
  openTestWal,
  origin,
  plainShape,
  quiet,
  readAll,
  readOn,
  scrapes,
  segmentPath,
  sequencesOf,
  shapesOf,
} from "./wal_testing.ts";

const a = origin("a");
const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => opaque(a, from + index, `text ${from + index}`));

test("on a real disk records become durable, are read back, and are there after a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-wal-"));
  const options = { dir: join(folder, "data", "wal"), env: systemEnv, log: makeLogger("test", "silent") };
  const shapes = shapesOf("t");
  const records = [scrapes(a, 1, shapes), opaque(null, 0, "old client"), lost(a, 2, 4), scrapes(a, 5, shapes)];
  try {
    const wal = await openWal({ ...options, segmentBytes: 150 });
    const { promise, resolve } = Promise.withResolvers<void>();
    wal.onDurable((index) => index === records.length ? resolve() : undefined);
    addShapes(wal, shapes);
    assert.deepEqual(records.map((record) => wal.append(record)), [1, 2, 3, 4]);
    await promise;
    assert.deepEqual(await readAll(wal), records);
    assert.equal(wal.resumePoint(a), 5);
    await wal.close();
    const again = await openWal(options);
    assert.deepEqual(await readAll(again), records);
    assert.equal(again.resumePoint(a), 5);
    await again.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a thousand records become durable with few fsyncs, and never two of them at a time", async () => {
  const { wal, fs, durable } = await openTestWal();
  let syncs = 0;
  let underWay = 0;
  fs.before = async ({ name }) => {
    if (name !== "sync" && name !== "write" && name !== "syncDir") return;
    assert.equal(underWay++, 0);
    if (name === "sync") syncs++;
    await quiet();
    underWay--;
  };
  for (let sequence = 1; sequence <= 1000; sequence++) {
    wal.append(opaque(a, sequence, `text ${sequence}`));
    if (sequence % 100 === 0) await quiet();
  }
  while (durable() < 1000) await quiet();
  assert.ok(syncs < 15, `${syncs} fsyncs`);
  assert.equal((await readAll(wal)).length, 1000);
  await wal.close();
});

test("records gather for the coalescing delay before they are written", async () => {
  const { wal, clock, durable } = await openTestWal({ coalesceMs: 5 });
  await appendAll(wal, texts(1, 2));
  await clock.advance(4);
  assert.equal(durable(), 0);
  assert.ok(wal.stats().pendingBytes > 0);
  await clock.advance(1);
  assert.equal(durable(), 2);
  assert.equal(wal.stats().pendingBytes, 0);
  await wal.close();
  assert.equal(clock.timerCount, 0);
});

test("an acknowledgement's resume point is that of durable records only", async () => {
  const { wal, fs } = await openTestWal();
  const gate = Promise.withResolvers<void>();
  fs.before = ({ name }) => name === "sync" ? gate.promise : undefined;
  await appendAll(wal, texts(1, 3));
  assert.equal(wal.resumePoint(a), 0);
  gate.resolve();
  await quiet();
  assert.equal(wal.resumePoint(a), 3);
  await wal.close();
});

test("each segment stands alone: a scrape can be resolved when the segments before its own are gone", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 200 });
  const shapes = shapesOf("t");
  addShapes(wal, shapes);
  for (let sequence = 1; sequence <= 10; sequence++) await appendAll(wal, [scrapes(a, sequence, shapes)]);
  const { positions } = await readOn(wal.reader(null), 1);
  await wal.trim(positions.at(-1)!);
  assert.equal(wal.stats().segments, 1);
  await wal.close();
  const again = await openTestWal({ fs });
  assert.ok(sequencesOf(await readAll(again.wal), "a").at(-1) === 10);
  for (const { shape } of shapes.all) assert.deepEqual(plainShape(again.wal.shapes.get(shape.id)), shape);
  assert.equal(again.wal.resumePoint(a), 10);
  await again.wal.close();
});

test("a shape that no segment refers to any more is forgotten with the last one that did", async () => {
  const { wal } = await openTestWal({ segmentBytes: 1, idleShapeBytesMax: 0 });
  const shapes = shapesOf("t");
  addShapes(wal, shapes);
  assert.throws(() => wal.append(scrapes(a, 1, shapes)), UnknownShapesError, "no room but for the last one added");
  await wal.close();
  const roomy = await openTestWal({ segmentBytes: 1, idleShapeBytesMax: 500 });
  addShapes(roomy.wal, shapes);
  await appendAll(roomy.wal, [scrapes(a, 1, shapes), opaque(a, 2, "x"), opaque(a, 3, "x")]);
  for (let index = 0; index < 10; index++) addShapes(roomy.wal, shapesOf(`other-${index}`));
  assert.ok(roomy.wal.shapes.get(shapes.layout.shape.id) !== undefined, "the first segment holds it");
  await roomy.wal.trim({ segment: 2, offset: 0, entry: 1 });
  for (let index = 10; index < 20; index++) addShapes(roomy.wal, shapesOf(`other-${index}`));
  for (const { shape } of shapes.all) assert.equal(roomy.wal.shapes.get(shape.id), undefined);
  await roomy.wal.close();
});

test("trimming removes whole segments for good, and numbers and resume points outlive it", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 1 });
  const silent = origin("silent");
  await appendAll(wal, [opaque(silent, 7, "only in the first segment"), ...texts(2, 5)]);
  await wal.trim({ segment: 4, offset: 40, entry: 3 });
  const segments = async (disk: MemoryFileSystem) => (await fileNames(disk)).filter((name) => name.endsWith(".wal"));
  assert.deepEqual(await segments(fs.crash("drop")), ["0000000004.wal", "0000000005.wal"]);
  await wal.trim({ segment: 9, offset: 40, entry: 8 });
  assert.deepEqual(await segments(fs), ["0000000005.wal"], "the newest stays");
  await wal.close();
  const again = await openTestWal({ fs, segmentBytes: 1 });
  assert.equal(again.wal.resumePoint(a), 5);
  assert.equal(again.wal.resumePoint(silent), 7, "the checkpoint tells");
  await appendAll(again.wal, texts(6, 6));
  await again.wal.trim({ segment: 6, offset: 0, entry: 5 });
  assert.deepEqual(await segments(fs), ["0000000006.wal"]);
  await again.wal.close();
});

test("a segment that cannot be removed is left for the next time", async () => {
  const { wal, fs, lines } = await openTestWal({ segmentBytes: 1 });
  await appendAll(wal, texts(1, 3));
  fs.before = ({ name, path }) => {
    if (name === "remove") throw new FileSystemError("EIO", path);
  };
  await wal.trim({ segment: 3, offset: 0, entry: 2 });
  assert.ok(lines.some(({ msg }) => msg === "removing delivered WAL segments failed"));
  fs.before = null;
  await appendAll(wal, texts(4, 4));
  await wal.close();
  const again = await openTestWal({ fs });
  assert.deepEqual(sequencesOf(await readAll(again.wal), "a"), [1, 2, 3, 4]);
  await again.wal.close();
});

test("on a full disk nothing is acknowledged or lost, callers are asked to pause, and it heals by itself", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 640 });
  const { wal, clock, durable, lines } = await openTestWal({ fs, pendingBytesMax: 1000 });
  await appendAll(wal, [opaque(a, 1, "x".repeat(100))]);
  assert.equal(durable(), 1);
  for (let sequence = 2; sequence <= 6; sequence++) await appendAll(wal, [opaque(a, sequence, "x".repeat(300))]);
  assert.equal(durable(), 2, "the second record was the last that had room");
  assert.equal(wal.stats().condition, "disk full");
  assert.ok(!wal.accepting());
  await clock.advance(diskFullRetryMs);
  await clock.advance(diskFullRetryMs);
  assert.equal(durable(), 2);
  assert.ok(wal.stats().diskFullFailures >= 3);
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 2]);
  const crashed = await openTestWal({ fs: fs.crash("keep") });
  assert.deepEqual(sequencesOf(await readAll(crashed.wal), "a"), [1, 2], "the segment was cut back");
  await crashed.wal.close();
  fs.capacityBytes = 10_000;
  await clock.advance(diskFullRetryMs);
  assert.equal(durable(), 6);
  assert.equal(wal.stats().condition, "good");
  assert.ok(wal.accepting());
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 2, 3, 4, 5, 6]);
  const told = lines.map(({ msg }) => String(msg)).filter((line) => line.includes("disk"));
  assert.equal(told.length, 2, told.join("; "));
  await wal.close();
});

test("on a full disk the reserve leaves room for others, which the log does not take, until there is more", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 2000 });
  const { wal, clock, durable } = await openTestWal({ fs, reserveBytes: 500 });
  const reserve = async () => (await fs.readFile(`${dir}/reserve`)).length;
  const writeCursor = async () => {
    const file = await fs.open("/cursor", "create");
    await file.write(new Uint8Array(300), 0);
    await file.close();
  };
  await appendAll(wal, [opaque(a, 1, "x".repeat(1000))]);
  assert.equal(await reserve(), 500);
  await appendAll(wal, [opaque(a, 2, "x".repeat(400))]);
  assert.equal(wal.stats().condition, "disk full");
  assert.equal(durable(), 1);
  assert.equal(await reserve(), 0);
  await clock.advance(diskFullRetryMs);
  assert.equal(durable(), 1, "it would fit into the reserve");
  await writeCursor();
  await clock.advance(diskFullRetryMs);
  assert.equal(durable(), 1);
  fs.capacityBytes = 4000;
  await clock.advance(diskFullRetryMs);
  assert.equal(durable(), 2);
  assert.equal(await reserve(), 500);
  await wal.close();
});

test("a log on a full disk can be opened, read and trimmed, and goes on when that made room", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 1 });
  await appendAll(wal, texts(1, 3));
  await wal.close();
  fs.capacityBytes = fs.usedBytes();
  const again = await openTestWal({ fs, segmentBytes: 1 });
  assert.deepEqual(sequencesOf(await readAll(again.wal), "a"), [1, 2, 3]);
  await appendAll(again.wal, texts(4, 4));
  assert.equal(again.durable(), 0);
  await again.wal.trim({ segment: 3, offset: 0, entry: 2 });
  await again.clock.advance(diskFullRetryMs);
  assert.equal(again.durable(), 1);
  await again.wal.close();
});

test("closing on a full disk says what was not written", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 100 });
  const { wal } = await openTestWal({ fs });
  await appendAll(wal, [opaque(a, 1, "x".repeat(300))]);
  await assert.rejects(wal.close(), (error) => error instanceof WalClosedError && /bytes of WAL/.test(error.message));
  assert.deepEqual((await fileNames(fs)).filter((name) => name.startsWith("lock.")), []);
  await wal.close();
});

test("a failed fsync ends the log, and the next start believes only what was durable before it", async () => {
  const failures: Error[] = [];
  const { wal, fs, durable } = await openTestWal({ onFailure: (error) => failures.push(error) });
  await appendAll(wal, texts(1, 2));
  fs.before = ({ name, path }) => {
    if (name === "sync") throw new FileSystemError("EIO", path);
  };
  await appendAll(wal, texts(3, 4));
  assert.equal(durable(), 2);
  assert.equal(wal.stats().condition, "failed");
  assert.throws(() => wal.append(texts(5, 5)[0]!), WalClosedError);
  assert.match(failures[0]?.message ?? "", /^Cannot write WAL: sync of segment 1 failed: EIO.*restart the exporter/);
  assert.equal(failures.length, 1);
  assert.deepEqual(sequencesOf(await readAll(wal), "a"), [1, 2], "what is durable can still be read");
  fs.before = null;
  await assert.rejects(wal.close(), WalClosedError);
  const again = await openTestWal({ fs });
  assert.deepEqual(sequencesOf(await readAll(again.wal), "a"), [1, 2]);
  assert.equal(again.wal.resumePoint(a), 2);
  await again.wal.close();
});

test("closing writes what is queued, gives the directory back, and can be repeated", async () => {
  const { wal, fs, durable } = await openTestWal({ coalesceMs: 1000 });
  for (const record of texts(1, 3)) wal.append(record);
  await wal.close();
  await wal.close();
  assert.equal(durable(), 3);
  assert.deepEqual(await fileNames(fs), ["0000000001.wal"]);
  assert.throws(() => wal.append(texts(4, 4)[0]!), WalClosedError);
  assert.ok(!wal.accepting());
  await assert.rejects(wal.reader(null).read(1), WalClosedError);
});

test("a start without records leaves no file behind, and a failed one no lock", async () => {
  const { wal, fs } = await openTestWal();
  await wal.close();
  assert.deepEqual(await fileNames(fs), []);
  fs.before = ({ name, path }) => {
    if (name === "syncDir" && path === dir) throw new FileSystemError("EIO", path);
  };
  await assert.rejects(openTestWal({ fs }), (error) => error instanceof UserError && /EIO/.test(error.message));
  assert.deepEqual(await fileNames(fs), []);
});

test("a body may be a view of a buffer that is used again after the append", async () => {
  const { wal } = await openTestWal({ coalesceMs: 0 });
  const buffer = new TextEncoder().encode("first");
  wal.append({ ...opaque(a, 1, ""), body: buffer });
  buffer.set(new TextEncoder().encode("other"));
  await quiet();
  const [record] = await readAll(wal);
  assert.ok(record?.kind === "opaque" && new TextDecoder().decode(record.body) === "first");
  await wal.close();
});

test("the size of the log is known without reading it", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 1 });
  await appendAll(wal, texts(1, 3));
  const sizes = await Promise.all([1, 2, 3].map(async (number) => (await fs.readFile(segmentPath(number))).length));
  assert.equal(wal.stats().bytes, sizes.reduce((sum, size) => sum + size, 0));
  await wal.close();
});
