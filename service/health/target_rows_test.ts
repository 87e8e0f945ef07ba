import assert from "node:assert/strict";
import { test } from "node:test";
import { type CollectorStatus, statusPath } from "../../core/registry/status.ts";
import type { NamespacePlan } from "../reconcile/view.ts";
import { StatusState } from "./status_state.ts";
import { targetRows } from "./target_rows.ts";

const plan: NamespacePlan = {
  clusterId: "c1",
  namespace: "shop",
  generation: 5,
  targets: [
    { metric: "cart", address: "10.0.0.1:80", pod: "a", labels: {}, collector: "one-0", generation: 5 },
    { metric: "cart", pod: "b", reason: "pod has no address yet" },
    { metric: "cart", address: "10.0.0.3:80", pod: "c", reason: "no collectors" },
  ],
};

const told = { pod: "a", health: "up", lastScrapeMs: 1000, durationMs: 12, samples: 7, error: "" } as const;

function statusOf(over: Partial<CollectorStatus> = {}): CollectorStatus {
  const targets = [{ ...told, metric: "cart", address: "10.0.0.1:80" }];
  return { collector: "one-0", generation: 5, reportedAtMs: 2000, targets, ...over };
}

function rowsWith(status: CollectorStatus | null, alive = true) {
  return targetRows([plan], { statusOf: () => status, isAlive: () => alive });
}

test("a target shows what its collector tells of it", () => {
  assert.deepEqual(rowsWith(statusOf())[0], {
    cluster: "c1",
    namespace: "shop",
    metric: "cart",
    address: "10.0.0.1:80",
    pod: "a",
    collector: "one-0",
    movesTo: null,
    health: "up",
    lastScrapeMs: 1000,
    durationMs: 12,
    samples: 7,
    error: "",
    generation: 5,
    lastRecord: null,
    appliedGeneration: 5,
  });
});

test("a target that is down shows why", () => {
  const targets = [{ ...told, metric: "cart", address: "10.0.0.1:80", health: "down" as const, error: "HTTP 500" }];
  const [row] = rowsWith(statusOf({ targets }));
  assert.deepEqual([row?.health, row?.error], ["down", "HTTP 500"]);
});

test("nothing is known of a target whose collector is not running, whatever it told before", () => {
  const [row] = rowsWith(statusOf(), false);
  assert.deepEqual([row?.health, row?.error, row?.lastScrapeMs], ["unknown", "its collector is not running", 1000]);
});

test("a target that its collector does not tell of waits for its generation", () => {
  const [early] = rowsWith(statusOf({ generation: 4, targets: [] }));
  assert.deepEqual([early?.health, early?.error], ["unknown", "its collector has not taken generation 5 yet"]);
  assert.equal(rowsWith(null)[0]?.error, "its collector has not taken generation 5 yet");
  assert.equal(rowsWith(statusOf({ targets: [] }))[0]?.error, "its collector has not told of it yet");
});

test("what cannot be scraped shows the reason", () => {
  const rows = rowsWith(null).slice(1).map(({ address, collector, health, error }) => [
    address,
    collector,
    health,
    error,
  ]);
  assert.deepEqual(rows, [["", "", "unresolved", "pod has no address yet"], [
    "10.0.0.3:80",
    "",
    "unknown",
    "no collectors",
  ]]);
});

test("statuses are followed in the store; one that cannot be read leaves the last one", () => {
  const state = new StatusState();
  const path = statusPath("c1", "shop", "one-0");
  const entry = (text: string) => ({ type: "put", entry: { path, text, revision: text } } as const);
  assert.equal(state.apply(entry(JSON.stringify(statusOf()))), null);
  assert.deepEqual(state.get("c1", "shop", "one-0"), statusOf());
  assert.match(state.apply(entry("{")) ?? "", /^Cannot read status ".bcs-metric\/status\/c1\/shop\/one-0.json": /);
  assert.deepEqual(state.get("c1", "shop", "one-0"), statusOf());
  assert.equal(state.apply({ type: "put", entry: { path: "x.yaml", text: "{", revision: "" } }), null);
  assert.deepEqual([...state.appliedGenerations()], [["c1/shop", 5]]);
  state.apply({ type: "delete", path });
  assert.equal(state.get("c1", "shop", "one-0"), null);
});

test("a target that is being handed over shows to whom, and when", () => {
  const movesTo = { collector: "one-1", atMs: 9000 };
  const targets = plan.targets.map((target) => "collector" in target ? { ...target, movesTo } : target);
  const rows = targetRows([{ ...plan, targets }], { statusOf: () => statusOf(), isAlive: () => true });
  assert.deepEqual(rows.map((row) => [row.collector, row.movesTo]), [["one-0", movesTo], ["", null], ["", null]]);
});
