/** What becomes of collections and workload, step by step, while collectors come and go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot } from "../discovery/discovery.ts";
import { Sources } from "../targets/sources.ts";
import { addressesOf, carriedOut, documentOf } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { handoverTimingDefault } from "./handover.ts";
import { leavingPatienceMs, startGraceMs } from "./peers.ts";
import { reconcile } from "./reconcile.ts";
import type { NamespacePlan, Plan, StoredCollection } from "./view.ts";

const startMs = 1_800_000_000_000;
/** The metric's timeout and two seconds. */
const lingerMs = 12_000;

/** A namespace with four targets whose collectors live, die and confirm as the test says. */
class Namespace {
  nowMs = startMs;
  replicas = 2;
  /** Name of the Collector document. */
  workload = "w";
  readonly alive = new Set<string>();
  readonly confirmed = new Map<string, number>();
  files: StoredCollection[] = [];
  #previous: readonly NamespacePlan[] = [];

  reconcile(): Plan {
    const pods = [1, 2, 3, 4].map((index) => podOf(`pod-${index}`, { ip: `10.0.0.${index}` }));
    const plan = reconcile({
      metrics: [metricOf("cart")],
      collectors: [collectorOf(this.workload, this.replicas)],
      collections: this.files,
      sources: new Sources([{ ...emptySnapshot, pods }]),
      unreadable: [],
      synced: true,
      previous: this.#previous,
      generations: new Map(),
      reports: {
        isAlive: (_cluster, _namespace, name) => this.alive.has(name),
        statusOf: (_cluster, _namespace, collector) => {
          const generation = this.confirmed.get(collector);
          return generation === undefined ? null : { collector, generation, reportedAtMs: 0, targets: [] };
        },
      },
    }, this.nowMs);
    this.#previous = plan.namespaces;
    this.files = carriedOut(plan, this.files);
    return plan;
  }

  /** What becomes of everything when nothing changes for so long, and only these confirm. */
  pass(forMs: number, ...names: readonly string[]): Plan {
    const endMs = this.nowMs + forMs;
    let plan = this.reconcile();
    while (this.nowMs < endMs) {
      this.confirm(...names);
      this.nowMs = Math.min(endMs, this.nowMs + 1000);
      plan = this.reconcile();
    }
    return plan;
  }

  /** These are alive and have what is stored in force. */
  confirm(...names: readonly string[]): void {
    for (const file of this.files.filter(({ name }) => names.includes(name))) {
      this.alive.add(file.name);
      this.confirmed.set(file.name, documentOf(file).spec.generation);
    }
  }

  shares(): string {
    return Object.entries(addressesOf(this.files)).map(([name, own]) => `${name}:${own.length}`).join(" ");
  }

  get isBounded(): boolean {
    return this.files.some(({ text }) => /fromMs|untilMs/.test(text));
  }
}

/** Two collectors, two targets each. */
function running(): Namespace {
  const namespace = new Namespace();
  namespace.reconcile();
  namespace.confirm("w-0", "w-1");
  assert.equal(namespace.reconcile().writes.length, 0);
  return namespace;
}

test("a new collector gets targets when it has confirmed, at a moment that both know, and nothing is left of it after", () => {
  const namespace = running();
  namespace.replicas = 4;
  namespace.reconcile();
  assert.equal(namespace.shares(), "w-0:2 w-1:2 w-2:0 w-3:0");
  namespace.confirm("w-2");
  const begun = namespace.reconcile();
  const atMs = startMs + handoverTimingDefault.delayMs;
  assert.equal(namespace.shares(), "w-0:2 w-1:2 w-2:1 w-3:0");
  assert.ok(namespace.files[2]?.text.includes(`"fromMs":${atMs}`));
  assert.equal(begun.nextLookMs, atMs - handoverTimingDefault.decideMs);
  namespace.confirm("w-0", "w-1", "w-2");
  namespace.nowMs = atMs + lingerMs;
  namespace.reconcile();
  assert.equal(namespace.shares().includes("w-2:1"), true);
  assert.equal(namespace.isBounded, false);
});

test("a target stays with its owner when the new one does not confirm", () => {
  const namespace = running();
  namespace.replicas = 4;
  namespace.reconcile();
  namespace.confirm("w-2");
  const { nextLookMs } = namespace.reconcile();
  namespace.confirm("w-0", "w-1");
  namespace.nowMs = nextLookMs;
  namespace.reconcile();
  assert.equal(namespace.shares(), "w-0:2 w-1:2 w-2:0 w-3:0");
  assert.equal(namespace.isBounded, false);
});

test("a collector that is scaled away runs until it has handed over what it has", () => {
  const namespace = running();
  namespace.replicas = 1;
  assert.equal(namespace.reconcile().workloads[0]?.replicas, 2);
  namespace.confirm("w-0", "w-1");
  namespace.nowMs += handoverTimingDefault.delayMs;
  assert.equal(namespace.reconcile().workloads[0]?.replicas, 2);
  namespace.nowMs += lingerMs;
  const plan = namespace.reconcile();
  assert.equal(plan.workloads[0]?.replicas, 1);
  assert.equal(namespace.shares(), "w-0:4");
});

test("a dead collector's targets move at once, and come back when it does", () => {
  const namespace = running();
  namespace.alive.delete("w-1");
  namespace.reconcile();
  assert.equal(namespace.shares(), "w-0:4 w-1:0");
  assert.equal(namespace.isBounded, false);
  namespace.confirm("w-0", "w-1");
  namespace.reconcile();
  assert.equal(namespace.isBounded, true);
});

