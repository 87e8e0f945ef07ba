import assert from "node:assert/strict";
import { test } from "node:test";
import { statusPath } from "../../core/registry/status.ts";
import { MemoryStore } from "../../core/store/memory_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { givenUpAtOnceMax, GoneCollectors, keepGoneMs, presenceIn } from "./gone_collectors.ts";
import { removeStatuses } from "./remove_statuses.ts";

const one = { clusterId: "c1", namespace: "shop", collector: "one-0", reportedAtMs: 1 };
const two = { ...one, collector: "two-0" };
const log = makeLogger("test", "silent");

test("a status is given up when its collector has been gone for long, and the count begins anew when it was back", () => {
  const gone = new GoneCollectors();
  const look = (there: readonly object[], nowMs: number) =>
    gone.look([one, two], (key) => there.includes(key), nowMs).map(({ collector }) => collector);
  assert.deepEqual(look([one, two], 0), []);
  assert.deepEqual(look([two], 1000), []);
  assert.deepEqual(look([two], 999 + keepGoneMs), []);
  assert.deepEqual(look([two], 1000 + keepGoneMs), ["one-0"]);
  assert.deepEqual(look([one, two], 1001 + keepGoneMs), []);
  assert.deepEqual(look([], 2000 + keepGoneMs), []);
  assert.deepEqual(look([], 2000 + 2 * keepGoneMs), ["one-0", "two-0"]);
});

test("a collector is there while it is in the registry, or has a collection", () => {
  const isAlive = (_cluster: string, _namespace: string, collector: string) => collector === "one-0";
  const isThere = presenceIn([{ ...two, name: "two-0" }], { isAlive });
  const places = [one, two, { ...two, namespace: "bank" }, { ...one, collector: "one-1" }];
  assert.deepEqual(places.map(isThere), [true, true, false, false]);
});

test("of very many a part is given up at once", () => {
  const gone = new GoneCollectors();
  const many = Array.from({ length: givenUpAtOnceMax + 5 }, (_, index) => ({ ...one, collector: `one-${index}` }));
  gone.look(many, () => false, 0);
  const first = gone.look(many, () => false, keepGoneMs);
  assert.equal(first.length, givenUpAtOnceMax);
  assert.equal(gone.look(many.filter((key) => !first.includes(key)), () => false, keepGoneMs + 1).length, 5);
});

test("a status is removed, but not one that was told anew, and not by a service that leads no more", async () => {
  const store = new MemoryStore();
  const text = (reportedAtMs: number) =>
    JSON.stringify({ collector: "one-0", generation: 3, reportedAtMs, targets: [] });
  const path = statusPath("c1", "shop", "one-0");
  await store.put(path, text(2));
  await removeStatuses([one, two], { store, log, mayAct: () => true });
  assert.notEqual(await store.get(path), null, "it was told anew");
  const known = { ...one, reportedAtMs: 2 };
  await removeStatuses([known], { store, log, mayAct: () => false });
  assert.notEqual(await store.get(path), null, "it leads no more");
  await removeStatuses([known], { store, log, mayAct: () => true });
  assert.equal(await store.get(path), null);
});
