import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { makeStale, stalenessBits, testOpaque, testScrape, testScrapeOf, testTarget } from "../sinks/batch_testing.ts";
import type { WalRecord } from "../wal/wal.ts";
import { resolveRecords } from "./resolve.ts";
import { MemoryWal, testOrigin } from "./wal_testing.ts";

/** What a WAL with these scrapes, each with its shapes, resolves to. */
async function recordsOf(wal: MemoryWal): Promise<readonly WalRecord[]> {
  const found = await wal.reader(null).read(1_000_000);
  return found?.records ?? [];
}

function opaqueRecord(id: bigint, body: string): WalRecord {
  const { record } = testOpaque(body);
  return { kind: "opaque", origin: null, sequence: 0, frameType: 1, id, timestampNs: 1_500_000_001n, body: record };
}

test("scrapes come with their shapes, values and times", async () => {
  const wal = new MemoryWal();
  const target = testTarget({ job: "x" });
  const scrape = testScrape([[{ name: "a", value: 1 }, { name: "b", value: 2, timestampMs: 5 }], [{
    name: "c",
    value: 3,
  }]], {
    target,
    timestampMs: 77,
  });
  makeStale(scrape, 2);
  wal.appendScrapes(scrape, testScrapeOf("d", 2));
  const { scrapes, defects } = resolveRecords(await recordsOf(wal), wal.shapes);
  assert.deepEqual(defects, []);
  const [first, second] = scrapes;
  assert.deepEqual(first?.target, target.shape);
  assert.deepEqual(first?.blocks.map((block) => block.series.map(({ name }) => name)), [["a", "b"], ["c"]]);
  assert.equal(first?.timestampMs, 77);
  assert.deepEqual([...first?.sampleTimesMs ?? []], [NaN, 5, NaN]);
  assert.equal(new BigUint64Array(first?.values.buffer ?? new ArrayBuffer(0))[2], stalenessBits);
  assert.deepEqual([second?.values.length, second?.sampleTimesMs], [2, null]);
});

test("a missing shape costs only its scrape, and is told", async () => {
  const whole = testScrapeOf("whole", 1);
  for (const [index, kind] of [[0, "block"], [1, "layout"], [2, "target"]] as const) {
    const wal = new MemoryWal();
    const torn = testScrape([[{ name: "torn", value: 1 }]], { target: testTarget({ job: "torn" }) });
    wal.appendScrapes(torn, whole);
    const gone = torn.shapes[index]?.shape.id;
    const shapes = { get: (id: string) => id === gone ? undefined : wal.shapes.get(id) };
    const { scrapes, defects } = resolveRecords(await recordsOf(wal), shapes);
    assert.deepEqual(scrapes.map(({ layout }) => layout.id), [whole.layout.id]);
    assert.deepEqual(defects, [`record 1 of shop/bcs-collector-shop-0: ${kind} "${gone}" is not known`]);
  }
});

test("a body that does not fit its layout, or is none at all, is told and left out", () => {
  const wal = new MemoryWal();
  const scrape = testScrapeOf("m", 2);
  wal.addShapes(scrape.shapes);
  const body = encodeScrapes([{
    targetId: scrape.target.id,
    layoutId: scrape.layout.id,
    timestampMs: 1,
    values: Float64Array.of(1, 2, 3),
    sampleTimesMs: null,
  }]);
  const records: WalRecord[] = [
    { kind: "scrapes", origin: testOrigin, sequence: 1, body },
    { kind: "scrapes", origin: testOrigin, sequence: 2, body: Uint8Array.of(9, 9) },
  ];
  const { scrapes, defects } = resolveRecords(records, wal.shapes);
  assert.deepEqual(scrapes, []);
  assert.match(defects[0] ?? "", /^record 1 .*: 3 values for 2 series of layout/);
  assert.match(defects[1] ?? "", /^record 2 .*: Cannot read/);
});

test("the id of an opaque frame is its data id, unless it is 0 and the record's own counts", () => {
  function check(id: bigint, body: string, want: number) {
    const { opaque } = resolveRecords([opaqueRecord(id, body)], { get: () => undefined });
    assert.equal(opaque[0]?.dataId, want);
    assert.equal(opaque[0]?.timestampMs, 1500);
    assert.equal(new TextDecoder().decode(opaque[0]?.record), body);
  }
  check(1234n, `{"dataid":5}`, 1234);
  check(0n, `{"dataid":5}`, 5);
  check(0n, `{"dataid":"5"}`, 0);
  check(0n, `{"dataid":1.5}`, 0);
  check(0n, "{}", 0);
  check(0n, "null", 0);
  check(0n, "no json", 0);
});

test("declared losses are handed on", () => {
  const lost = { firstSequence: 1, lastSequence: 9, records: 9, samples: 90, oldestMs: 1, newestMs: 2, reason: "full" };
  const records: WalRecord[] = [{ kind: "lost", origin: testOrigin, lost }, { kind: "lost", origin: testOrigin, lost }];
  assert.deepEqual(resolveRecords(records, { get: () => undefined }).declared, records);
});
