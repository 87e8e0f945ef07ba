/** What happens, and what does not, while a source of one cluster has not been read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot } from "../discovery/discovery.ts";
import { guard, guardDefaults } from "../guards/guard.ts";
import type { Hold } from "../guards/hold.ts";
import { asApplied, workloadPath } from "../orchestrator/workload.ts";
import { scopeOf, Sources } from "../targets/sources.ts";
import { addressesOf, carriedOut, storedCollection } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import type { StoredRecord } from "../workloads/record_state.ts";
import { removableScopes } from "./kept_namespace.ts";
import { reconcile } from "./reconcile.ts";
import type { Plan, StoredCollection, View } from "./view.ts";

const unread = [{ source: "kubernetes c2", cluster: "c2" }];
const reason = "cluster c2 has not been read yet (source kubernetes c2)";

function inSecond<T extends { readonly metadata: { readonly clusterId: string } }>(document: T): T {
  return { ...document, metadata: { ...document.metadata, clusterId: "c2" } };
}

/** Namespace `shop` of both clusters: c1 has one pod, c2 has `count`, or has not been read. */
function viewOf(count: number | null, over: Partial<View> = {}): View {
  const second = Array.from(
    { length: count ?? 0 },
    (_, index) => podOf(`pod-${index}`, { clusterId: "c2", ip: `10.2.0.${index}` }),
  );
  return {
    metrics: [metricOf("cart"), inSecond(metricOf("cart"))],
    collectors: [],
    collections: [],
    sources: new Sources([{ ...emptySnapshot, pods: [podOf("a"), ...second] }], count === null ? unread : []),
    unreadable: [],
    synced: true,
    previous: [],
    generations: new Map(),
    reports: { statusOf: () => null, isAlive: () => false },
    ...over,
  };
}

function planOf(view: View, holds: readonly Hold[] = []) {
  const byScope = new Map(holds.map((hold) => [scopeOf(hold), hold]));
  return guard({ plan: reconcile(view, 0), view, holds: byScope, workloads: new Map() }, guardDefaults);
}

/** What both clusters' collections are once everything has been read. */
function stored(count: number): StoredCollection[] {
  return carriedOut(planOf(viewOf(count)).plan);
}

function recordOf(clusterId: string): [string, StoredRecord] {
  const record = { clusterId, namespace: "shop", name: "bcs-collector-shop", metric: "cart", adopted: false };
  return [`${clusterId}/shop`, { record: { ...record, accepted: null, approval: "" }, revision: "1", text: "" }];
}

const writesOf = (plan: Plan) => plan.writes.map(({ path }) => path);
const ruleOf = (plan: Plan, clusterId: string) => plan.rules.get(`${clusterId}/shop/bcs-collector-shop`);

test("the namespaces of other clusters are reconciled, those of the unread one are left alone", () => {
  const { plan, held } = planOf(viewOf(null, { found: [], records: new Map() }));
  assert.deepEqual(writesOf(plan), ["c1/collection/shop/bcs-collector-shop-0.yaml"]);
  assert.deepEqual(plan.records.map(({ scope }) => scope), ["c1/shop"]);
  assert.deepEqual([plan.removals, plan.recordRemovals, held], [[], [], []]);
  assert.equal(ruleOf(plan, "c1")?.hold, null);
  assert.deepEqual(ruleOf(plan, "c2")?.hold, { reason, creates: false });
});

test("what was assigned in the unread cluster stays, whatever its documents say meanwhile", () => {
  const collections = stored(30);
  const check = (over: Partial<View>) => {
    const { plan, held } = planOf(
      viewOf(null, { collections, found: [], records: new Map([recordOf("c2")]), ...over }),
    );
    assert.deepEqual([writesOf(plan), plan.removals, plan.recordRemovals, held], [[], [], [], []]);
    assert.deepEqual(plan.records.filter(({ scope }) => scope === "c2/shop"), []);
    const second = plan.namespaces.find(({ clusterId }) => clusterId === "c2");
    assert.equal(second?.targets.length, 30);
    assert.equal(second.scale, undefined);
  };
  check({});
  check({ metrics: [metricOf("cart")] });
  check({ metrics: [metricOf("cart"), inSecond(metricOf("other"))] });
  check({ collectors: [inSecond(collectorOf("renamed", 9))] });
  const unreadable = [{ kind: "Metric", clusterId: "c2", namespace: "shop", name: "cart" }] as const;
  check({ metrics: [metricOf("cart")], unreadable });
});

