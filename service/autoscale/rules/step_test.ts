import assert from "node:assert/strict";
import { test } from "node:test";
import { autoscaleRule } from "../../../core/config/autoscale.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import type { CollectorUsage } from "../usage/usage.ts";
import { type Decision, gapMsMax, makeScaleMemory, type Observation, step } from "./step.ts";

const rule = autoscaleRule.parse({ min: 1, max: 4, cpu: { above: 70, below: 30 }, forSeconds: 60 });

function usagesOf(cpu: readonly (number | null)[], over: Partial<CollectorUsage> = {}): CollectorUsage[] {
  return cpu.map((cpuPercent, index) => ({
    collector: `one-${index}`,
    cpuPercent,
    memoryMiB: null,
    lagSeconds: null,
    ...over,
  }));
}

/** What is decided when it is so for so many seconds, looked at every 15 s. */
function after(seconds: number, over: Partial<Observation>, memory = makeScaleMemory()): Decision {
  const replicas = over.usages?.length ?? 2;
  const observation = { rule, replicas, usages: usagesOf([80, 80]), targets: 100, blocked: "", ...over };
  let decision = step(memory, observation, 0);
  for (let second = 15; second <= seconds; second += 15) decision = step(memory, observation, second * 1000);
  return decision;
}

test("one collector more is proposed when the figure was above for long enough, with the reason", () => {
  assert.equal(after(45, {}).state, "waiting");
  assert.match(after(45, {}).detail, /^mean cpu 80 % of a core, above 70; for another 15 s$/);
  assert.deepEqual(after(60, {}).proposal, {
    to: 3,
    reasons: ["mean cpu 80 % of a core, above 70; for 60 s at least"],
  });
});

test("no collector is proposed that would have no target", () => {
  assert.equal(after(60, { targets: 3 }).proposal?.to, 3);
  const useless = after(60, { targets: 2 });
  assert.deepEqual([useless.state, useless.proposal], ["high", null]);
  assert.match(useless.detail, /; another collector would have no target$/);
  // Bounds are what somebody said.
  assert.equal(after(60, { targets: 2, rule: { ...rule, min: 4 } }).proposal?.to, 4);
});

test("between the figures nothing is proposed, and the time begins anew", () => {
  assert.deepEqual(after(600, { usages: usagesOf([50, 50]) }).state, "enough");
  const memory = makeScaleMemory();
  after(45, {}, memory);
  const observation = { rule, replicas: 2, targets: 100, usages: usagesOf([60, 60]), blocked: "" };
  assert.equal(step(memory, observation, 50_000).state, "enough");
  assert.equal(step(memory, { ...observation, usages: usagesOf([80, 80]) }, 65_000).state, "waiting");
});

test("missing is not zero: without the figure of one collector nothing is decided", () => {
  const missing = after(600, { usages: usagesOf([0, null]) });
  assert.deepEqual([missing.state, missing.proposal], ["no data", null]);
  assert.equal(missing.detail, "cpu: no data of 1 of 2 collectors");
  assert.equal(after(600, { usages: usagesOf([99, null]) }).proposal, null);
  assert.equal(after(600, { usages: [], replicas: 2 }).state, "no data");
});

test("a gap in what is known ends the time that it has been so", () => {
  const memory = makeScaleMemory();
  after(45, {}, memory);
  const observation = { rule, replicas: 2, targets: 100, usages: usagesOf([80, 80]), blocked: "" };
  assert.equal(step(memory, observation, 45_000 + gapMsMax + 1).state, "waiting");
});

test("one figure that is high is enough for more, but for fewer every figure has to be low", () => {
  const both = autoscaleRule.parse({ cpu: { above: 70, below: 30 }, lag: { above: 2, below: 0.5 }, forSeconds: 0 });
  const decide = (cpu: number, lagSeconds: number | null) =>
    after(0, { rule: both, usages: usagesOf([cpu, cpu], { lagSeconds }) });
  assert.equal(decide(10, 3).proposal?.to, 3);
  assert.equal(decide(10, 0.1).proposal?.to, 1);
  assert.equal(decide(10, 1).proposal, null);
  assert.equal(decide(10, null).state, "no data");
  assert.equal(decide(90, null).proposal?.to, 3);
});

test("fewer are not proposed when what is left would come near to the upper figure", () => {
  const narrow = autoscaleRule.parse({ cpu: { above: 70, below: 40 }, forSeconds: 0 });
  const decide = (cpu: number) => after(0, { rule: narrow, usages: usagesOf([cpu, cpu]) }).proposal?.to;
  assert.equal(decide(35), undefined);
  assert.equal(decide(30), 1);
});

test("the bounds hold, and a namespace outside of them is brought back at once", () => {
  const decide = (count: number, cpu: number) =>
    after(60, { usages: usagesOf(Array.from({ length: count }, () => cpu)) }).proposal?.to;
  assert.equal(decide(4, 90), undefined);
  assert.equal(decide(1, 1), undefined);
  assert.equal(after(0, { replicas: 6, usages: usagesOf([50, 50, 50, 50, 50, 50]) }).proposal?.to, 4);
  const least = { ...rule, min: 3 };
  assert.deepEqual(after(0, { rule: least, usages: usagesOf([null, null]) }).proposal, {
    to: 3,
    reasons: ["2 collectors are fewer than the least, 3"],
  });
});

test("while something is open or cools down nothing is proposed, and it is said why", () => {
  const blocked = after(600, { blocked: "cooling down for another 5 s" });
  assert.deepEqual([blocked.proposal, blocked.state], [null, "high"]);
  assert.match(blocked.detail, /cooling down/);
});

test("steady load leads to a number that stays, whatever it is and however it swings", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const load = 20 + random.float() * 220;
    const swing = random.float() * 0.1;
    const memory = makeScaleMemory();
    let replicas = 1 + Math.floor(random.float() * 4);
    const changes: number[] = [];
    for (let second = 0; second < 14_400; second += 15) {
      const share = load * (1 - swing + 2 * swing * random.float()) / replicas;
      const usages = usagesOf(Array.from({ length: replicas }, () => random.float() < 0.02 ? null : share));
      const { proposal } = step(memory, { rule, replicas, targets: 100, usages, blocked: "" }, second * 1000);
      if (proposal === null) continue;
      changes.push(proposal.to - replicas);
      replicas = proposal.to;
    }
    assert.ok(changes.length <= 3, `seed ${seed}: ${changes.join(" ")}`);
    assert.ok(changes.every((change) => change === changes[0]), `seed ${seed} turns back: ${changes.join(" ")}`);
    assert.ok(load * (1 - swing) / replicas <= 70 || replicas === rule.max, `seed ${seed}`);
  }
});
