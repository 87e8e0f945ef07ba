import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import type { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { entryCount } from "./entries.ts";
import { RecordKind, segmentHeaderBytes } from "./format.ts";
import type { DamagedRange, Wal, WalPosition, WalRecord } from "./wal.ts";
import {
  addShapes,
  appendAll,
  dir,
  fileNames,
  lost,
  opaque,
  openTestWal,
  origin,
  placesOf,
  segmentPath,
  shapesOf,
  startMs,
} from "./wal_testing.ts";

const a = origin("a");
const shapes = shapesOf("t");

/** A record with `count` scrapes, which no other record resembles. */
function scrapesOf(sequence: number, count: number): WalRecord {
  const scrape = {
    targetId: shapes.target.shape.id,
    layoutId: shapes.layout.shape.id,
    timestampMs: startMs + sequence,
    values: Float64Array.of(sequence, 1, 2, 3),
    sampleTimesMs: null,
  };
  return { kind: "scrapes", origin: a, sequence, body: encodeScrapes(Array.from({ length: count }, () => scrape)) };
}

function recordOf(sequence: number, kind: number): WalRecord {
  if (kind === 0) return lost(a, sequence, sequence);
  return kind <= 3 ? scrapesOf(sequence, kind) : opaque(a, sequence, `${sequence}`.repeat(kind));
}

function entriesIn(records: readonly WalRecord[], damaged: readonly DamagedRange[]): number {
  return records.reduce((sum, record) => sum + entryCount(record), 0)
    + damaged.reduce((sum, { entries }) => sum + entries, 0);
}

interface ReadResult {
  readonly records: WalRecord[];
  readonly damaged: DamagedRange[];
  readonly positions: WalPosition[];
}

/** Reads to the end, in steps of `bytesMax`; each step must be exact in itself. */
async function readExactly(wal: Wal, from: WalPosition, bytesMax: number): Promise<ReadResult> {
  const reader = wal.reader(from);
  const result: ReadResult = { records: [], damaged: [], positions: [from] };
  let { entry } = from;
  for (let chunk = await reader.read(bytesMax); chunk !== null; chunk = await reader.read(bytesMax)) {
    const step = entriesIn(chunk.records, chunk.damaged);
    assert.equal(chunk.next.entry - entry, step, `a step to ${JSON.stringify(chunk.next)}`);
    assert.ok(chunk.records.length + chunk.damaged.length > 0);
    ({ entry } = chunk.next);
    result.records.push(...chunk.records.map((one) => one.kind === "lost" ? one : { ...one, body: one.body.slice() }));
    result.damaged.push(...chunk.damaged);
    result.positions.push(chunk.next);
  }
  await reader.close();
  assert.equal(entry, wal.stats().entries, "nothing is left");
  return result;
}

type Damage =
  | { readonly kind: "flip" | "zeros" | "cut"; readonly segment: number; readonly at: number; readonly bytes: number }
  | { readonly kind: "remove"; readonly segment: number };

const damages: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("flip", "zeros", "cut"),
      segment: fc.nat(),
      at: fc.nat(),
      bytes: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), segment: fc.nat() }) },
);

async function inflict(fs: MemoryFileSystem, damage: Damage): Promise<void> {
  const names = (await fileNames(fs)).filter((name) => name.endsWith(".wal"));
  if (names.length === 0) return;
  const path = `${dir}/${names[damage.segment % names.length] ?? ""}`;
  if (damage.kind === "remove") return await fs.remove(path);
  const content = await fs.readFile(path);
  if (content.length === 0) return;
  const at = damage.at % content.length;
  const file = await fs.open(path, "create");
  if (damage.kind === "cut") await file.truncate(at);
  if (damage.kind === "zeros") await file.write(new Uint8Array(Math.min(damage.bytes, content.length - at)), at);
  if (damage.kind === "flip") await file.write(Uint8Array.of(content[at]! ^ (1 << damage.bytes % 8)), at);
  await file.close();
}

const histories = fc.record({
  kinds: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 }),
  segmentBytes: fc.constantFrom(1, 200, 600, 1e6),
  groupSize: fc.integer({ min: 1, max: 8 }),
  damages: fc.array(damages, { maxLength: 4 }),
  bytesMax: fc.constantFrom(1, 100, 500, 1e6),
});