test("even a collection that somebody broke, and a record without any, stay", () => {
  const broken = stored(2).map((one) => one.clusterId === "c2" ? storedCollection(one.path, "nonsense") : one);
  const { plan } = planOf(viewOf(null, { collections: broken }));
  assert.deepEqual([writesOf(plan), plan.removals], [[], []]);
  const records = new Map([recordOf("c2"), recordOf("c3")]);
  const alone = planOf(viewOf(null, { metrics: [metricOf("cart")], found: [], records })).plan;
  assert.deepEqual(alone.recordRemovals.map(({ scope }) => scope), ["c3/shop"]);
});

test("a workload that is there is not touched; one that was made and is missing is made again", () => {
  const collections = stored(3);
  const records = new Map([recordOf("c2")]);
  const { plan } = planOf(viewOf(null, { collections, found: [], records }));
  assert.deepEqual(ruleOf(plan, "c2")?.hold, { reason, creates: true });
  const workload = plan.workloads[1] ?? assert.fail();
  assert.equal(workloadPath(workload), "c2/shop/bcs-collector-shop");
  const scaled = { ...asApplied({ ...workload, replicas: 7 }), instances: [] };
  const again = planOf(viewOf(null, { collections, found: [scaled], records })).plan;
  assert.notEqual(ruleOf(again, "c2")?.hold ?? null, null);
  assert.deepEqual(again.records.filter(({ scope }) => scope === "c2/shop"), []);
});

test("what nobody wishes for is removed only where everything has been read", () => {
  const view = viewOf(null);
  assert.deepEqual([...removableScopes(["c1/shop", "c2/shop", "c3/shop"], view)], ["c1/shop", "c3/shop"]);
  assert.deepEqual([...removableScopes(["c1/shop"], { ...view, synced: false })], []);
});

test("metrics that vanish in the unread cluster make no other change suspicious", () => {
  const metrics = ["shop", "bank", "park"].map((namespace) => inSecond(metricOf("cart", {}, namespace)));
  const all = [metricOf("cart", {}, "bank"), ...metrics];
  const places = [{ clusterId: "c1", namespace: "bank" }, ...metrics.map(({ metadata }) => metadata)];
  const pods = places.map(({ clusterId, namespace }) => podOf("a", { clusterId, namespace }));
  const sources = new Sources([{ ...emptySnapshot, pods }]);
  const collections = carriedOut(planOf(viewOf(null, { metrics: all, sources })).plan);
  assert.equal(collections.length, 4);
  const { plan, held } = planOf(viewOf(null, { metrics: [], collections }));
  assert.deepEqual(held, []);
  assert.deepEqual(plan.removals.map(({ path }) => path), ["c1/collection/bank/bcs-collector-bank-0.yaml"]);
});

test("once the cluster is read it is reconciled from what was assigned, and a loss is held as ever", () => {
  const collections = stored(30);
  const waiting = planOf(viewOf(null, { collections })).plan;
  const back = planOf(viewOf(31, { collections, previous: waiting.namespaces }));
  assert.deepEqual(writesOf(back.plan), ["c2/collection/shop/bcs-collector-shop-0.yaml"]);
  const addresses = addressesOf(carriedOut(back.plan, collections).filter(({ clusterId }) => clusterId === "c2"));
  assert.equal(addresses["bcs-collector-shop-0"]?.length, 31);
  const empty = planOf(viewOf(0, { collections, previous: waiting.namespaces }));
  assert.equal(empty.held[0]?.reason, "it removes 30 of 30 targets at once");
});

test("a change that was held in the cluster before stays held, with its confirmation, and counts for no other", () => {
  const collections = stored(30);
  const [held] = planOf(viewOf(3, { collections })).held;
  const hold = { ...held ?? assert.fail(), confirmed: held?.hash ?? "", confirmedBy: "ann" };
  const waiting = planOf(viewOf(null, { collections }), [hold]);
  assert.deepEqual(waiting.held, [hold]);
  assert.deepEqual(writesOf(waiting.plan), []);
  const back = planOf(viewOf(3, { collections }), [hold]);
  assert.deepEqual([back.held, writesOf(back.plan).length], [[], 1]);
});
