import assert from "node:assert/strict";
import { test } from "node:test";
import { autoscaleRule } from "../../core/config/autoscale.ts";
import { MemoryStore } from "../../core/store/memory_store.ts";
import { emptySnapshot } from "../discovery/discovery.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import { reconcile } from "../reconcile/reconcile.ts";
import type { View } from "../reconcile/view.ts";
import { Sources } from "../targets/sources.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { namespacesNow } from "./namespaces_now.ts";
import { overridePath, readOverride, type ScaleOverride, ScaleState, writeOverride } from "./scale_override.ts";
import { wishedReplicas } from "./wished_replicas.ts";

const place = { clusterId: "c1", namespace: "shop" };
const approved: ScaleOverride = { ...place, replicas: 3, declared: 2, approval: "plan-1", epoch: 4 };
const rule = autoscaleRule.parse({ cpu: { above: 70 } });
const rules = { namespaces: [] };

function viewOf(replicas: number, scales: readonly ScaleOverride[] = [], over: Partial<View> = {}): View {
  const pods = [1, 2, 3, 4].map((index) => podOf(`pod-${index}`, { ip: `10.0.0.${index}` }));
  return {
    metrics: [metricOf("cart")],
    collectors: [collectorOf("w", replicas)],
    collections: [],
    sources: new Sources([{ ...emptySnapshot, pods }]),
    unreadable: [],
    synced: true,
    previous: [],
    generations: new Map(),
    reports: { isAlive: () => false, statusOf: () => null },
    scales: new Map(scales.map((scale) => ["c1/shop", scale])),
    ...over,
  };
}

test("an approved number counts for as long as the documents say what they said then", () => {
  assert.equal(wishedReplicas(2, undefined), 2);
  assert.equal(wishedReplicas(2, approved), 3);
  assert.equal(wishedReplicas(4, approved), 4);
});

test("the reconciliation runs as many collectors as were approved", () => {
  const check = (view: View, replicas: number, declared: number) => {
    const plan = reconcile(view, 0);
    assert.deepEqual(plan.workloads.map((one) => one.replicas), [replicas]);
    assert.deepEqual(plan.namespaces[0]?.scale, { workload: "w", replicas, declared });
  };
  check(viewOf(2), 2, 2);
  check(viewOf(2, [approved]), 3, 2);
  check(viewOf(4, [approved]), 4, 4);
  check(viewOf(2, [{ ...approved, replicas: 1 }]), 1, 2);
});

test("of documents that cannot be read nobody knows what they ask for, so nothing is scaled", () => {
  const unreadable = [{ ...place, kind: "Collector" as const, name: "w" }];
  assert.equal(reconcile(viewOf(2, [approved], { unreadable }), 0).namespaces[0]?.scale, undefined);
});

test("a namespace is scaled by its Collector document's rule, else by the operator's", () => {
  const { namespaces: plans } = reconcile(viewOf(2, [approved]), 0);
  const row = {
    cluster: "c1",
    namespace: "shop",
    name: "w-0",
    alive: true,
    metricsAddress: "a:1",
    load: { cpuPercent: 5 },
  };
  const now = (
    documents: Parameters<typeof namespacesNow>[0]["documents"],
    other: typeof rules & { default?: typeof rule },
  ) => namespacesNow({ plans, collectors: [row as unknown as CollectorRow], documents, rules: other }).places[0];
  const own = collectorOf("w", 2);
  assert.equal(now([own], rules)?.rule, null);
  assert.equal(now([own], { ...rules, default: rule })?.rule, rule);
  const named = { ...rule, max: 3 };
  assert.equal(now([own], { default: rule, namespaces: [{ ...place, rule: named }] as never })?.rule, named);
  const declared = { ...own, spec: { ...own.spec, autoscale: { ...rule, max: 9 } } };
  const found = now([declared], { ...rules, default: rule });
  assert.equal(found?.rule?.max, 9);
  assert.deepEqual([found?.replicas, found?.declared, found?.division.owners.size], [3, 2, 4]);
  assert.deepEqual(found?.collectors[0]?.load, { cpuPercent: 5 });
});

test("an approved number is read back from the store, and what is none has no effect", async () => {
  const store = new MemoryStore();
  const state = new ScaleState();
  await store.watch("", (event) => void state.apply(event));
  const path = overridePath(place);
  assert.equal(state.revisionOf(place), null);
  const revision = await store.put(path, writeOverride(approved));
  assert.deepEqual([state.find(place), state.revisionOf(place)], [approved, revision]);
  await store.put(path, "{}");
  assert.equal(state.find(place), undefined);
  assert.notEqual(state.revisionOf(place), null, "it can be replaced");
  await store.delete(path);
  assert.equal(state.revisionOf(place), null);
  assert.equal(readOverride("other", writeOverride(approved)), null);
});
