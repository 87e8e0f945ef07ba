import assert from "node:assert/strict";
import { test } from "node:test";
import { SequenceGaps } from "./sequence_gaps.ts";
import { origin, startMs } from "./wal_testing.ts";

const [a, b] = [origin("a"), origin("b")];

/** What is missing, as `name first-last`. */
function missing(gaps: SequenceGaps): string[] {
  return gaps.missing.map((range) => `${range.origin.name} ${range.firstSequence}-${range.lastSequence}`);
}

test("what an origin lacks around damage is missing, what it lacks without damage is not", () => {
  const gaps = new SequenceGaps();
  for (const sequence of [1, 2, 5]) gaps.record(a, sequence, sequence);
  gaps.record(b, 1, 1);
  gaps.damaged();
  gaps.record(a, 8, 8);
  gaps.record(b, 2, 2);
  gaps.record(a, 11, 11);
  assert.deepEqual(missing(gaps), ["a 6-7"]);
});

test("what came again is not missing any more", () => {
  const gaps = new SequenceGaps();
  gaps.record(a, 1, 1);
  gaps.damaged();
  gaps.record(a, 9, 9);
  gaps.record(b, 4, 4);
  for (const sequence of [4, 2]) gaps.record(a, sequence, sequence);
  assert.deepEqual(missing(gaps), ["a 3-3", "a 5-8"]);
});

test("a declared loss accounts for the numbers that it declares", () => {
  const gaps = new SequenceGaps();
  gaps.record(a, 1, 1);
  gaps.damaged();
  gaps.record(a, 4, 9);
  assert.deepEqual(missing(gaps), ["a 2-3"]);
  gaps.damaged();
  gaps.record(a, null, 20);
  assert.deepEqual(missing(gaps), ["a 2-3"], "nobody knows where it begins");
});

test("the next segment's checkpoint tells what was at the end of the one before", () => {
  const gaps = new SequenceGaps();
  gaps.checkpoint([{ origin: a, sequence: 5, seenMs: startMs }]);
  assert.deepEqual(missing(gaps), [], "the log may begin anywhere");
  gaps.damaged();
  gaps.checkpoint([{ origin: a, sequence: 7, seenMs: startMs }, { origin: b, sequence: 3, seenMs: startMs }]);
  assert.deepEqual(missing(gaps), ["a 6-7"]);
});
