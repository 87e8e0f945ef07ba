import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim } from "./claim.ts";
import { type LeaseEvent, type LeaseState, makeLeaseState, mayAct, nextWakeMs, step } from "./leader_lease.ts";

const leaseMs = 1000;

function at(ms: number) {
  return { monotonicMs: ms, wallMs: ms };
}

function claimOf(over: Partial<Claim> = {}): Claim {
  return { epoch: 1, holder: "other", instance: "o", process: "", leaseMs, renewals: 0, released: false, ...over };
}

function typesOf(state: LeaseState, event: LeaseEvent, nowMs: number): string[] {
  return step(state, event, at(nowMs)).map(({ type }) => type);
}

function read(claim: Claim | null, nowMs: number): LeaseEvent {
  return { type: "read", claim, startedAt: at(nowMs) };
}

function fresh(): LeaseState {
  return makeLeaseState({ holder: "self", instance: "s", leaseMs });
}

const own = claimOf({ holder: "self", instance: "s" });

/** One that leads with epoch 1 since 0 ms. */
function leader(): LeaseState {
  const state = fresh();
  assert.deepEqual(typesOf(state, { type: "wake" }, 0), ["read"]);
  assert.deepEqual(typesOf(state, read(null, 0), 0), ["claim"]);
  assert.deepEqual(typesOf(state, { type: "claimed", claim: own, won: true, startedAt: at(0) }, 0), ["lead"]);
  return state;
}

test("where nobody has ever led it leads at once, and renews after a third of the lease", () => {
  const state = leader();
  assert.equal(mayAct(state, at(700)), true);
  assert.deepEqual(typesOf(state, { type: "wake" }, 333), []);
  assert.deepEqual(step(state, { type: "wake" }, at(334)), [{ type: "renew", claim: { ...own, renewals: 1 } }]);
});

test("it stops acting before others may claim, without being woken", () => {
  const state = leader();
  assert.equal(mayAct(state, at(799)), true);
  assert.equal(mayAct(state, at(800)), false);
  assert.equal(nextWakeMs(state), leaseMs / 3);
  assert.deepEqual(typesOf(state, { type: "wake" }, 800), ["lapse", "read"]);
});

test("a renewal counts from its beginning, and one that comes too late does not count", () => {
  const slow = leader();
  typesOf(slow, { type: "wake" }, 400);
  assert.deepEqual(typesOf(slow, { type: "renewed", held: true, startedAt: at(400) }, 790), ["renew"]);
  assert.equal(mayAct(slow, at(1199)), true);
  assert.equal(mayAct(slow, at(1200)), false);
  const late = leader();
  typesOf(late, { type: "wake" }, 400);
  assert.deepEqual(typesOf(late, { type: "renewed", held: true, startedAt: at(400) }, 801), ["lapse", "read"]);
  assert.equal(mayAct(late, at(801)), false);
});

test("who lapsed claims the next epoch at once when nobody else has, and else gives way", () => {
  const state = leader();
  typesOf(state, { type: "wake" }, 800);
  const [claim] = step(state, read(own, 810), at(810));
  assert.deepEqual([claim?.type, claim?.type === "claim" && claim.claim.epoch], ["claim", 2]);
  const outdone = leader();
  typesOf(outdone, { type: "wake" }, 800);
  assert.deepEqual(typesOf(outdone, read(claimOf({ epoch: 2 }), 810), 810), ["superseded"]);
  const unnamed = leader();
  typesOf(unnamed, { type: "wake" }, 800);
  assert.deepEqual(typesOf(unnamed, read(claimOf({ epoch: 2, holder: "", instance: "" }), 810), 810), []);
});

test("another's claim is outrun only by a read that began when it had not changed for its whole lease", () => {
  const state = fresh();
  typesOf(state, { type: "wake" }, 0);
  assert.deepEqual(typesOf(state, read(claimOf(), 0), 100), []);
  typesOf(state, { type: "wake" }, 1050);
  assert.deepEqual(typesOf(state, read(claimOf(), 1050), 1150), []);
  typesOf(state, { type: "wake" }, 1200);
  assert.deepEqual(typesOf(state, read(claimOf({ renewals: 1 }), 1200), 1200), [], "it was renewed");
  typesOf(state, { type: "wake" }, 2200);
  assert.deepEqual(typesOf(state, read(claimOf({ renewals: 1 }), 2200), 2200), ["claim"]);
});

test("a released claim is followed at once; an unreachable store lets the lease begin anew", () => {
  const state = fresh();
  typesOf(state, { type: "wake" }, 0);
  assert.deepEqual(typesOf(state, read(claimOf({ released: true }), 0), 0), ["claim"]);
  const blind = fresh();
  typesOf(blind, { type: "wake" }, 0);
  typesOf(blind, read(claimOf(), 0), 0);
  typesOf(blind, { type: "failed", isRead: true, reason: "gone" }, 1500);
  assert.deepEqual(typesOf(blind, read(claimOf(), 1600), 1600), []);
  assert.deepEqual(typesOf(blind, read(claimOf(), 2600), 2600), ["claim"]);
});

test("a machine that slept has lost its term, whatever its monotonic clock says", () => {
  const state = leader();
  assert.equal(mayAct(state, { monotonicMs: 10, wallMs: 900 }), false);
  assert.equal(mayAct(state, { monotonicMs: 10, wallMs: -5000 }), true);
});

test("ending releases what is held, and nothing else", () => {
  assert.deepEqual(step(leader(), { type: "stop" }, at(10)), [
    { type: "release", claim: { ...own, renewals: 1, released: true } },
  ]);
  assert.deepEqual(step(fresh(), { type: "stop" }, at(10)), []);
});

test("a leader whose process has provably ended is not waited for", () => {
  const state = fresh();
  typesOf(state, { type: "wake" }, 0);
  assert.deepEqual(typesOf(state, read(claimOf(), 0), 0), []);
  typesOf(state, { type: "wake" }, 50);
  const gone: LeaseEvent = { type: "read", claim: claimOf(), isHolderGone: true, startedAt: at(50) };
  const [claim] = step(state, gone, at(50));
  assert.deepEqual([claim?.type, claim?.type === "claim" && claim.claim.epoch], ["claim", 2]);
});
