import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { KeptWorkloads } from "./testing/kept_workloads.ts";

const path = "c1/shop/shop-own";
const settledMs = 2000;

let kept: KeptWorkloads;
beforeEach(() => {
  kept = new KeptWorkloads();
});
afterEach(() => kept.close());

function real() {
  return kept.orchestrator.real.get(path) ?? assert.fail("there is no workload");
}

async function made(spec: Record<string, unknown> = {}): Promise<void> {
  kept.declare("shop", spec);
  await kept.advance(settledMs);
  assert.deepEqual([kept.row(path)?.state, real().starts], ["ok", 1]);
}

test("a workload is made once, and not touched again", async () => {
  await made();
  const { applies } = kept.orchestrator;
  await kept.advance(120_000, 1000);
  assert.deepEqual([applies, kept.orchestrator.applies], [1, 1]);
});

test("a wish that changes is applied; a number of replicas alone starts nobody anew", async () => {
  await made();
  kept.declare("shop", { replicas: 3 });
  await kept.advance(settledMs);
  assert.deepEqual([real().replicas, real().starts], [3, 1]);
  kept.declare("shop", { replicas: 3, env: { A: "1" } });
  await kept.advance(settledMs);
  assert.equal(real().starts, 2);
});

test("with its last metric the workload goes, and what others made stays", async () => {
  await made();
  const key = { clusterId: "c1", namespace: "bank", name: "theirs" };
  kept.orchestrator.createByHand(key, 1);
  kept.forget("shop");
  await kept.advance(settledMs);
  assert.deepEqual([...kept.orchestrator.real.keys()], ["c1/bank/theirs"]);
  assert.equal(kept.row("c1/bank/theirs")?.state, "stray");
  // What was begun before might still have shown up for a while.
  assert.equal(kept.records.byScope().size, 1);
  await kept.advance(120_000, 1000);
  kept.reconcileSoon();
  await kept.advance(settledMs);
  assert.equal(kept.records.byScope().size, 0);
});

test("what another installation has made is not removed", async () => {
  await made();
  kept.orchestrator.changeByHand(path, { namespace: "other" });
  kept.orchestrator.real.set("c1/other/shop-own", { ...real(), namespace: "other" });
  await kept.advance(settledMs);
  assert.ok(kept.orchestrator.real.has("c1/other/shop-own"));
});

test("changes by hand are repaired, or accepted, as the policy says", async () => {
  const edits = [{ field: "image", applied: "a", found: "b" }];
  await made();
  kept.orchestrator.changeByHand(path, { replicas: 5 });
  await kept.advance(settledMs);
  assert.deepEqual([real().replicas, kept.row(path)?.state], [2, "ok"]);
  kept.orchestrator.changeByHand(path, { drift: edits });
  await kept.advance(5000);
  assert.deepEqual(real().drift, []);

  kept.declare("shop", { drift: "accept" });
  await kept.advance(settledMs);
  kept.orchestrator.changeByHand(path, { drift: edits, replicas: 5 });
  await kept.advance(settledMs);
  assert.deepEqual([real().replicas, real().drift], [5, edits]);
  const row = kept.row(path);
  assert.deepEqual([row?.state, row?.replicasWished, row?.replicasApplied], ["drifted", 5, 2]);
  assert.deepEqual(row?.drift.map(({ field }) => field), ["replicas", "image"]);
});

test("an accepted number outlives another change and a restart, until the documents say another one", async () => {
  await made({ drift: "accept" });
  kept.orchestrator.changeByHand(path, { replicas: 4 });
  await kept.advance(settledMs);
  kept.declare("shop", { drift: "accept", env: { A: "1" } });
  await kept.advance(settledMs);
  assert.deepEqual([real().replicas, real().replicasApplied, real().starts], [4, 4, 2]);
  kept.keeper.serve(null);
  kept.keeper.serve(kept.orchestrator);
  kept.reconcileSoon();
  await kept.advance(settledMs);
  assert.equal(real().replicas, 4);
  kept.orchestrator.changeByHand(path, { replicas: 3 });
  await kept.advance(settledMs);
  assert.equal(kept.row(path)?.replicasWished, 3);
  kept.declare("shop", { drift: "accept", replicas: 6 });
  await kept.advance(settledMs);
  assert.equal(real().replicas, 6);
});

test("an approved number counts over one that was accepted before, also one that the documents said all along", async () => {
  await made({ drift: "accept" });
  kept.orchestrator.changeByHand(path, { replicas: 3 });
  await kept.advance(settledMs);
  assert.equal(kept.row(path)?.replicasWished, 3);
  for (const [approval, replicas] of [["plan-1", 2], ["plan-2", 4], ["plan-3", 3]] as const) {
    kept.approve("shop", replicas, approval);
    await kept.advance(settledMs);
    assert.deepEqual([real().replicas, kept.row(path)?.replicasWished, kept.row(path)?.state], [
      replicas,
      replicas,
      "ok",
    ]);
    kept.orchestrator.changeByHand(path, { replicas: 6 });
    await kept.advance(settledMs);
    assert.deepEqual([real().replicas, kept.row(path)?.state], [6, "drifted"], "what is set by hand later is accepted");
  }
});

test("a workload that is deleted by hand is made again under either policy", async () => {
  for (const drift of ["repair", "accept"]) {
    kept.declare("shop", { drift });
    await kept.advance(settledMs);
    kept.orchestrator.changeByHand(path, { replicas: 7 });
    kept.orchestrator.removeByHand(path);
    await kept.advance(settledMs);
    assert.equal(real().replicas, 2);
  }
});

