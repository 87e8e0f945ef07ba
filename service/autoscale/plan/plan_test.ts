import assert from "node:assert/strict";
import { test } from "node:test";
import { scaledNamespace, testNowMs } from "../testing/plans.ts";
import type { CollectorUsage } from "../usage/usage.ts";
import { changeSince, hashOf, makePlan, movesShownMax, type ScaledNamespace } from "./plan.ts";

const why = { reasons: ["high"], usages: [], nowMs: testNowMs };

function usage(collector: string, cpuPercent: number | null): CollectorUsage {
  return { collector, cpuPercent, memoryMiB: 90, lagSeconds: 0 };
}

test("a plan for more names exactly the targets that move, each to a new collector", () => {
  const plan = makePlan(scaledNamespace(), 3, { ...why, usages: [usage("one-0", 80), usage("one-1", 70)] });
  assert.deepEqual([plan.from, plan.to, plan.moveCount], [2, 3, 2]);
  assert.deepEqual(plan.moves.map(({ from, to }) => `${from} ${to}`).toSorted(), ["one-0 one-2", "one-1 one-2"]);
  assert.deepEqual(plan.predicted, [
    { collector: "one-0", targetsBefore: 3, targets: 2, cpuPercent: 50, memoryMiB: 60 },
    { collector: "one-1", targetsBefore: 3, targets: 2, cpuPercent: 50, memoryMiB: 60 },
    { collector: "one-2", targetsBefore: 0, targets: 2, cpuPercent: 50, memoryMiB: 60 },
  ]);
});

test("a plan for fewer moves only the targets of those that go", () => {
  const plan = makePlan(scaledNamespace({ replicas: 3 }), 2, { ...why, usages: [usage("one-0", null)] });
  assert.equal(plan.moveCount, 2);
  assert.ok(plan.moves.every(({ from, to }) => from === "one-2" && to !== "one-2"));
  assert.deepEqual(plan.predicted.map(({ cpuPercent }) => cpuPercent), [null, null]);
});

test("by cost targets move by what they cost", () => {
  const base = scaledNamespace();
  const costs = new Map([...base.division.owners.keys()].map((key, index) => [key, index === 0 ? 100 : 1]));
  const plan = makePlan({ ...base, division: { ...base.division, balance: "cost", costs } }, 3, why);
  assert.deepEqual(plan.moves.map(({ address, to }) => [address, to]), [["10.0.0.0:80", "one-2"]]);
});

test("of many moves some are listed, all are counted, and all are in the hash", () => {
  const many = scaledNamespace({ replicas: 1 }, movesShownMax * 4);
  const plan = makePlan(many, 2, why);
  assert.deepEqual([plan.moves.length, plan.moveCount], [movesShownMax, movesShownMax * 2]);
  assert.notEqual(plan.inputs.moves, makePlan(scaledNamespace({ replicas: 1 }), 2, why).inputs.moves);
});

test("the hash is of everything that was shown", () => {
  const plan = makePlan(scaledNamespace(), 3, why);
  assert.equal(hashOf(plan), hashOf(makePlan(scaledNamespace(), 3, why)));
  assert.notEqual(hashOf(plan), hashOf({ ...plan, reasons: ["other"] }));
  assert.notEqual(hashOf(plan), hashOf({ ...plan, to: 4 }));
});

test("a plan is void as soon as something that it was made of changes, and it says what", () => {
  const plan = makePlan(scaledNamespace(), 3, why);
  const check = (now: ScaledNamespace | undefined, want: RegExp) => assert.match(changeSince(plan, now), want);
  assert.equal(changeSince(plan, scaledNamespace()), "");
  check(undefined, /no collectors to scale/);
  check(scaledNamespace({ generation: 8 }), /generation 8 now, not 7/);
  check(scaledNamespace({ declared: 4 }), /documents ask for 4 collectors now, not 2/);
  check(scaledNamespace({ replicas: 3 }), /there are 3 collectors to be now, not 2/);
  check(scaledNamespace({}, 7), /targets are others/);
  check(scaledNamespace({ rule: { ...scaledNamespace().rule, max: 9 } }), /rule/);
  check({ ...scaledNamespace(), workload: "two" }, /workload is "two" now, not "one"/);
  const base = scaledNamespace();
  check(
    { ...base, division: { ...base.division, balance: "cost", costs: new Map([["cart 10.0.0.0:80", 50]]) } },
    /other targets would move/,
  );
});
