import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { MemoryStore } from "../../../core/store/memory_store.ts";
import { approvalOf, testLinks, testNowMs } from "../testing/plans.ts";
import { approvalPath, type ApprovalState, approvalStates, readApproval, writeApproval } from "./approval.ts";
import { Approvals } from "./approvals.ts";
import { Decider } from "./decider.ts";
import { linkKeyPath, storedLinkKey } from "./link_key.ts";
import { outcomeOf, transition } from "./transitions.ts";

const deed = { by: "ann", how: "api" as const, from: "", detail: "", epoch: 0 };
const clock = { wallMs: () => testNowMs + 1000 };

test("an approval is read back from the store as it was, and nothing else is one", () => {
  const approval = approvalOf();
  const path = approvalPath(approval.id);
  assert.deepEqual(readApproval(path, writeApproval(approval)), approval);
  assert.equal(readApproval(approvalPath("other"), writeApproval(approval)), null);
  for (const text of ["", "{", "{}", JSON.stringify({ ...approval, state: "lost" })]) {
    assert.equal(readApproval(path, text), null, text);
  }
});

test("only the transitions that there are happen, each with a line of the trail", () => {
  const allowed = new Set([
    "proposed approved",
    "proposed rejected",
    "proposed expired",
    "proposed void",
    "approved void",
    "approved executing",
    "executing void",
    "executing done",
    "executing failed",
  ]);
  for (const from of approvalStates) {
    for (const to of approvalStates) {
      const outcome = transition(approvalOf({ state: from }), to, deed, testNowMs + 5);
      assert.equal(outcome.ok, allowed.has(`${from} ${to}`), `${from} ${to}`);
      if (!outcome.ok) continue;
      assert.equal(outcome.approval.trail.length, 2);
      assert.deepEqual(outcome.approval.trail[1], { ...deed, state: to, atMs: testNowMs + 5 });
    }
  }
});

test("what has expired cannot be decided, and what people say of themselves is cut", () => {
  const late = transition(approvalOf(), "approved", deed, testNowMs + 3_600_000);
  assert.deepEqual([late.ok, late.ok ? "" : late.reason], [false, "it expired at 2023-11-14T23:13:20.000Z"]);
  assert.equal(transition(approvalOf(), "expired", deed, testNowMs + 3_600_000).ok, true);
  const long = transition(approvalOf(), "approved", { ...deed, by: "x".repeat(9999) }, testNowMs);
  assert.equal(long.ok && long.approval.trail[1]?.by.length, 500);
});

test("of two decisions at two services the first one counts, and the other one is told so", async () => {
  const store = new MemoryStore();
  const services = [new Approvals(store), new Approvals(store)];
  for (const service of services) await store.watch("", (event) => void service.apply(event));
  await services[0]?.add(approvalOf());
  const { id, hash } = approvalOf();
  const outcomes = await Promise.all(
    services.flatMap((approvals) =>
      (["approve", "reject"] as const).map((action) =>
        new Decider(approvals, clock).decide(id, action, hash, { by: action, how: "link", from: "" })
      )
    ),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  const last = services[1]?.find(id) ?? assert.fail();
  assert.equal(last.trail.length, 2);
  for (const outcome of outcomes) {
    if (!outcome.ok) assert.match(outcome.reason, new RegExp(`^it is ${last.state} since`));
  }
  assert.match(outcomeOf(last), /^it is (approved|rejected) since .*, by (approve|reject)$/);
});

test("a decision is about the plan with this hash and about no other", async () => {
  const approvals = new Approvals(new MemoryStore());
  await approvals.add(approvalOf());
  const decide = (id: string, hash: string) =>
    new Decider(approvals, clock).decide(id, "approve", hash, { by: "ann", how: "api", from: "" });
  assert.deepEqual(await decide("plan-1", "other"), {
    ok: false,
    reason: "it is another plan than the one that was shown",
  });
  assert.deepEqual(await decide("plan-2", "other"), { ok: false, reason: "it is not there any more" });
  assert.equal((await decide("plan-1", approvalOf().hash)).ok, true);
});

test("a word of the store that comes late does not bring back what was before", async () => {
  const store = new MemoryStore();
  const approvals = new Approvals(store);
  const heard: ApprovalState[] = [];
  approvals.onChange(({ state }) => void heard.push(state));
  await approvals.add(approvalOf());
  const stale = await store.get(approvalPath("plan-1")) ?? assert.fail();
  await approvals.change("plan-1", (present) => transition(present, "approved", deed, testNowMs));
  assert.equal(approvals.apply({ type: "put", entry: stale }), false);
  assert.deepEqual([approvals.find("plan-1")?.state, heard], ["approved", ["proposed", "approved"]]);
});

test("links are good for one plan, one decision and one expiry, and for nothing that was changed", () => {
  const approval = approvalOf();
  const link = new URL(testLinks.make("approve", approval));
  assert.equal(link.pathname, "/approvals/plan-1/approve");
  const [expires = "", signature = ""] = [link.searchParams.get("expires"), link.searchParams.get("signature")].map((
    one,
  ) => one ?? "");
  assert.equal(testLinks.isGood("approve", approval, expires, signature), true);
  assert.equal(testLinks.isGood("reject", approval, expires, signature), false);
  assert.equal(testLinks.isGood("approve", approval, String(Number(expires) + 1), signature), false);
  assert.equal(testLinks.isGood("approve", approval, expires, `${signature}x`), false);
  assert.equal(testLinks.isGood("approve", approval, expires, ""), false);
  for (const other of [{ id: "plan-2" }, { hash: "x" }, { nonce: "n2" }, { expiresAtMs: 1 }]) {
    assert.equal(testLinks.isGood("approve", approvalOf(other), expires, signature), false, JSON.stringify(other));
  }
});

test("services that begin together come to one key, which shows itself nowhere", async () => {
  const store = new MemoryStore();
  const keys = await Promise.all([1, 2, 3].map((seed) => storedLinkKey(store, seededRandom(seed))));
  assert.equal(new Set(keys.map((key) => key.reveal())).size, 1);
  assert.equal((await storedLinkKey(store, seededRandom(9))).reveal(), keys[0]?.reveal());
  assert.ok(!JSON.stringify(keys).includes(keys[0]?.reveal() ?? ""));
  await store.put(linkKeyPath, "{}");
  await assert.rejects(storedLinkKey(store, seededRandom(1)), /remove the entry/);
});