test("a workload that others made is adopted with its replicas, its image and its resources", async () => {
  kept.settings = { ...kept.settings, image: "ours:1" };
  const key = { clusterId: "c1", namespace: "shop", name: "bcs-collector-shop" };
  kept.orchestrator.createByHand(key, 3);
  kept.declareMetricOnly("shop");
  await kept.advance(settledMs);
  const row = kept.row("c1/shop/bcs-collector-shop");
  assert.deepEqual([row?.state, row?.adopted, row?.replicasFound, row?.image], ["ok", true, 3, ""]);
  kept.declareMetricOnly("bank");
  await kept.advance(settledMs);
  assert.equal(kept.row("c1/bank/bcs-collector-bank")?.image, "ours:1");
});

test("while the workloads cannot be listed nothing is removed, and new wishes are tried", async () => {
  await made();
  kept.orchestrator.refused.set("", "unavailable");
  kept.forget("shop");
  await kept.advance(10_000);
  assert.equal(kept.orchestrator.deletes, 0);
  kept.declare("shop", { env: { A: "1" } });
  await kept.advance(5000);
  assert.equal(real().starts, 2);
  assert.match(kept.row(path)?.problem ?? "", /^it cannot be looked at: /);
  assert.ok(kept.orchestrator.lists < 25, `${kept.orchestrator.lists} listings`);
  kept.orchestrator.refused.clear();
  await kept.advance(60_000, 500);
  assert.equal(kept.row(path)?.state, "ok");
});

test("a cluster that cannot be listed holds up no other, and what is there stays", async () => {
  await made();
  kept.orchestrator.createByHand({ clusterId: "c2", namespace: "bank", name: "theirs" }, 1);
  await kept.advance(settledMs);
  kept.orchestrator.unlisted.add("c2");
  kept.orchestrator.changeByHand(path, { replicas: 9 });
  await kept.advance(settledMs);
  assert.deepEqual([real().replicas, kept.row(path)?.state], [2, "ok"]);
  const away = kept.row("c2/bank/theirs");
  assert.deepEqual([away?.state, away?.problem], ["unknown", "it cannot be looked at: no way to c2"]);

  kept.orchestrator.unlisted.clear();
  kept.orchestrator.unlisted.add("c1");
  kept.forget("shop");
  await kept.advance(10_000);
  assert.deepEqual([kept.orchestrator.deletes, kept.row(path)?.state], [0, "unknown"]);
  kept.orchestrator.unlisted.clear();
  await kept.advance(60_000, 500);
  assert.deepEqual([...kept.orchestrator.real.keys()], ["c2/bank/theirs"]);
});

test("what is in a cluster that could not be listed yet is neither made nor taken over before it can", async () => {
  kept.orchestrator.createByHand({ clusterId: "c1", namespace: "shop", name: "shop-own" }, 3);
  kept.orchestrator.unlisted.add("c1");
  kept.declare("shop");
  await kept.advance(10_000);
  assert.deepEqual([kept.orchestrator.applies, kept.row(path)?.state], [0, "unknown"]);
  kept.orchestrator.unlisted.clear();
  await kept.advance(60_000, 500);
  assert.deepEqual([kept.row(path)?.state, kept.row(path)?.adopted], ["ok", true]);
});

test("one that is refused is tried again later each time, and holds up no other", async () => {
  kept.orchestrator.refused.set(path, "invalid");
  kept.declare("shop");
  kept.declare("bank");
  await kept.advance(settledMs);
  assert.equal(kept.row("c1/bank/bank-own")?.state, "ok");
  const row = kept.row(path);
  assert.deepEqual([row?.state, row?.problem, row?.attempts], ["failed", `no ${path}`, 1]);
  assert.ok((row?.nextTryMs ?? 0) > kept.clock.wallMs() + 5000);
  await kept.advance(120_000, 500);
  assert.ok(kept.failures >= 3 && kept.failures <= 5, `${kept.failures} attempts`);
  // Who mends the wish does not wait.
  kept.orchestrator.refused.clear();
  kept.declare("shop", { image: "good:1" });
  await kept.advance(settledMs);
  assert.equal(kept.row(path)?.state, "ok");
});

test("somebody who undoes every repair is not fought without end", async () => {
  await made();
  const undo = kept.orchestrator.watch(() => {
    if (kept.orchestrator.real.get(path)?.replicas === 2) kept.orchestrator.changeByHand(path, { replicas: 9 });
  });
  const before = kept.orchestrator.applies;
  kept.orchestrator.changeByHand(path, { replicas: 9 });
  await kept.advance(300_000, 100);
  undo.close();
  const repairs = kept.orchestrator.applies - before;
  assert.ok(repairs >= 5 && repairs <= 20, `${repairs} repairs`);
});

test("while templates cannot be read workloads stay as they are, and none is made", async () => {
  await made();
  kept.settings = { ...kept.settings, templates: null, templateProblem: "t.yaml:1:1: no" };
  kept.declare("shop", { env: { A: "1" } });
  kept.declare("bank");
  await kept.advance(settledMs);
  assert.deepEqual([real().starts, kept.row(path)?.state, kept.orchestrator.real.size], [1, "held", 1]);
  assert.match(kept.row(path)?.problem ?? "", /t\.yaml:1:1: no/);
});

test("who leads no more changes nothing", async () => {
  kept.mayAct = false;
  kept.declare("shop");
  await kept.advance(60_000, 500);
  assert.equal(kept.orchestrator.applies, 0);
});

test("after the close nothing is done", async () => {
  await made();
  await kept.close();
  kept.declare("shop", { env: { A: "1" } });
  await kept.advance(settledMs);
  assert.equal(real().starts, 1);
});
