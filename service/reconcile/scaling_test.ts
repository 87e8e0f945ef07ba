/** What becomes of collections and workload, step by step, while collectors come and go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot } from "../discovery/discovery.ts";
import { Sources } from "../targets/sources.ts";
import { addressesOf, carriedOut, documentOf } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { handoverTimingDefault } from "./handover.ts";
import { startGraceMs } from "./peers.ts";
import { reconcile } from "./reconcile.ts";
import type { NamespacePlan, Plan, StoredCollection } from "./view.ts";

const startMs = 1_800_000_000_000;
/** The metric's timeout and two seconds. */
const lingerMs = 12_000;

/** A namespace with four targets whose collectors live, die and confirm as the test says. */
class Namespace {
  nowMs = startMs;
  replicas = 2;
  readonly alive = new Set<string>();
  readonly confirmed = new Map<string, number>();
  files: StoredCollection[] = [];
  #previous: readonly NamespacePlan[] = [];

  reconcile(): Plan {
    const pods = [1, 2, 3, 4].map((index) => podOf(`pod-${index}`, { ip: `10.0.0.${index}` }));
    const plan = reconcile({
      metrics: [metricOf("cart")],
      collectors: [collectorOf("w", this.replicas)],
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
