import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { assign } from "./assign.ts";

const targets = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 60 });
const collectorCount = fc.integer({ min: 1, max: 9 });

function ordinals(count: number): string[] {
  return Array.from({ length: count }, (_, ordinal) => `c-${ordinal}`);
}

function ownersOf(assignment: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map([...assignment].flatMap(([collector, own]) => own.map((target) => [target, collector] as const)));
}

function movedCount(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...after].filter(([target, owner]) => before.has(target) && before.get(target) !== owner).length;
}

/** Any owners whatever, such as files left behind by another version would tell. */
const anyPrevious = fc.array(fc.tuple(fc.string({ maxLength: 6 }), fc.constantFrom(...ordinals(12))));

test("every target is owned by exactly one collector", () => {
  fc.assert(fc.property(targets, collectorCount, anyPrevious, (all, count, previous) => {
    const assignment = assign(all, ordinals(count), new Map(previous));
    assert.deepEqual([...assignment.keys()], ordinals(count));
    assert.deepEqual([...assignment.values()].flat().toSorted(), all.toSorted());
  }));
});

test("counts differ by at most one, whoever owned what before", () => {
  fc.assert(fc.property(targets, collectorCount, anyPrevious, (all, count, previous) => {
    const counts = [...assign(all, ordinals(count), new Map(previous)).values()].map((own) => own.length);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
  }));
});

test("the order in which targets and previous owners come makes no difference", () => {
  const shuffled = targets.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }))
  );
  fc.assert(fc.property(shuffled, collectorCount, anyPrevious, ([all, other], count, previous) => {
    const owners = new Map(previous);
    const reversed = new Map([...owners].toReversed());
    assert.deepEqual(assign(all, ordinals(count), owners), assign(other, ordinals(count), reversed));
  }));
});

test("an assignment that is balanced already stays as it is", () => {
  fc.assert(fc.property(targets, collectorCount, anyPrevious, (all, count, previous) => {
    const before = assign(all, ordinals(count), new Map(previous));
    assert.deepEqual(assign(all, ordinals(count), ownersOf(before)), before);
  }));
});

test("growing from n to n+1 collectors moves at most ceil(targets / (n+1)), all to the new one", () => {
  fc.assert(fc.property(targets, collectorCount, anyPrevious, (all, count, previous) => {
    const before = ownersOf(assign(all, ordinals(count), new Map(previous)));
    const after = ownersOf(assign(all, ordinals(count + 1), before));
    assert.ok(movedCount(before, after) <= Math.ceil(all.length / (count + 1)));
    for (const [target, owner] of after) assert.ok(owner === before.get(target) || owner === `c-${count}`);
  }));
});

test("a collector's loss moves only its own targets", () => {
  const lossy = fc.integer({ min: 2, max: 9 }).chain((count) => fc.tuple(fc.constant(count), fc.nat(count - 1)));
  fc.assert(fc.property(targets, lossy, anyPrevious, (all, [count, lost], previous) => {
    const before = assign(all, ordinals(count), new Map(previous));
    const left = ordinals(count).filter((_, ordinal) => ordinal !== lost);
    const after = ownersOf(assign(all, left, ownersOf(before)));
    assert.equal(movedCount(ownersOf(before), after), before.get(`c-${lost}`)?.length);
  }));
});

test("a target that comes or goes moves no more than one other", () => {
  fc.assert(
    fc.property(targets, collectorCount, anyPrevious, fc.string({ minLength: 7 }), (all, count, previous, one) => {
      const without = ownersOf(assign(all, ordinals(count), new Map(previous)));
      const withOne = ownersOf(assign([...all, one], ordinals(count), without));
      assert.equal(movedCount(without, withOne), 0);
      const again = ownersOf(assign(all, ordinals(count), withOne));
      assert.ok(movedCount(withOne, again) <= 1);
    }),
  );
});

test("the targets of one metric are spread over all collectors, also after growth", () => {
  const all = ["a", "b"].flatMap((metric) => Array.from({ length: 12 }, (_, index) => `${metric} ${index + 10}`));
  const grown = assign(all, ordinals(3), ownersOf(assign(all, ordinals(2), new Map())));
  for (const own of grown.values()) assert.equal(own.filter((target) => target.startsWith("a")).length, 4);
});

test("without collectors nothing is assigned", () => {
  assert.deepEqual(assign(["a"], [], new Map()), new Map());
});

test("100,000 targets over 100 collectors are assigned, and moved, well within a second", () => {
  const all = Array.from(
    { length: 100_000 },
    (_, index) => `metric-${index % 50} 10.${index >> 8}.${index & 255}:9100`,
  );
  const started = performance.now();
  const first = assign(all, ordinals(100), new Map());
  const moved = movedCount(ownersOf(first), ownersOf(assign(all, ordinals(101), ownersOf(first))));
  assert.ok(moved <= Math.ceil(all.length / 101));
  assert.ok(performance.now() - started < 2000);
});
