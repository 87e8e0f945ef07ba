import assert from "node:assert/strict";
import { test } from "node:test";
import { isIntact } from "../../core/config/collection.ts";
import { readDocument } from "../../core/config/document.ts";
import { keyOfPath } from "../../core/config/key.ts";
import { emptySnapshot } from "../discovery/discovery.ts";
import { reconcile } from "../reconcile/reconcile.ts";
import type { Plan, StoredCollection, View } from "../reconcile/view.ts";
import { scopeOf, Sources } from "../targets/sources.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { guard, guardDefaults } from "./guard.ts";
import type { Hold } from "./hold.ts";

/** A world in which metrics by namespace select so many pods of it. */
function viewOf(
  metrics: Readonly<Record<string, readonly string[]>>,
  podCounts: Readonly<Record<string, number>>,
  collections: readonly StoredCollection[] = [],
  previous: View["previous"] = [],
): View {
  const pods = Object.entries(podCounts).flatMap(([namespace, count], space) =>
    Array.from({ length: count }, (_, index) => podOf(`pod-${index}`, { namespace, ip: `10.0.${space}.${index}` }))
  );
  return {
    metrics: Object.entries(metrics).flatMap(([namespace, names]) =>
      names.map((name) => metricOf(name, {}, namespace))
    ),
    collectors: [],
    collections,
    sources: new Sources([{ ...emptySnapshot, pods }]),
    unreadable: [],
    synced: true,
    previous,
    generations: new Map(),
    reports: { statusOf: () => null, isAlive: () => false },
  };
}

/** The collections once the plan is carried out. */
function carriedOut(plan: Plan): StoredCollection[] {
  return plan.writes.map(({ path, text }) => {
    const read = readDocument(path, text, { frequencyMinSeconds: 60 });
    const document = read.ok && read.document.kind === "Collection" && isIntact(read.document) ? read.document : null;
    return { ...(keyOfPath(path) ?? assert.fail(path)), path, text, revision: `revision of ${path}`, document };
  });
}

function guarded(view: View, holds: readonly Hold[] = [], settings = guardDefaults) {
  const plan = reconcile(view, 0);
  const byScope = new Map(holds.map((hold) => [scopeOf(hold), hold]));
  return guard({ plan, view, holds: byScope, workloads: new Map() }, settings);
}

function stateOf(metrics: Readonly<Record<string, readonly string[]>>, pods: Readonly<Record<string, number>>) {
  return carriedOut(reconcile(viewOf(metrics, pods), 0));
}

const shop = { shop: ["cart"] };

test("removing more than the share of a namespace's targets, and no few, is held", () => {
  const check = (before: number, after: number, reason: string | undefined, share = 0.5) => {
    const view = viewOf(shop, { shop: after }, stateOf(shop, { shop: before }));
    const { plan, held } = guarded(view, [], { ...guardDefaults, share });
    assert.equal(held[0]?.reason, reason, `from ${before} to ${after}`);
    assert.equal(plan.writes.length, reason === undefined && before !== after ? 1 : 0);
    if (reason !== undefined) assert.equal(plan.namespaces[0]?.targets.length, before);
  };
  check(30, 14, "it removes 16 of 30 targets at once");
  check(30, 0, "it removes 30 of 30 targets at once");
  check(30, 15, undefined);
  check(30, 40, undefined);
  check(12, 3, undefined);
  check(10, 0, "it removes 10 of 10 targets at once");
  check(30, 0, undefined, 1);
  check(30, 19, "it removes 11 of 30 targets at once", 0.2);
});

test("targets that are replaced by others are not removed", () => {
  const collections = stateOf(shop, { shop: 30 });
  const view = { ...viewOf(shop, { shop: 30 }, collections), metrics: [metricOf("cart", { port: 9200 })] };
  const { plan, held } = guarded(view);
  assert.deepEqual(held, []);
  assert.equal(plan.writes.length, 1);
});

test("a namespace's last metric is held when more than one other vanishes with it, wherever", () => {
  const all = { shop: ["cart"], bank: ["money"], park: ["gate"] };
  const pods = { shop: 1, bank: 1, park: 1 };
  const collections = stateOf(all, pods);
  const one = guarded(viewOf({ bank: ["money"], park: ["gate"] }, pods, collections));
  assert.deepEqual([one.held, one.plan.removals.length, one.plan.workloads.length], [[], 1, 2]);
  const two = guarded(viewOf({ park: ["gate"] }, pods, collections));
  assert.deepEqual([two.held, two.plan.removals.length], [[], 2]);
  const three = guarded(viewOf({}, pods, collections));
  assert.deepEqual(three.held.map(({ namespace }) => namespace), ["bank", "park", "shop"]);
  assert.equal(three.held[0]?.reason, "the namespace's last metric is gone, with 2 others at once");
  assert.deepEqual([three.plan.removals, three.plan.writes], [[], []]);
  assert.deepEqual(three.plan.workloads.map(({ namespace, replicas }) => [namespace, replicas]), [
    ["bank", 1],
    ["park", 1],
    ["shop", 1],
  ]);
  assert.deepEqual(three.plan.namespaces.map(({ targets }) => targets.length), [1, 1, 1]);
});

