import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { assignByCost } from "./assign_by_cost.ts";

const always = () => true;
const never = () => false;
const costs = fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 1000 }), {
  maxKeys: 60,
  noNullPrototype: true,
});
const collectorCount = fc.integer({ min: 1, max: 8 });

function ordinals(count: number): string[] {
  return Array.from({ length: count }, (_, ordinal) => `c-${ordinal}`);
}

function ownersOf(held: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map([...held].flatMap(([collector, own]) => own.map((target) => [target, collector] as const)));
}

function loadsOf(held: ReadonlyMap<string, readonly string[]>, cost: Readonly<Record<string, number>>): number[] {
  return [...held.values()].map((own) => own.reduce((sum, target) => sum + (cost[target] ?? 0), 0));
}

/** Owners at random, by the collectors' ordinals. */
const previous = fc.array(fc.nat(9), { maxLength: 60 });

function setup(cost: Readonly<Record<string, number>>, owners: readonly number[]) {
  const targets = Object.keys(cost);
  const before = new Map(targets.flatMap((target, index) => {
    const owner = owners[index];
    return owner === undefined ? [] : [[target, `c-${owner}`] as const];
  }));
  return { targets, before, costOf: (target: string) => cost[target] ?? 1 };
}

test("every target is owned by exactly one collector", () => {
  fc.assert(fc.property(costs, collectorCount, previous, fc.boolean(), (cost, count, owners, move) => {
    const { targets, before, costOf } = setup(cost, owners);
    const { held } = assignByCost(targets, ordinals(count), before, costOf, () => move);
    assert.deepEqual([...held.keys()], ordinals(count));
    assert.deepEqual([...held.values()].flat().toSorted(), targets.toSorted());
  }));
});

test("the order in which targets and owners come makes no difference", () => {
  fc.assert(fc.property(costs, collectorCount, previous, (cost, count, owners) => {
    const { targets, before, costOf } = setup(cost, owners);
    const one = assignByCost(targets, ordinals(count), before, costOf, always);
    const reversed = new Map([...before].toReversed());
    assert.deepEqual(assignByCost(targets.toReversed(), ordinals(count), reversed, costOf, always), one);
  }));
});

test("without need only what has no collector moves", () => {
  fc.assert(fc.property(costs, collectorCount, previous, (cost, count, owners) => {
    const { targets, before, costOf } = setup(cost, owners);
    const after = ownersOf(assignByCost(targets, ordinals(count), before, costOf, never).held);
    for (const [target, owner] of before) if (ordinals(count).includes(owner)) assert.equal(after.get(target), owner);
  }));
});

/** Where nobody both gives and gets in one go it may take several to be level; it never takes for ever. */
function levelled(
  targets: readonly string[],
  collectors: readonly string[],
  before: ReadonlyMap<string, string>,
  costOf: (target: string) => number,
): Map<string, string[]> {
  let { held } = assignByCost(targets, collectors, before, costOf, always);
  for (let round = 0; round < 30; round++) {
    const next = assignByCost(targets, collectors, ownersOf(held), costOf, always).held;
    if (JSON.stringify([...next]) === JSON.stringify([...held])) return held;
    held = next;
  }
  return assert.fail("it is never level");
}

test("no two collectors are further apart than a tenth of the mean, or than their cheapest move", () => {
  fc.assert(fc.property(costs, collectorCount, previous, (cost, count, owners) => {
    const { targets, before, costOf } = setup(cost, owners);
    const held = levelled(targets, ordinals(count), before, costOf);
    const loads = loadsOf(held, cost);
    const mean = loads.reduce((sum, load) => sum + load, 0) / count;
    const gap = Math.max(...loads) - Math.min(...loads);
    const [fullest] = [...held].toSorted(([, a], [, b]) =>
      (loadsOf(new Map([["", b]]), cost)[0] ?? 0) - (loadsOf(new Map([["", a]]), cost)[0] ?? 0)
    );
    const cheapest = Math.min(...(fullest?.[1] ?? []).map(costOf));
    assert.ok(gap <= mean / 10 + 1e-6 || cheapest >= gap * 0.99 || cheapest <= gap / 500, `${gap} of ${mean}`);
  }));
});

test("nobody both gives and gets", () => {
  fc.assert(fc.property(costs, collectorCount, previous, (cost, count, owners) => {
    const { targets, before, costOf } = setup(cost, owners);
    const steady = ownersOf(levelled(targets, ordinals(count), before, costOf));
    const dearer = (target: string) => costOf(target) * (steady.get(target) === "c-0" ? 3 : 1);
    const after = ownersOf(assignByCost(targets, ordinals(count), steady, dearer, always).held);
    const moved = targets.filter((target) => after.get(target) !== steady.get(target));
    const givers = new Set(moved.map((target) => steady.get(target)));
    for (const target of moved) assert.ok(!givers.has(after.get(target)));
  }));
});

test("one costly target outweighs many cheap ones, and only as many move as it takes", () => {
  const targets = ["big", ...Array.from({ length: 20 }, (_, index) => `small-${index + 10}`)];
  const costOf = (target: string) => target === "big" ? 2000 : 100;
  const before = new Map(targets.map((target, index) => [target, `c-${index % 2}`]));
  const { held, uneven } = assignByCost(targets, ordinals(2), before, costOf, always);
  assert.ok(uneven > 0.4, `${uneven}`);
  const moved = [...ownersOf(held)].filter(([target, owner]) => before.get(target) !== owner);
  const loads = loadsOf(held, Object.fromEntries(targets.map((one) => [one, costOf(one)])));
  assert.deepEqual(loads.toSorted((a, b) => a - b), [1900, 2100]);
  assert.equal(moved.length, 9);
});

test("a collector without targets is noticed", () => {
  const before = new Map([["a", "c-0"], ["b", "c-0"]]);
  assert.equal(assignByCost(["a", "b"], ordinals(2), before, () => 1, never).hasIdle, true);
  assert.equal(assignByCost(["a"], ordinals(2), before, () => 1, never).hasIdle, false);
});

test("without collectors nothing is assigned", () => {
  assert.deepEqual(assignByCost(["a"], [], new Map(), () => 1, always), { held: new Map(), uneven: 0, hasIdle: false });
});
