import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot, type Pod } from "../discovery/discovery.ts";
import { plainWorkload } from "../orchestrator/workload.ts";
import { Sources } from "../targets/sources.ts";
import { addressesOf, carriedOut, documentOf, storedCollection as stored } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { reconcile } from "./reconcile.ts";
import type { Plan, StoredCollection, View } from "./view.ts";

function podsOf(count: number): Pod[] {
  return Array.from({ length: count }, (_, index) => podOf(`pod-${index}`, { ip: `10.0.0.${index + 1}` }));
}

function viewOf(over: Partial<View> & { readonly pods?: readonly Pod[] } = {}): View {
  const { pods = podsOf(4), ...rest } = over;
  return {
    metrics: [metricOf("cart")],
    collectors: [collectorOf("bcs-collector-shop", 2)],
    collections: [],
    sources: new Sources([{ ...emptySnapshot, pods }]),
    unreadable: [],
    synced: true,
    previous: [],
    generations: new Map(),
    reports: { statusOf: () => null, isAlive: () => false },
    ...rest,
  };
}

function planOf(view: View): Plan {
  return reconcile(view, 1_800_000_000_000);
}

function generationsOf(collections: readonly StoredCollection[]): number[] {
  return collections.map((collection) => documentOf(collection).spec.generation);
}

test("a metric's targets are divided over the collections of its namespace, with the metric's settings", () => {
  const metrics = [metricOf("cart", { frequency: 90, head: { "X-A": "b" }, constLabels: { team: "trade" } })];
  const collections = carriedOut(planOf(viewOf({ metrics })));
  assert.deepEqual(addressesOf(collections), {
    "bcs-collector-shop-0": ["10.0.0.1:9100", "10.0.0.3:9100"],
    "bcs-collector-shop-1": ["10.0.0.2:9100", "10.0.0.4:9100"],
  });
  assert.equal(collections[0]?.path, "c1/collection/shop/bcs-collector-shop-0.yaml");
  const { targets, ...settings } = documentOf(collections[0]).spec.metrics[0] ?? assert.fail();
  const { clusterType, selector, port, ...scrape } = metrics[0]?.spec ?? assert.fail();
  assert.deepEqual([clusterType, selector, port], ["k8s", {}, 9100]);
  assert.deepEqual(settings, { name: "cart", ...scrape });
  assert.deepEqual(targets[0], { address: "10.0.0.1:9100", pod: "pod-0", labels: {}, addedIn: 1 });
});

test("what is as it should be is not written again", () => {
  const collections = carriedOut(planOf(viewOf()));
  const again = planOf(viewOf({ collections }));
  assert.deepEqual(again.writes, []);
  assert.deepEqual(again.removals, []);
});

test("only the collections that change are written, with the namespace's next generation", () => {
  const first = carriedOut(planOf(viewOf()));
  assert.deepEqual(generationsOf(first), [1, 1]);
  const second = planOf(viewOf({ collections: first, pods: podsOf(5) }));
  assert.deepEqual(second.writes.map((write) => write.path), ["c1/collection/shop/bcs-collector-shop-0.yaml"]);
  assert.equal(second.writes[0]?.replaces, first[0]?.revision);
  const collections = carriedOut(second, first);
  assert.deepEqual(generationsOf(collections), [2, 1]);
  const third = carriedOut(planOf(viewOf({ collections, pods: podsOf(6) })), collections);
  assert.deepEqual(generationsOf(third), [2, 3]);
});

test("a target keeps the generation in which it came, until it moves", () => {
  const additions = (collections: readonly StoredCollection[]) =>
    Object.fromEntries(
      collections.flatMap((one) => documentOf(one).spec.metrics[0]?.targets ?? [])
        .map(({ address, addedIn }) => [address.split(":")[0] ?? "", addedIn]),
    );
  const first = carriedOut(planOf(viewOf({ pods: podsOf(2) })));
  const second = carriedOut(planOf(viewOf({ collections: first, pods: podsOf(3) })), first);
  assert.deepEqual(additions(second), { "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.3": 2 });
  const collectors = [collectorOf("bcs-collector-shop", 3)];
  const third = carriedOut(planOf(viewOf({ collections: second, pods: podsOf(3), collectors })), second);
  const [moved = ""] = addressesOf(third)["bcs-collector-shop-2"] ?? [];
  assert.deepEqual(additions(third), { ...additions(second), [moved.split(":")[0] ?? ""]: undefined });
});

