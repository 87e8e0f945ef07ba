import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../core/runtime/env.ts";
import { Timers } from "./timers.ts";

/** A clock whose timers run only when the test says so. */
interface HeldClock {
  readonly clock: Clock;
  readonly fire: (delayMs: number) => void;
  readonly pending: () => number;
}

function heldClock(): HeldClock {
  const timers = new Set<{ readonly delayMs: number; readonly act: () => void }>();
  const after = (delayMs: number, act: () => void) => {
    const timer = { delayMs, act };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    clock: { wallMs: () => 0, monotonicMs: () => 0, after },
    fire(delayMs) {
      for (const timer of timers) {
        if (timer.delayMs !== delayMs) continue;
        timers.delete(timer);
        timer.act();
      }
    },
    pending: () => timers.size,
  };
}

test("timers end alone, by their time, or together", () => {
  const { clock, fire, pending } = heldClock();
  const timers = new Timers(clock);
  const acted: number[] = [];
  const cancel = timers.after(1, () => acted.push(1));
  timers.after(2, () => acted.push(2));
  timers.after(3, () => acted.push(3));
  cancel();
  fire(2);
  assert.deepEqual([acted, pending()], [[2], 1]);
  timers.cancelAll();
  assert.deepEqual([acted, pending()], [[2], 0]);
});

test("work within its time is told from work that takes longer, and leaves no timer", async () => {
  const { clock, fire, pending } = heldClock();
  const timers = new Timers(clock);
  assert.equal(await timers.within(Promise.resolve(), 5), true);
  assert.equal(pending(), 0);
  const late = timers.within(new Promise(() => {}), 5);
  fire(5);
  assert.equal(await late, false);
  await assert.rejects(timers.within(Promise.reject(new Error("broken")), 5), /broken/);
  assert.equal(pending(), 0);
});