test("a collector that never started is waited for, for a while", () => {
  const namespace = new Namespace();
  namespace.reconcile();
  namespace.confirm("w-0");
  const { nextLookMs } = namespace.reconcile();
  assert.equal(namespace.shares(), "w-0:2 w-1:2");
  assert.equal(nextLookMs, startMs + startGraceMs);
  namespace.nowMs = nextLookMs;
  namespace.reconcile();
  assert.equal(namespace.shares(), "w-0:4 w-1:0");
});

test("a collector that is to go and never confirms is given up in time, and its targets move as a dead one's do", () => {
  const namespace = running();
  namespace.replicas = 1;
  // What it confirmed last is not what it is told now.
  namespace.confirmed.set("w-1", 0);
  const waiting = namespace.pass(leavingPatienceMs - 2000, "w-0");
  assert.deepEqual([waiting.workloads[0]?.replicas, namespace.shares()], [2, "w-0:2 w-1:2"]);
  assert.ok(waiting.nextLookMs <= startMs + leavingPatienceMs);
  const plan = namespace.pass(2000, "w-0");
  assert.equal(plan.workloads[0]?.replicas, 1);
  assert.deepEqual([namespace.shares(), namespace.isBounded], ["w-0:4", false]);
});

test("who is given up is told once", () => {
  const namespace = running();
  namespace.replicas = 1;
  namespace.confirmed.set("w-1", 0);
  namespace.pass(leavingPatienceMs - 1000, "w-0");
  const told: string[] = [];
  for (let turn = 0; turn < 5; turn++) told.push(...namespace.pass(1000, "w-0").namespaces[0]?.givenUp ?? []);
  assert.deepEqual(told, ["w-1"]);
});

test("a collector that is to go does not wait for ever for a taker that does not confirm", () => {
  const namespace = running();
  namespace.replicas = 3;
  namespace.pass(60_000, "w-0", "w-1", "w-2");
  namespace.replicas = 2;
  namespace.confirmed.set("w-1", 0);
  const plan = namespace.pass(leavingPatienceMs + 60_000, "w-0", "w-2");
  assert.equal(plan.workloads[0]?.replicas, 2);
  assert.equal(namespace.files.length, 2);
});

test("a collector document of another name takes the targets over by handover, and the old collectors go last", () => {
  const namespace = running();
  namespace.workload = "v";
  const plan = namespace.reconcile();
  assert.deepEqual(plan.workloads.map(({ name, replicas }) => [name, replicas]), [["v", 2], ["w", 2]]);
  assert.equal(plan.workloads[1]?.env["MetricApplicationName"], "w");
  assert.deepEqual([plan.removals, namespace.shares()], [[], "v-0:0 v-1:0 w-0:2 w-1:2"]);
  namespace.confirm("v-0", "v-1", "w-0", "w-1");
  namespace.reconcile();
  assert.deepEqual([namespace.isBounded, namespace.shares()], [true, "v-0:2 v-1:2 w-0:2 w-1:2"]);
  const done = namespace.pass(handoverTimingDefault.delayMs + lingerMs, "v-0", "v-1", "w-0", "w-1");
  assert.deepEqual(done.workloads.map(({ name, replicas }) => [name, replicas]), [["v", 2]]);
  assert.deepEqual([namespace.isBounded, namespace.shares()], [false, "v-0:2 v-1:2"]);
});

test("a collector document of another name takes over at once what dead collectors had", () => {
  const namespace = running();
  namespace.alive.clear();
  namespace.workload = "v";
  const plan = namespace.reconcile();
  assert.deepEqual(plan.workloads.map(({ name, replicas }) => [name, replicas]), [["v", 2]]);
  assert.equal(namespace.shares(), "v-0:2 v-1:2");
});

test("a collection of a backup that was put back gets a generation above the one that its collector has", () => {
  const namespace = running();
  const backup = namespace.files;
  namespace.replicas = 3;
  namespace.pass(60_000, "w-0", "w-1", "w-2");
  const newest = Math.max(...["w-0", "w-1"].map((name) => namespace.confirmed.get(name) ?? 0));
  assert.ok(newest > documentOf(backup[0]).spec.generation);
  namespace.replicas = 2;
  namespace.files = backup;
  namespace.reconcile();
  const generations = namespace.files.map((file) => documentOf(file).spec.generation);
  assert.equal(Math.max(...generations), newest + 1);
  for (const [index, name] of ["w-0", "w-1"].entries()) {
    assert.ok((generations[index] ?? 0) >= (namespace.confirmed.get(name) ?? Infinity), name);
  }
  assert.equal(namespace.shares(), "w-0:2 w-1:2");
  namespace.confirm("w-0", "w-1");
  assert.equal(namespace.reconcile().writes.length, 0);
});

test("a namespace that is built anew gets generations above those that its collectors have, when they tell", () => {
  const rebuilt = new Namespace();
  rebuilt.reconcile();
  rebuilt.alive.add("w-0").add("w-1");
  rebuilt.confirmed.set("w-0", 7).set("w-1", 9);
  rebuilt.reconcile();
  assert.deepEqual(rebuilt.files.map((file) => documentOf(file).spec.generation), [10, 10]);
  rebuilt.confirm("w-0", "w-1");
  assert.equal(rebuilt.reconcile().writes.length, 0);
});
