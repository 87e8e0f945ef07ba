import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  makeSupervisorState,
  nextWakeMs,
  pauseMsMax,
  stableMs,
  step,
  type SupervisorEffect,
  type SupervisorState,
} from "./supervisor.ts";

function want(state: SupervisorState, recipes: Record<string, string>, nowMs = 0): SupervisorEffect[] {
  return step(state, { type: "want", recipes: new Map(Object.entries(recipes)) }, nowMs);
}

function ended(state: SupervisorState, nowMs: number): SupervisorEffect[] {
  return step(state, { type: "ended", name: "a", how: "exit code 1" }, nowMs);
}

function wake(state: SupervisorState, nowMs: number): SupervisorEffect[] {
  return step(state, { type: "wake" }, nowMs);
}

test("what is wanted is started once", () => {
  const state = makeSupervisorState();
  assert.deepEqual(want(state, { a: "1" }), [{ type: "start", name: "a", restart: false }]);
  assert.deepEqual(want(state, { a: "1" }), []);
});

test("what ends by itself is started again after pauses of 1 s, 2 s, 4 s … up to a minute", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  let nowMs = 0;
  const pauses: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    assert.deepEqual(ended(state, nowMs), []);
    const wakeMs = nextWakeMs(state) ?? assert.fail("nothing waits");
    pauses.push(wakeMs - nowMs);
    assert.deepEqual(wake(state, wakeMs - 1), []);
    nowMs = wakeMs;
    assert.deepEqual(wake(state, nowMs), [{ type: "start", name: "a", restart: true }]);
  }
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16000, 32000, pauseMsMax, pauseMsMax]);
  assert.equal(state.children.get("a")?.restarts, 8);
});

test("after a stable run the pause is short again", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  ended(state, 10);
  wake(state, 1010);
  ended(state, 1020);
  wake(state, 3020);
  ended(state, 3020 + stableMs);
  assert.equal(nextWakeMs(state), 3020 + stableMs + 1000);
});

test("what is not wanted any more is stopped, and forgotten when it has ended", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  assert.deepEqual(want(state, {}), [{ type: "stop", name: "a" }]);
  assert.deepEqual(want(state, {}), []);
  assert.deepEqual(ended(state, 5), []);
  assert.equal(state.children.size, 0);
});

test("what waits for its next start is forgotten at once when it is not wanted any more", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  ended(state, 0);
  assert.deepEqual(want(state, {}), []);
  assert.equal(nextWakeMs(state), null);
});

test("a changed recipe stops the child and starts it anew without a pause", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  assert.deepEqual(want(state, { a: "2" }), [{ type: "stop", name: "a" }]);
  assert.deepEqual(ended(state, 7), [{ type: "start", name: "a", restart: true }]);
  assert.equal(state.children.get("a")?.recipe, "2");
});

test("what is wanted again while it stops is started once it has ended", () => {
  const state = makeSupervisorState();
  want(state, { a: "1" });
  want(state, {});
  assert.deepEqual(want(state, { a: "1" }), []);
  assert.deepEqual(ended(state, 7), [{ type: "start", name: "a", restart: true }]);
});

test("the end of a child that nobody knows is ignored", () => {
  assert.deepEqual(ended(makeSupervisorState(), 0), []);
});

test("whatever happens, no name runs twice, and in the end exactly what is wanted runs", () => {
  const name = fc.constantFrom("a", "b", "c");
  const event = fc.oneof(
    fc.record({ type: fc.constant("want" as const), wish: fc.dictionary(name, fc.constantFrom("1", "2")) }),
    fc.record({ type: fc.constant("end" as const), name }),
    fc.record({ type: fc.constant("wake" as const) }),
  );
  fc.assert(fc.property(fc.array(event), fc.dictionary(name, fc.constant("9")), (events, last) => {
    const state = makeSupervisorState();
    const running = new Set<string>();
    let nowMs = 0;
    const run = (effects: readonly SupervisorEffect[]) => {
      for (const effect of effects) {
        if (effect.type === "start") assert.ok(!running.has(effect.name));
        if (effect.type === "start") running.add(effect.name);
        else assert.ok(running.has(effect.name));
      }
    };
    const end = (ending: string) => {
      if (running.delete(ending)) run(step(state, { type: "ended", name: ending, how: "" }, nowMs));
    };
    for (const one of events) {
      nowMs += 500;
      if (one.type === "want") run(want(state, one.wish, nowMs));
      else if (one.type === "end") end(one.name);
      else run(wake(state, nowMs));
    }
    run(want(state, last, nowMs));
    for (const [stopping, child] of state.children) if (child.state === "stopping") end(stopping);
    nowMs += pauseMsMax;
    run(wake(state, nowMs));
    assert.deepEqual([...running].toSorted(), Object.keys(last).toSorted());
  }));
});