test("metrics that vanish from a namespace which keeps one are not held", () => {
  const collections = stateOf({ shop: ["a", "b", "c", "d"] }, { shop: 1 });
  assert.deepEqual(guarded(viewOf({ shop: ["d"] }, { shop: 1 }, collections)).held, []);
  assert.equal(guarded(viewOf({}, { shop: 1 }, collections)).held.length, 1);
});

test("what is held leaves the other namespaces alone", () => {
  const both = { shop: ["cart"], bank: ["money"] };
  const collections = stateOf(both, { shop: 20, bank: 2 });
  const { plan, held } = guarded(viewOf(both, { shop: 1, bank: 3 }, collections));
  assert.equal(held.length, 1);
  assert.deepEqual(plan.writes.map(({ path }) => path), ["c1/collection/bank/bcs-collector-bank-0.yaml"]);
});

test("a confirmation is for exactly what was held", () => {
  const collections = stateOf(shop, { shop: 30 });
  const [held] = guarded(viewOf(shop, { shop: 10 }, collections)).held;
  assert.ok(held !== undefined);
  const confirmed = { ...held, confirmed: held.hash, confirmedBy: "ann" };
  const allowed = guarded(viewOf(shop, { shop: 10 }, collections), [confirmed]);
  assert.deepEqual([allowed.held.length, allowed.plan.writes.length], [0, 1]);
  const more = guarded(viewOf(shop, { shop: 9 }, collections), [confirmed]);
  assert.notEqual(more.held[0]?.hash, held.hash);
});

test("what is held is released when enough has come back", () => {
  const collections = stateOf(shop, { shop: 30 });
  const [held] = guarded(viewOf(shop, { shop: 0 }, collections)).held;
  assert.ok(held !== undefined);
  const hold = { ...held, confirmed: "", confirmedBy: "" };
  assert.equal(guarded(viewOf(shop, { shop: 14 }, collections), [hold]).held.length, 1);
  assert.equal(guarded(viewOf(shop, { shop: 15 }, collections), [hold]).held.length, 0);
});

test("of namespaces that vanished together each is confirmed by itself", () => {
  const all = { shop: ["cart"], bank: ["money"], park: ["gate"] };
  const pods = { shop: 1, bank: 1, park: 1 };
  const holds = guarded(viewOf({}, pods, stateOf(all, pods))).held.map((one) => ({
    ...one,
    confirmed: one.namespace === "shop" ? one.hash : "",
    confirmedBy: "",
  }));
  const confirmed = guarded(viewOf({}, pods, stateOf(all, pods)), holds);
  assert.deepEqual(confirmed.plan.removals.map(({ path }) => path), ["c1/collection/shop/bcs-collector-shop-0.yaml"]);
  const rest = { bank: ["money"], park: ["gate"] };
  const after = guarded(viewOf({}, pods, stateOf(rest, pods)), holds);
  assert.deepEqual(after.held.map(({ namespace }) => namespace), ["bank", "park"]);
});

test("when the collections are gone too, what was planned last tells what was there", () => {
  const previous = reconcile(viewOf(shop, { shop: 30 }), 0).namespaces;
  const { held, plan } = guarded(viewOf({}, {}, [], previous));
  assert.equal(held[0]?.targetsBefore, 30);
  assert.equal(plan.namespaces[0]?.targets.length, 30);
});

test("a target that is in two collections while it moves counts once, and stays once in what is held", () => {
  const collections = stateOf(shop, { shop: 30 });
  const [file] = collections;
  assert.ok(file?.document);
  const name = "bcs-collector-shop-1";
  const path = file.path.replace("shop-0", "shop-1");
  const both = [file, { ...file, name, path }];
  const { held: [held], plan } = guarded(viewOf(shop, { shop: 14 }, both));
  assert.equal(held?.reason, "it removes 16 of 30 targets at once");
  assert.deepEqual([held.targetsBefore, plan.namespaces[0]?.targets.length], [30, 30]);
  assert.deepEqual(guarded(viewOf(shop, { shop: 15 }, both)).held, []);
});