test("a target whose collection somebody removed is no new one", () => {
  const first = planOf(viewOf());
  const again = planOf(viewOf({ previous: first.namespaces }));
  assert.equal(again.writes.length, 2);
  for (const { text } of again.writes) assert.doesNotMatch(text, /addedIn/);
});

test("a changed metric reaches every collection that was built from it", () => {
  const collections = carriedOut(planOf(viewOf()));
  const metrics = [metricOf("cart", { version: "2", uri: "/other" })];
  const plan = planOf(viewOf({ collections, metrics }));
  assert.equal(plan.writes.length, 2);
  for (const { text } of plan.writes) assert.match(text, /\/other/);
});

test("scaling up moves no more than the new collector's share", () => {
  const collections = carriedOut(planOf(viewOf({ pods: podsOf(6) })));
  const collectors = [collectorOf("bcs-collector-shop", 3)];
  const grown = addressesOf(carriedOut(planOf(viewOf({ collections, collectors, pods: podsOf(6) })), collections));
  assert.equal(grown["bcs-collector-shop-2"]?.length, 2);
  const before = addressesOf(collections);
  for (const name of ["bcs-collector-shop-0", "bcs-collector-shop-1"]) {
    for (const address of grown[name] ?? assert.fail()) assert.ok(before[name]?.includes(address));
  }
});

test("the collection of an ordinal that is gone is removed, and its targets go to the others", () => {
  const collections = carriedOut(planOf(viewOf()));
  const collectors = [collectorOf("bcs-collector-shop", 1)];
  const plan = planOf(viewOf({ collections, collectors }));
  const [, gone] = collections;
  assert.deepEqual(plan.removals, [{ path: gone?.path, revision: gone?.revision }]);
  assert.equal(addressesOf(carriedOut(plan, collections))["bcs-collector-shop-0"]?.length, 4);
});

test("with its last metric a namespace loses its workload and its collections", () => {
  const collections = carriedOut(planOf(viewOf()));
  const plan = planOf(viewOf({ collections, metrics: [] }));
  assert.deepEqual(plan.workloads, []);
  assert.equal(plan.removals.length, 2);
});

test("while the store cannot be read nothing is written or removed", () => {
  const collections = carriedOut(planOf(viewOf()));
  const plan = planOf(viewOf({ collections, metrics: [], synced: false }));
  assert.deepEqual([plan.writes, plan.removals], [[], []]);
  assert.deepEqual(planOf(viewOf({ synced: false })).writes, []);
});

test("a collection that somebody edited or removed is written again, under a new generation", () => {
  const collections = carriedOut(planOf(viewOf()));
  const [zero, one] = collections;
  const edited = stored(zero?.path ?? "", (zero?.text ?? "").replace("10.0.0.1:9100", "10.6.6.6:9100"));
  assert.equal(edited.document, null);
  const afterEdit = planOf(viewOf({ collections: [edited, ...one === undefined ? [] : [one]] }));
  assert.equal(afterEdit.writes.length, 1);
  const expected = addressesOf(collections);
  assert.deepEqual(addressesOf(carriedOut(afterEdit, collections)), expected);
  assert.deepEqual(generationsOf(carriedOut(afterEdit, collections)), [2, 1]);

  const afterRemoval = planOf(viewOf({ collections: one === undefined ? [] : [one] }));
  assert.deepEqual(addressesOf(carriedOut(afterRemoval, collections)), expected);
  assert.equal(afterRemoval.writes[0]?.replaces, null);
});

test("the targets of collections that were edited or removed come back to the same collectors", () => {
  const pods = podsOf(5);
  const first = planOf(viewOf({ pods }));
  const collections = carriedOut(first);
  const [zero, one] = collections;
  const previous = first.namespaces;
  const broken = stored(one?.path ?? "", "kind: Collection");
  for (const left of [[broken], [zero, broken], [one], [broken, one], []]) {
    const files = left.flatMap((file) => file ?? []);
    const again = carriedOut(planOf(viewOf({ pods, previous, collections: files })), collections);
    assert.deepEqual(addressesOf(again), addressesOf(collections));
  }
});

test("a collection whose comment was edited is written again too", () => {
  const collections = carriedOut(planOf(viewOf()));
  const [zero, ...rest] = collections;
  const edited = stored(zero?.path ?? "", `${zero?.text}# mine\n`);
  assert.notEqual(edited.document, null);
  assert.equal(planOf(viewOf({ collections: [edited, ...rest] })).writes.length, 1);
});

test("generations never go back, even when every collection was removed", () => {
  const plan = planOf(viewOf({ generations: new Map([["c1/shop", 41]]) }));
  assert.deepEqual(generationsOf(carriedOut(plan)), [42, 42]);
  assert.equal(plan.namespaces[0]?.generation, 42);
});

