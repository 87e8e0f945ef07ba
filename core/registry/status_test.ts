import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "../store/memory_store.ts";
import { type CollectorStatus, keyOfStatusPath, readStatus, statusPath, writeStatus } from "./status.ts";

const status: CollectorStatus = {
  collector: "bcs-collector-shop-0",
  generation: 7,
  reportedAtMs: 1_800_000_000_000,
  targets: [{
    metric: "cart",
    address: "10.0.0.1:9100",
    pod: "cart-0",
    health: "down",
    lastScrapeMs: 1_800_000_000_000,
    durationMs: 12.5,
    samples: 0,
    error: "connection refused",
  }],
};

test("a status is read as it was written, and the next one takes its place", async () => {
  const store = new MemoryStore();
  await writeStatus(store, { clusterId: "c1", namespace: "shop" }, status);
  await writeStatus(store, { clusterId: "c1", namespace: "shop" }, { ...status, generation: 8 });
  const entries = await store.list(".bcs-metric/status/");
  assert.deepEqual(entries.map((entry) => entry.path), [".bcs-metric/status/c1/shop/bcs-collector-shop-0.json"]);
  assert.deepEqual(readStatus(entries[0]?.text ?? ""), { ok: true, status: { ...status, generation: 8 } });
});

test("a path tells whose status it is", () => {
  const key = { clusterId: "c1", namespace: "shop", collector: "a-0" };
  assert.deepEqual(keyOfStatusPath(statusPath("c1", "shop", "a-0")), key);
  for (const path of ["c1/metric/shop/a.yaml", ".bcs-metric/status/c1/a.json", ".bcs-metric/status/c1/n/a/b.json"]) {
    assert.equal(keyOfStatusPath(path), null, path);
  }
});

test("a text that is no status is refused with the reason", () => {
  const check = (text: string, want: RegExp) => {
    const read = readStatus(text);
    assert.ok(!read.ok);
    assert.match(read.reason, want);
  };
  check("{", /JSON/);
  check("{}", /^collector: /);
  check(JSON.stringify({ ...status, targets: [{ ...status.targets[0], health: "ill" }] }), /^targets.0.health: /);
});
