/** Collections are generated anew on exactly the events that the requirement lists, and only those concerned. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot, type Pod } from "../discovery/discovery.ts";
import { Sources } from "../targets/sources.ts";
import { carriedOut } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { reconcile } from "./reconcile.ts";
import type { StoredCollection, View } from "./view.ts";

const nowMs = 1_800_000_000_000;

/** Two applications, a metric for each, and two collectors: `cart` has three instances, `pay` one. */
const cart = [1, 2, 3].map((index) => podOf(`cart-${index}`, { ip: `10.0.0.${index}`, labels: { app: "cart" } }));
const pay = [podOf("pay-1", { ip: "10.0.1.1", labels: { app: "pay" } })];
const cartMetric = metricOf("cart", { selector: { app: "cart" } });
const payMetric = metricOf("pay", { selector: { app: "pay" } });

function viewOf(over: Partial<View> & { readonly pods?: readonly Pod[] }): View {
  const { pods = [...cart, ...pay], ...rest } = over;
  return {
    metrics: [cartMetric, payMetric],
    collectors: [collectorOf("w", 2)],
    collections: [],
    sources: new Sources([{ ...emptySnapshot, pods }]),
    unreadable: [],
    synced: true,
    previous: [],
    generations: new Map(),
    reports: { isAlive: () => false, statusOf: () => null },
    ...rest,
  };
}

const before = carriedOut(reconcile(viewOf({}), nowMs));

/** Files written and removed by an event, such as `+w-0 -w-1`. */
function changedBy(over: Parameters<typeof viewOf>[0], stored: readonly StoredCollection[] = before): string {
  const { writes, removals } = reconcile(viewOf({ collections: stored, ...over }), nowMs);
  const name = (path: string) => path.slice(path.lastIndexOf("/") + 1, -".yaml".length);
  return [...writes.map(({ path }) => `+${name(path)}`), ...removals.map(({ path }) => `-${name(path)}`)].toSorted()
    .join(" ");
}

/** Instances of `pay` are at one collector alone. */
const payAt = before.find(({ text }) => text.includes("10.0.1.1"))?.name ?? assert.fail("nobody has pay");
const relabelled = (labels: Record<string, string>) =>
  cart.map((pod) => ({ ...pod, labels: { app: "cart", ...labels } }));

const events: Readonly<Record<string, readonly [Parameters<typeof viewOf>[0], string]>> = {
  "a metric is created": [
    { metrics: [cartMetric, payMetric, metricOf("other", { port: 81, selector: { app: "cart" } })] },
    "+w-0 +w-1",
  ],
  "a metric is created that matches nothing": [
    { metrics: [cartMetric, payMetric, metricOf("other", { selector: { app: "none" } })] },
    "",
  ],
  "a metric with instances everywhere is changed": [
    { metrics: [metricOf("cart", { selector: { app: "cart" }, version: "2", uri: "/v2" }), payMetric] },
    "+w-0 +w-1",
  ],
  "a metric with an instance at one collector is changed": [
    { metrics: [cartMetric, metricOf("pay", { selector: { app: "pay" }, version: "2", head: { a: "b" } })] },
    `+${payAt}`,
  ],
  "a metric is deleted": [{ metrics: [cartMetric], pods: [...cart.slice(0, 2), ...pay] }, "+w-0 +w-1"],
  "the last metric is deleted": [{ metrics: [] }, "-w-0 -w-1"],
  "an application is deleted": [{ pods: pay }, "+w-0 +w-1"],
  "an application with an instance at one collector is deleted": [{ pods: cart }, `+${payAt}`],
  "collectors are scaled out": [{ collectors: [collectorOf("w", 4)] }, "+w-0 +w-1 +w-2 +w-3"],
  "collectors are scaled in": [{ collectors: [collectorOf("w", 1)] }, "+w-0 -w-1"],
  "an instance comes": [
    { pods: [...cart, ...pay, podOf("new", { ip: "10.0.0.9", labels: { app: "cart" } })] },
    "+w-0",
  ],
  "an instance moves to another address": [
    { pods: [...cart, podOf("pay-1", { ip: "10.0.1.2", labels: { app: "pay" } })] },
    `+${payAt}`,
  ],
  "an instance that nobody selects comes": [{ pods: [...cart, ...pay, podOf("x", { labels: { app: "none" } })] }, ""],
  "instances are listed in another order": [{ pods: [...pay, ...cart.toReversed()] }, ""],
  "metrics are listed in another order": [{ metrics: [payMetric, cartMetric] }, ""],
  "the labels and annotations of a metric's metadata change": [
    {
      metrics: [
        { ...cartMetric, metadata: { ...cartMetric.metadata, labels: { a: "b" }, annotations: { c: "d" } } },
        payMetric,
      ],
    },
    "",
  ],
  "labels of instances change that no selector names": [{ pods: [...relabelled({ pod: "x" }), ...pay] }, ""],
  "an application of another namespace changes": [{ pods: [...cart, ...pay, podOf("y", { namespace: "bank" })] }, ""],
  "collectors come alive and report": [
    {
      reports: {
        isAlive: () => true,
        statusOf: (_cluster, _namespace, collector) => ({ collector, generation: 1, reportedAtMs: 5, targets: [] }),
      },
    },
    "",
  ],
  "time passes": [{ previous: reconcile(viewOf({}), nowMs - 1e9).namespaces }, ""],
  "nothing happens": [{}, ""],
};

for (const [what, [over, want]] of Object.entries(events)) {
  test(`when ${what}, ${want === "" ? "no collection changes" : `${want} change`}`, () => {
    assert.equal(changedBy(over), want);
  });
}
