/**
 * Cuts the power after each single operation on the disk, in each of the ways in which a disk may lose what was not
 * fsynced, and checks what the next start finds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CrashMode, MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { entryCount } from "./entries.ts";
import { diskFullRetryMs } from "./log_state.ts";
import type { Wal, WalRecord } from "./wal.ts";
import {
  addShapes,
  opaque,
  openTestWal,
  origin,
  quiet,
  readAll,
  readOn,
  scrapes,
  seeded,
  sequencesOf,
  shapesOf,
  type TestWal,
} from "./wal_testing.ts";

const names = ["a", "b"];
const shapes = [shapesOf("t1"), shapesOf("t2")];

/** A disk as a power cut left it, and what had been promised by then. */
interface Cut {
  readonly what: string;
  readonly mode: CrashMode;
  readonly disk: MemoryFileSystem;
  readonly acknowledged: ReadonlyMap<string, number>;
  /** The lowest sequence of each origin that may not have been removed, because no sink has it. */
  readonly untrimmed: ReadonlyMap<string, number>;
  /** Entries that were durable, over the log's life. */
  readonly entries: number;
}

/** Operations behind which the disk is as it was before them. */
const harmless: ReadonlySet<string> = new Set(["read", "readFile", "readDir", "stat", "size", "close"]);

function recordOf(name: string, sequence: number): WalRecord {
  const from = origin(name);
  // Long enough that one group covers several sectors.
  if (sequence % 3 === 0) return opaque(from, sequence, `${name}${sequence} `.repeat(100));
  return scrapes(from, sequence, shapes[sequence % 2]!);
}

/**
 * Three starts of the exporter with rotation, concurrent groups, a trim, and an end without closing. In the third the
 * disk is full for a while, and retention takes segments whether they were delivered or not.
 */
async function canonicalRun(
  observe: (disk: MemoryFileSystem, state: Pick<Cut, "what" | "acknowledged" | "untrimmed" | "entries">) => void,
) {
  const acknowledged = new Map<string, number>();
  const untrimmed = new Map(names.map((name) => [name, 1]));
  const appended: { name: string; sequence: number }[] = [];
  let disk: MemoryFileSystem | undefined;
  let next = 1;
  let entries = 0;
  for (const start of [1, 2, 3]) {
    let operations = 0;
    let previous = "open";
    const opened: Awaited<ReturnType<typeof openTestWal>> = await openTestWal({
      ...(disk === undefined ? {} : { fs: disk }),
      segmentBytes: 900,
      reserveBytes: start === 3 ? 700 : 0,
    });
    disk = opened.fs;
    const { wal, fs } = opened;
    fs.before = ({ name }) => {
      operations++;
      const isSame = harmless.has(previous);
      previous = name;
      if (isSame) return;
      observe(fs, {
        what: `start ${start}, before operation ${operations}: ${name}`,
        acknowledged: new Map(acknowledged),
        untrimmed: new Map(untrimmed),
        entries,
      });
    };
    const first = appended.length;
    wal.onDurable((index) => {
      ({ entries } = wal.stats());
      for (const { name, sequence } of appended.slice(0, first + index)) {
        acknowledged.set(name, Math.max(sequence, acknowledged.get(name) ?? 0));
      }
    });
    for (const one of shapes) addShapes(wal, one);
    await appendSome(wal, appended, next, next + 11);
    next += 12;
    await trimHalf(wal, untrimmed);
    if (start === 3) await fillDisk(opened, appended, next);
    else await appendSome(wal, appended, next, next + 4);
    next += 5;
    if (start === 3) await retain(wal, untrimmed);
    fs.before = null;
  }
}

async function appendSome(wal: Wal, appended: { name: string; sequence: number }[], from: number, to: number) {
  for (let sequence = from; sequence <= to; sequence++) {
    for (const name of names) {
      appended.push({ name, sequence });
      wal.append(recordOf(name, sequence));
    }
    // Sometimes a group is written before the next records come, sometimes they gather.
    if (sequence % 4 !== 0) await Promise.resolve();
    else await quiet();
  }
  await quiet();
}

/** The disk runs full within these records, stays so for two attempts, and then has room again. */
async function fillDisk({ wal, fs, clock }: TestWal, appended: { name: string; sequence: number }[], next: number) {
  fs.capacityBytes = fs.usedBytes() + 1000;
  await appendSome(wal, appended, next, next + 4);
  assert.equal(wal.stats().condition, "disk full");
  await clock.advance(diskFullRetryMs);
  await clock.advance(diskFullRetryMs);
  fs.capacityBytes = Infinity;
  await clock.advance(diskFullRetryMs);
  assert.equal(wal.stats().condition, "good");
}

