import assert from "node:assert/strict";
import { test } from "node:test";
import { TrialGate, trialsMax } from "./gate.ts";

test("a caller makes one trial at a time, and may come again after it", () => {
  const gate = new TrialGate();
  const leave = gate.enter("ann");
  assert.ok(leave !== null);
  assert.equal(gate.enter("ann"), null);
  assert.ok(gate.enter("bob") !== null, "others need not wait");
  leave();
  assert.ok(gate.enter("ann") !== null);
});

test("all callers together make a few", () => {
  const gate = new TrialGate();
  const entered = Array.from({ length: trialsMax + 1 }, (_, index) => gate.enter(`caller-${index}`) !== null);
  assert.equal(entered.filter(Boolean).length, trialsMax);
});
