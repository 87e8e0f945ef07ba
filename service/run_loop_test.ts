import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../core/telemetry/log.ts";
import { gatherMs, RunLoop } from "./run_loop.ts";
import { ManualClock } from "./testing/manual_clock.ts";

const periodMs = 30_000;

function setup(outcomes: (boolean | Error)[] = []) {
  const clock = new ManualClock();
  let runs = 0;
  let during = () => {};
  const loop = new RunLoop({
    what: "reconciliation",
    periodMs,
    clock,
    log: makeLogger("test", "silent"),
    run() {
      runs += 1;
      during();
      const outcome = outcomes.shift() ?? true;
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
  });
  return {
    clock,
    loop,
    runs: () => runs,
    onRun: (callback: () => void) => during = callback,
    /** Lets a started run come to its end, then advances. */
    advance: async (byMs: number) => {
      clock.advance(byMs);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    },
  };
}

test("changes that come together are taken together", async () => {
  const { loop, runs, advance } = setup();
  loop.changed();
  await advance(gatherMs - 1);
  loop.changed();
  assert.equal(runs(), 0);
  await advance(1);
  assert.equal(runs(), 1);
  await loop.close();
});

test("everything is looked at anew now and then", async () => {
  const { loop, runs, advance } = setup();
  loop.changed();
  await advance(gatherMs);
  await advance(periodMs);
  assert.equal(runs(), 2);
  await advance(periodMs);
  assert.equal(runs(), 3);
  await loop.close();
});

test("a change during a run is followed by another run", async () => {
  const { loop, runs, advance, onRun } = setup();
  onRun(() => {
    if (runs() === 1) loop.changed();
  });
  loop.changed();
  await advance(gatherMs);
  await advance(gatherMs);
  assert.equal(runs(), 2);
  await advance(gatherMs);
  assert.equal(runs(), 2);
  await loop.close();
});

test("a run that fails or does not finish is tried again, later each time", async () => {
  const { loop, runs, advance } = setup([new Error("broken"), false, true]);
  loop.changed();
  await advance(gatherMs);
  await advance(999);
  assert.equal(runs(), 1);
  await advance(1);
  assert.equal(runs(), 2);
  await advance(1999);
  assert.equal(runs(), 2);
  await advance(1);
  assert.equal(runs(), 3);
  await advance(periodMs - 1);
  assert.equal(runs(), 3);
  await loop.close();
});

test("a change does not wait for a retry", async () => {
  const { loop, runs, advance } = setup([false]);
  loop.changed();
  await advance(gatherMs);
  loop.changed();
  await advance(gatherMs);
  assert.equal(runs(), 2);
  await loop.close();
});

test("after the close nothing runs", async () => {
  const { loop, runs, advance, clock } = setup();
  loop.changed();
  await loop.close();
  await advance(periodMs);
  loop.changed();
  assert.deepEqual([runs(), clock.pending], [0, 0]);
});