/** Keeps the newest two segments, as retention by bytes may. */
async function retain(wal: Wal, untrimmed: Map<string, number>): Promise<void> {
  const { start } = wal.segmentList().at(-2)!;
  const left = await readAll(wal, start);
  for (const name of names) untrimmed.set(name, sequencesOf(left, name)[0] ?? Infinity);
  await wal.trim(start);
}

async function trimHalf(wal: Wal, untrimmed: Map<string, number>): Promise<void> {
  const reader = wal.reader(null);
  const { records, positions } = await readOn(reader, 1);
  await reader.close();
  const half = Math.floor(positions.length / 2);
  for (const name of names) {
    const later = sequencesOf(records.slice(half), name);
    untrimmed.set(name, later[0] ?? Infinity);
  }
  await wal.trim(positions[half - 1]!);
}

/** What every start after a crash must find. */
async function check({ what, mode, disk, acknowledged, untrimmed, entries }: Cut): Promise<void> {
  const { wal } = await openTestWal({ fs: disk, segmentBytes: 900 });
  const records = await readAll(wal);
  const stats = wal.stats();
  assert.ok(stats.entries >= entries, `${mode}, ${what}: ${stats.entries} of ${entries} entries`);
  const held = records.reduce((sum, record) => sum + entryCount(record), 0);
  assert.equal(held + stats.damagedEntries, stats.entries - stats.oldest.entry, `${mode}, ${what}: entries balance`);
  if (mode !== "torn") assert.equal(stats.damagedEntries, 0, `${mode}, ${what}`);
  for (const name of names) {
    const where = `${mode}, ${what}, origin ${name}`;
    const found = sequencesOf(records, name);
    const acked = acknowledged.get(name) ?? 0;
    const first = untrimmed.get(name) ?? 1;
    assert.deepEqual(found, found.toSorted((x, y) => x - y), `${where}: in order`);
    assert.equal(new Set(found).size, found.length, `${where}: none twice`);
    const present = new Set(found);
    const resumePoint = wal.resumePoint(origin(name));
    assert.ok(resumePoint >= acked, `${where}: resumes at ${resumePoint}, though ${acked} was acknowledged`);
    for (let sequence = first; sequence <= resumePoint; sequence++) {
      assert.ok(present.has(sequence), `${where}: ${sequence} of ${resumePoint} is missing`);
    }
    if (mode !== "torn") assert.equal(found.at(-1) ?? resumePoint, resumePoint, `${where}: a gapless beginning`);
  }
  for (const record of records) {
    const name = record.origin?.name ?? "";
    const sequence = record.kind === "lost" ? 0 : record.sequence;
    assert.deepEqual(record, recordOf(name, sequence), `${mode}, ${what}: ${name} ${sequence} as it was written`);
    if (record.kind !== "scrapes") continue;
    const { target, layout } = shapes[sequence % 2]!;
    assert.deepEqual(wal.shapes.missing(target.shape.id, layout.shape.id), [], `${mode}, ${what}: shapes`);
  }
  disk.capacityBytes = Infinity;
  await goesOn(wal, `${mode}, ${what}`);
  await wal.close();
}

/** After any crash the log takes, keeps and shows new records. */
async function goesOn(wal: Wal, where: string): Promise<void> {
  const newcomer = origin("newcomer");
  wal.append(opaque(newcomer, 1, "hello"));
  await quiet();
  assert.equal(wal.resumePoint(newcomer), 1, where);
  assert.deepEqual(sequencesOf(await readAll(wal), "newcomer"), [1], where);
}

for (const mode of ["drop", "keep", "torn"] as const) {
  test(`a power cut that leaves the disk in mode ${mode}, at any moment, loses nothing acknowledged`, async () => {
    const cuts: Cut[] = [];
    await canonicalRun((disk, state) => {
      for (let seed = 1; seed <= (mode === "torn" ? 3 : 1); seed++) {
        cuts.push({ ...state, mode, disk: disk.crash(mode, seeded(cuts.length * 7919 + seed)) });
      }
    });
    assert.ok(cuts.length > 60, `${cuts.length} cuts`);
    for (const cut of cuts) await check(cut);
  });
}

test("a crash during the recovery from a crash loses nothing either", async () => {
  const first: Cut[] = [];
  await canonicalRun((disk, state) =>
    first.push({ ...state, mode: "torn", disk: disk.crash("torn", seeded(first.length)) })
  );
  for (const cut of first.filter((_, index) => index % 17 === 0)) {
    const second: Cut[] = [];
    const chance = seeded(second.length + 1);
    cut.disk.before = ({ name }) => {
      const disk = cut.disk.crash("torn", chance);
      second.push({ ...cut, what: `${cut.what}; again before ${name}`, disk });
    };
    const { wal } = await openTestWal({ fs: cut.disk });
    cut.disk.before = null;
    await wal.close();
    for (const again of second) await check(again);
  }
});
