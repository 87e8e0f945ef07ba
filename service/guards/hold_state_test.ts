import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "../../core/store/memory_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { authenticate } from "../api/authenticate.ts";
import type { HeldChange } from "./hold.ts";
import { HoldState } from "./hold_state.ts";
import { forgetHolds, tellHolds } from "./keep_holds.ts";
import { guardRoutes } from "./routes.ts";

const change: HeldChange = {
  clusterId: "c1",
  namespace: "shop",
  reason: "it removes 30 of 30 targets at once",
  targetsBefore: 30,
  targetsAfter: 0,
  metricsGone: ["cart"],
  hash: "abc",
};

async function follow(store: MemoryStore): Promise<HoldState> {
  const holds = new HoldState(store);
  await store.watch("", (event) => void holds.apply(event));
  return holds;
}

function keeping(holds: HoldState, mayAct = true) {
  return { holds, log: makeLogger("test", "silent"), mayAct: () => mayAct };
}

test("a held change is forgotten when it is discarded, with its confirmation", async () => {
  const store = new MemoryStore();
  const holds = await follow(store);
  await tellHolds([change], keeping(holds));
  assert.equal(await holds.confirm(change, "abc", "ann"), "confirmed");
  assert.equal(await holds.discard(change, "abd"), "other-hash");
  assert.equal(await holds.discard({ ...change, namespace: "bank" }, "abc"), "nothing-held");
  assert.equal(await holds.discard(change, "abc"), "discarded");
  assert.deepEqual(holds.all(), []);
  assert.equal(await tellHolds([change], keeping(holds)), 0);
  assert.deepEqual(holds.all(), [{ ...change, confirmed: "", confirmedBy: "" }], "it is held again while it is wanted");
});

test("what the leader holds is shown, and can be confirmed, by every service", async () => {
  const store = new MemoryStore();
  const [leader, other] = [await follow(store), await follow(store)];
  assert.equal(await tellHolds([change], keeping(leader)), 0);
  assert.deepEqual(other.all(), [{ ...change, confirmed: "", confirmedBy: "" }]);
  assert.equal(await other.confirm(change, "abd", "ann"), "other-hash");
  assert.equal(await other.confirm({ ...change, namespace: "bank" }, "abc", "ann"), "nothing-held");
  assert.equal(await other.confirm(change, "abc", "ann"), "confirmed");
  assert.equal(leader.byScope().get("c1/shop")?.confirmed, "abc");
  assert.equal(await tellHolds([change], keeping(leader)), 0);
  assert.equal(other.all()[0]?.confirmed, "abc", "telling it again takes no confirmation back");
  assert.equal(await tellHolds([{ ...change, hash: "abd" }], keeping(leader)), 0);
  assert.deepEqual([other.all()[0]?.hash, other.all()[0]?.confirmed], ["abd", ""], "it was for something else");
  assert.equal(await forgetHolds([], keeping(leader, false)), 0);
  assert.equal(other.all().length, 1, "who does not lead changes nothing");
  assert.equal(await forgetHolds([], keeping(leader)), 0);
  assert.deepEqual(other.all(), []);
});

test("an entry that is no hold, or another namespace's, holds nothing", async () => {
  const store = new MemoryStore();
  const holds = await follow(store);
  store.putElsewhere(".bcs-metric/guards/c1/shop.json", "{");
  store.putElsewhere(".bcs-metric/guards/c1/bank.json", JSON.stringify({ ...change, confirmed: "", confirmedBy: "" }));
  assert.deepEqual(holds.all(), []);
});

test("a change is confirmed over HTTP by the hash that was shown, and by nothing else", async () => {
  const store = new MemoryStore();
  const holds = await follow(store);
  await tellHolds([change], keeping(holds));
  const app = new Hono().use(authenticate(null)).route("/", guardRoutes(holds));
  const shown = await app.request("http://127.0.0.1/v1/guards");
  assert.equal((await shown.json() as { guards: HeldChange[] }).guards[0]?.hash, "abc");
  const confirm = async (place: string, body: string) => {
    const answer = await app.request(`http://127.0.0.1/v1/guards/${place}/confirm`, { method: "POST", body });
    return answer.status;
  };
  assert.equal(await confirm("c1/shop", "{"), 400);
  assert.equal(await confirm("c1/shop", JSON.stringify({ hash: "abc", more: 1 })), 400);
  assert.equal(await confirm("c1/shop", JSON.stringify({ hash: "a".repeat(2000) })), 413);
  assert.equal(await confirm("c1/bank", JSON.stringify({ hash: "abc" })), 404);
  assert.equal(await confirm("c1/shop", JSON.stringify({ hash: "abd" })), 409);
  assert.equal(holds.all()[0]?.confirmed, "");
  assert.equal(await confirm("c1/shop", JSON.stringify({ hash: "abc" })), 202);
  assert.deepEqual([holds.all()[0]?.confirmed, holds.all()[0]?.confirmedBy], ["abc", "local"]);
});
