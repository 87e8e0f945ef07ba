import assert from "node:assert/strict";
import { test } from "node:test";
import { clockSkewMsMax, type LeaseEntry, LeaseTable, type Now, removeAfterMs } from "./lease_table.ts";
import { recordOf } from "./testing/record.ts";

const leaseMs = 15_000;
const wallStartMs = 1_800_000_000_000;

/** The reader's clocks, `ms` after its start. */
function at(ms: number, wallAheadMs = 0): Now {
  return { monotonicMs: 5000 + ms, wallMs: wallStartMs + ms + wallAheadMs };
}

/** An entry that its writer renewed `agoMs` before the reader's start, by the writer's own clock. */
function entryOf(id: string, agoMs = 0): LeaseEntry {
  return { record: recordOf("exporter", id), leaseMs, renewedAtMs: wallStartMs - agoMs, renewals: 1 };
}

function liveIn(table: LeaseTable): string[] {
  return table.live().map((record) => record.id);
}

/** Ends every lease that is overdue, as a reader does who finds the entries unchanged. */
function expireAll(table: LeaseTable, now: Now): void {
  for (const { id, revision } of table.overdue(now)) table.expire(id, revision);
}

test("a record lives as long as its entry keeps changing, by the reader's monotonic clock alone", () => {
  const table = new LeaseTable();
  table.put("a", entryOf("a"), "r1", at(0));
  table.put("a", entryOf("a"), "r2", at(10_000, -3_600_000));
  expireAll(table, at(24_999, 3_600_000));
  assert.deepEqual(liveIn(table), ["a"]);
  assert.equal(table.nextCheckMs(at(24_999)), 1);
  expireAll(table, at(25_000));
  assert.deepEqual(liveIn(table), []);
  assert.equal(table.nextCheckMs(at(25_000)), null);
  table.put("a", entryOf("a"), "r3", at(60_000));
  assert.deepEqual(liveIn(table), ["a"]);
});

test("reading an entry again that did not change renews nothing", () => {
  const table = new LeaseTable();
  table.put("a", entryOf("a"), "r1", at(0));
  table.put("a", entryOf("a"), "r1", at(14_000));
  expireAll(table, at(15_000));
  assert.deepEqual(liveIn(table), []);
});

test("an entry that was there before the reader is live if its writer's clock may have said so", () => {
  const check = (agoMs: number, live: boolean) => {
    const table = new LeaseTable();
    table.put("a", entryOf("a", agoMs), "r1", at(0));
    assert.deepEqual(liveIn(table), live ? ["a"] : [], `${agoMs} ms ago`);
  };
  check(0, true);
  check(leaseMs + clockSkewMsMax, true);
  check(leaseMs + clockSkewMsMax + 1, false);
  check(-3_600_000, true);
});

test("a writer whose clock is far behind is live from its first renewal that the reader sees", () => {
  const table = new LeaseTable();
  table.put("a", entryOf("a", 3_600_000), "r1", at(0));
  assert.deepEqual(liveIn(table), []);
  table.put("a", entryOf("a", 3_595_000), "r2", at(5000));
  assert.deepEqual(liveIn(table), ["a"]);
});

test("no lease ends while nothing can be seen to change, and each begins anew afterwards", () => {
  const table = new LeaseTable();
  table.put("a", entryOf("a"), "r1", at(0));
  table.freeze();
  expireAll(table, at(100_000));
  assert.equal(table.nextCheckMs(at(100_000)), null);
  table.thaw(at(100_000));
  expireAll(table, at(114_999));
  assert.deepEqual(liveIn(table), ["a"]);
  expireAll(table, at(115_000));
  assert.deepEqual(liveIn(table), []);
});

test("an entry that changed since it was found overdue does not expire", () => {
  const table = new LeaseTable();
  table.put("a", entryOf("a"), "r1", at(0));
  const overdue = table.overdue(at(15_000));
  assert.deepEqual(overdue, [{ id: "a", revision: "r1" }]);
  table.put("a", entryOf("a"), "r2", at(15_001));
  table.expire("a", "r1");
  assert.deepEqual(liveIn(table), ["a"]);
});

test("a dead entry is abandoned only when both clocks say that it is long dead", () => {
  const check = (agoMs: number, watchedMs: number, abandoned: boolean) => {
    const table = new LeaseTable();
    table.put("a", entryOf("a", agoMs), "r1", at(0));
    expireAll(table, at(watchedMs));
    assert.equal(table.abandoned(at(watchedMs)).length === 1, abandoned, `${agoMs} ${watchedMs}`);
  };
  check(removeAfterMs, 10_000, false);
  check(removeAfterMs, 60_000, false);
  check(removeAfterMs, 60_001, true);
  check(0, 60_001, false);
});

test("live records are sorted by id, and a withdrawn one is gone", () => {
  const table = new LeaseTable();
  for (const id of ["c", "a", "b"]) table.put(id, entryOf(id), "r1", at(0));
  table.delete("b");
  assert.deepEqual(liveIn(table), ["a", "c"]);
});
