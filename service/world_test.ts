import assert from "node:assert/strict";
import { test } from "node:test";
import { writeCollection } from "../core/config/collection.ts";
import { type CollectorStatus, statusPath } from "../core/registry/status.ts";
import type { Store, StoreEvent } from "../core/store/store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { type Discovery, emptySnapshot, type Snapshot } from "./discovery/discovery.ts";
import { FakeRegistry, recordOf } from "./testing/fake_registry.ts";
import { World } from "./world.ts";

async function setup(discoveries: readonly Discovery[] = []) {
  let emit: (event: StoreEvent) => void = () => {};
  let changes = 0;
  const registry = new FakeRegistry();
  const unused = () => Promise.reject(new Error("not expected"));
  const store: Store = {
    get: unused,
    list: unused,
    put: unused,
    delete: unused,
    close: unused,
    watch(_prefix, onEvent) {
      emit = onEvent;
      return Promise.resolve({ close: () => Promise.resolve() });
    },
  };
  const log = makeLogger("test", "silent");
  const world = new World({ store, registry, log, frequencyMinSeconds: 60, discoveries });
  await world.start(() => changes++);
  const put = (path: string, text: string) => emit({ type: "put", entry: { path, text, revision: text } });
  const setRegistry = () => {
    for (const module of ["service", "collector", "exporter"] as const) registry.set(module, []);
  };
  return { world, registry, setRegistry, put, emit: (event: StoreEvent) => emit(event), changes: () => changes };
}

const collectionPath = "c1/collection/shop/one-0.yaml";

function collectionText(generation: number): string {
  const metadata = { clusterId: "c1", namespace: "shop", name: "one-0", labels: {}, annotations: {} };
  return writeCollection({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata,
    spec: { generation, metrics: [] },
  });
}

function statusText(generation: number): string {
  const status: CollectorStatus = { collector: "one-0", generation, reportedAtMs: 0, targets: [] };
  return JSON.stringify(status);
}

test("there is nothing to reconcile before the store and every source have been read", async () => {
  const { world, emit, setRegistry } = await setup();
  assert.equal(world.view(), null);
  emit({ type: "synced" });
  assert.equal(world.view(), null);
  setRegistry();
  assert.notEqual(world.view(), null);

  const other = await setup();
  other.setRegistry();
  assert.equal(other.world.view(), null);
  other.emit({ type: "synced" });
  assert.notEqual(other.world.view(), null);
});

test("a source of one cluster holds up only that one, until it tells of it for the first time", async () => {
  let tell: (snapshot: Snapshot) => void = () => {};
  const { world, emit, setRegistry, changes } = await setup([{
    name: "kubernetes c2",
    clusters: ["c2"],
    watch(onChange) {
      tell = onChange;
      return Promise.resolve({ close: () => Promise.resolve() });
    },
  }]);
  emit({ type: "synced" });
  setRegistry();
  const waiting = world.view()?.sources;
  assert.deepEqual([waiting?.problemOf("c1"), waiting?.problemOf("c2") !== ""], ["", true]);
  assert.deepEqual(world.unread, [{ source: "kubernetes c2", cluster: "c2" }]);
  const before = changes();
  tell(emptySnapshot);
  assert.equal(changes(), before + 1);
  assert.deepEqual([world.view()?.sources.problemOf("c2"), world.unread], ["", []]);
});

test("what is unavailable after it has been read stays as it was", async () => {
  const { world, emit, setRegistry, put } = await setup();
  assert.deepEqual(world.storeState, { synced: false, reason: "it has not been read yet" });
  put(collectionPath, collectionText(1));
  emit({ type: "synced" });
  setRegistry();
  assert.deepEqual(world.storeState, { synced: true, reason: "" });
  emit({ type: "unavailable", reason: "the folder is gone" });
  assert.deepEqual(world.storeState, { synced: false, reason: "the folder is gone" });
  assert.equal(world.view()?.synced, false);
  assert.equal(world.view()?.collections.length, 1);
});

test("the highest generation is remembered, also of files that are gone and of what collectors have in force", async () => {
  const { world, emit, setRegistry, put } = await setup();
  setRegistry();
  put(collectionPath, collectionText(4));
  put(collectionPath, collectionText(9).replace("generation: 9", "generation: 99"));
  emit({ type: "delete", path: collectionPath });
  emit({ type: "synced" });
  assert.deepEqual(world.view()?.generations, new Map([["c1/shop", 4]]));
  put(statusPath("c1", "shop", "one-0"), statusText(7));
  put(statusPath("c1", "bank", "two-0"), statusText(2));
  assert.deepEqual(world.view()?.generations, new Map([["c1/shop", 7], ["c1/bank", 2]]));
});

test("how targets fare and renewed records are no reason to reconcile; what is confirmed, and who comes and goes, are", async () => {
  const { emit, setRegistry, put, changes, registry, world } = await setup();
  emit({ type: "synced" });
  setRegistry();
  const reasons = (change: () => void) => {
    const before = changes();
    change();
    return changes() > before;
  };
  const path = statusPath("c1", "shop", "one-0");
  assert.equal(reasons(() => put(path, statusText(7))), true);
  assert.equal(reasons(() => put(path, statusText(7).replace(`"reportedAtMs":0`, `"reportedAtMs":5`))), false);
  assert.equal(reasons(() => put(statusPath("c1", "shop", "one-1"), "nonsense")), false);
  assert.equal(world.reports.statusOf("c1", "shop", "one-0")?.generation, 7);
  assert.equal(world.reports.isAlive("c1", "shop", "one-0"), false);
  const record = recordOf("collector", "c1.shop.one-0");
  assert.equal(reasons(() => registry.set("collector", [record])), true);
  assert.equal(world.reports.isAlive("c1", "shop", "one-0"), true);
  assert.equal(reasons(() => registry.set("collector", [{ ...record, load: { targets: 3 } }])), false);
  assert.equal(reasons(() => registry.set("collector", [])), true);
});