test("entries between two positions = entries read + entries damaged, whatever happened to the files", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.boolean(), async ({ kinds, segmentBytes, groupSize, bytesMax, ...more }, live) => {
      const first = await openTestWal({ segmentBytes });
      const { fs } = first;
      addShapes(first.wal, shapes);
      const records = kinds.map((kind, index) => recordOf(index + 1, kind));
      for (let at = 0; at < records.length; at += groupSize) {
        await appendAll(first.wal, records.slice(at, at + groupSize));
      }
      const { entries } = first.wal.stats();
      assert.equal(entries, entriesIn(records, []));
      const { positions } = await readExactly(first.wal, first.wal.stats().oldest, bytesMax);
      if (!live) await first.wal.close();
      for (const damage of more.damages.filter(({ kind }) => !live || kind !== "remove")) await inflict(fs, damage);
      // What the cursors of the sinks knew.
      const { wal } = live ? first : await openTestWal({ fs, segmentBytes, knownPositions: positions });
      for (const position of positions) {
        const found = await readExactly(wal, position, bytesMax);
        const left = new Set(found.records.map((one) => one.kind === "lost" ? one.lost.lastSequence : one.sequence));
        assert.equal(left.size, found.records.length, "none twice");
        for (const one of found.records) {
          assert.deepEqual(one, records[(one.kind === "lost" ? one.lost.lastSequence : one.sequence) - 1]);
        }
      }
      if (!live) addShapes(wal, shapes);
      const before = wal.stats().entries;
      await appendAll(wal, [recordOf(records.length + 1, 2), recordOf(records.length + 2, 5)]);
      const again = await readExactly(wal, positions[0]!, bytesMax);
      assert.equal(again.positions.at(-1)?.entry, before + 3, "the log goes on counting");
      await wal.close();
    }),
    { numRuns: 250 },
  );
});

test("a damaged record's entries are told with its place", async () => {
  const { wal, fs } = await openTestWal();
  addShapes(wal, shapes);
  await appendAll(wal, [opaque(a, 1, "one"), scrapesOf(2, 5), opaque(a, 3, "three")]);
  const before = await wal.reader(null).read(1);
  const place = placesOf(await fs.readFile(segmentPath(1))).find(({ kind }) => kind === RecordKind.scrapes)!;
  const file = await fs.open(segmentPath(1), "create");
  await file.write(Uint8Array.of(0xff), place.end - 9);
  const { records, damaged } = await readExactly(wal, before!.next, 1e6);
  assert.equal(records.length, 1);
  assert.deepEqual(damaged, [
    { segment: 1, offset: place.offset, bytes: place.end - place.offset, entries: 5 },
  ]);
  assert.equal(wal.stats().damagedEntries, 5);
  await wal.close();
});

test("a segment that is gone is damage of no bytes behind the one before it", async () => {
  const { wal, fs } = await openTestWal({ segmentBytes: 1 });
  await appendAll(wal, [1, 2, 3, 4].map((sequence) => opaque(a, sequence, "x")));
  const [first] = wal.segmentList();
  await wal.close();
  await fs.remove(segmentPath(2));
  await fs.remove(segmentPath(3));
  const again = await openTestWal({ fs });
  const { records, damaged } = await readExactly(again.wal, again.wal.stats().oldest, 1e6);
  assert.equal(records.length, 2);
  assert.deepEqual(damaged, [{ segment: 1, offset: first!.bytes, bytes: 0, entries: 2 }]);
  await again.wal.close();
});

test("what was trimmed before a slow reader came is damage for it", async () => {
  const { wal } = await openTestWal({ segmentBytes: 1 });
  await appendAll(wal, [1, 2, 3, 4].map((sequence) => opaque(a, sequence, "x")));
  const start = wal.stats().oldest;
  await wal.trim(wal.segmentList()[2]!.start);
  assert.equal(wal.stats().oldest.entry, 2);
  const { damaged, records } = await readExactly(wal, start, 1e6);
  assert.deepEqual(damaged, [{ segment: 1, offset: segmentHeaderBytes, bytes: 0, entries: 2 }]);
  assert.equal(records.length, 2);
  await wal.close();
});

test("a directory that was emptied goes on at the number that the cursors know, and all before is damage", async () => {
  const known = { segment: 7, offset: 2000, entry: 500 };
  const { wal, fs } = await openTestWal({ knownPositions: [known] });
  assert.deepEqual(wal.stats().oldest, { segment: 8, offset: segmentHeaderBytes, entry: 500 });
  await appendAll(wal, [opaque(a, 1, "x")]);
  const slow = { segment: 7, offset: 900, entry: 480 };
  const { damaged } = await readExactly(wal, slow, 1e6);
  assert.deepEqual(damaged, [{ segment: 7, offset: 900, bytes: 0, entries: 20 }]);
  assert.deepEqual((await readExactly(wal, known, 1e6)).damaged, []);
  await wal.close();
  const again = await openTestWal({ fs, knownPositions: [known] });
  assert.equal(again.wal.stats().entries, 501);
  await again.wal.close();
});

test("the list of segments tells their places, sizes and newest records, also after a restart", async () => {
  const { wal, fs, clock } = await openTestWal({ segmentBytes: 1 });
  for (let sequence = 1; sequence <= 3; sequence++) {
    clock.now += 1000;
    await appendAll(wal, [opaque(a, sequence, "x")]);
  }
  const list = wal.segmentList();
  assert.deepEqual(list.map(({ segment, start, end }) => [segment, start.entry, end.entry]), [
    [1, 0, 1],
    [2, 1, 2],
    [3, 2, 3],
  ]);
  assert.deepEqual(list.map(({ newestAppendedMs }) => newestAppendedMs - startMs), [1000, 2000, 3000]);
  assert.equal(list.reduce((sum, { bytes }) => sum + bytes, 0), wal.stats().bytes);
  await wal.close();
  const again = await openTestWal({ fs });
  assert.deepEqual(again.wal.segmentList(), list);
  await again.wal.close();
});