test("without a Collector document the workload has the default name and the most replicas that a metric asks for", () => {
  const metrics = [metricOf("a"), metricOf("b", { collector: { replicas: 3 } }), metricOf("c", { collector: {} })];
  const { workloads } = planOf(viewOf({ metrics, collectors: [] }));
  assert.deepEqual(workloads, [{
    clusterId: "c1",
    namespace: "shop",
    name: "bcs-collector-shop",
    replicas: 3,
    ...plainWorkload,
    env: {
      MetricClusterType: "k8s",
      MetricClusterID: "c1",
      MetricApplicationName: "bcs-collector-shop",
      MetricApplicationNamespace: "shop",
      MetricCfgName: "bcs-collector-shop",
    },
    labels: {
      "io.tencent.bcs.metriccfg": "bcs-collector-shop",
      "io.tencent.bcs.metric.collector": "shop_a",
    },
    resources: { cpus: 1, memoryMiB: 256 },
  }]);
  assert.equal(planOf(viewOf({ collectors: [] })).workloads[0]?.replicas, 1);
});

test("a Collector document alone makes no workload", () => {
  assert.deepEqual(planOf(viewOf({ metrics: [] })).workloads, []);
});

test("namespaces are kept apart", () => {
  const metrics = [metricOf("cart"), metricOf("cart", {}, "bank")];
  const plan = planOf(viewOf({ metrics }));
  assert.deepEqual(plan.workloads.map((workload) => workload.name), ["bcs-collector-bank", "bcs-collector-shop"]);
  const bank = carriedOut(plan).find((collection) => collection.namespace === "bank");
  assert.deepEqual(documentOf(bank).spec.metrics, []);
});

test("without collectors the targets are shown with the reason why nobody scrapes them", () => {
  const plan = planOf(viewOf({ collectors: [collectorOf("none", 0)], pods: podsOf(1) }));
  assert.deepEqual(plan.namespaces[0]?.targets, [{
    metric: "cart",
    address: "10.0.0.1:9100",
    pod: "pod-0",
    reason: "the namespace's collector workload has 0 replicas",
  }]);
});

test("the plan tells owner and generation of each target, and what is not resolved", () => {
  const pods = [podOf("ok"), podOf("pending", { phase: "Pending" })];
  const [namespace] = planOf(viewOf({ pods })).namespaces;
  assert.deepEqual(namespace?.targets, [
    {
      metric: "cart",
      address: "10.0.0.1:9100",
      pod: "ok",
      labels: {},
      collector: "bcs-collector-shop-0",
      generation: 1,
    },
    { metric: "cart", pod: "pending", reason: `pod is in phase "Pending", not Running` },
  ]);
});

test("a metric without any valid version keeps what its collections say", () => {
  const collections = carriedOut(planOf(viewOf()));
  const unreadable = [{ clusterId: "c1", kind: "Metric" as const, namespace: "shop", name: "cart" }];
  const plan = planOf(viewOf({ collections, metrics: [], unreadable }));
  assert.deepEqual([plan.writes, plan.removals], [[], []]);
  assert.equal(plan.workloads[0]?.replicas, 2);
  assert.equal(planOf(viewOf({ collections: [], metrics: [], unreadable })).workloads.length, 0);
});

test("an application without any valid version keeps its targets, beside new ones", () => {
  const collections = carriedOut(planOf(viewOf()));
  const unreadable = [{ clusterId: "c1", kind: "Application" as const, namespace: "shop", name: "app" }];
  const plan = planOf(viewOf({ collections, unreadable, pods: [podOf("new", { ip: "10.0.0.9" })] }));
  const after = addressesOf(carriedOut(plan, collections));
  assert.equal(Object.values(after).flat().length, 5);
  const elsewhere = [{ clusterId: "c1", kind: "Application" as const, namespace: "bank", name: "app" }];
  const others = planOf(viewOf({ collections, unreadable: elsewhere, pods: [] }));
  assert.deepEqual(Object.values(addressesOf(carriedOut(others, collections))).flat(), []);
});

test("a collector document without any valid version keeps the workload's name and replicas", () => {
  const collections = carriedOut(planOf(viewOf()));
  const unreadable = [{ clusterId: "c1", kind: "Collector" as const, namespace: "shop", name: "bcs-collector-shop" }];
  const plan = planOf(viewOf({ collections, collectors: [], unreadable }));
  assert.deepEqual(plan.writes, []);
  assert.equal(plan.workloads[0]?.replicas, 2);
});
