import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectionPath, collectionText } from "../testing/collections.ts";
import { type AssignmentEvent, assignmentProblem, makeAssignmentState, stepAssignment } from "./assignment.ts";

function follow(...events: AssignmentEvent[]) {
  const state = makeAssignmentState(collectionPath, 60);
  const effects = events.flatMap((event) => stepAssignment(state, event));
  return {
    state,
    applied: effects.flatMap((effect) => effect.type === "apply" ? [effect.assignment?.generation ?? null] : []),
    kept: effects.flatMap((effect) => effect.type === "keep" ? [effect.text] : []),
    notes: effects.flatMap((effect) => effect.type === "note" ? [effect.message] : []),
    problem: assignmentProblem(state),
  };
}

const document = (generation: number): AssignmentEvent => ({ type: "document", text: collectionText({ generation }) });
const edited = collectionText({ generation: 3 }).replace("/metrics", "/elsewhere");

test("a good collection is applied and kept", () => {
  const { applied, kept, problem, state } = follow(document(1), document(2));
  assert.deepEqual(applied, [1, 2]);
  assert.deepEqual(kept, [collectionText({ generation: 1 }), collectionText({ generation: 2 })]);
  assert.equal(problem, "");
  assert.equal(state.inForce?.metrics[0]?.name, "cart");
});

test("an unchanged collection changes nothing", () => {
  assert.deepEqual(follow(document(1), document(1)).applied, [1]);
});

test("an invalid collection leaves the last good one in force, named with line and column", () => {
  const { applied, kept, problem } = follow(document(1), { type: "document", text: "kind: Collection\nspec: [" });
  assert.deepEqual(applied, [1]);
  assert.equal(kept.length, 1);
  assert.match(problem, new RegExp(`^${collectionPath}:\\d+:\\d+: `));
});

test("an edited collection leaves the last good one in force until it is mended", () => {
  const broken = follow(document(2), { type: "document", text: edited });
  assert.deepEqual(broken.applied, [2]);
  assert.match(broken.problem, /edited by hand/);
  const mended = follow(document(2), { type: "document", text: edited }, document(2));
  assert.deepEqual(mended.applied, [2]);
  assert.equal(mended.problem, "");
});

test("a collection of another collector, or of another kind, is refused", () => {
  const other = collectionText({ generation: 1 }).replace("bcs-collector-shop-0", "bcs-collector-shop-1");
  assert.match(follow({ type: "document", text: other }).problem, /name/);
});

test("an older generation is refused while a newer one is in force", () => {
  const { applied, problem } = follow(document(5), document(4));
  assert.deepEqual(applied, [5]);
  assert.match(problem, /generation 4 is older than 5/);
  assert.deepEqual(follow(document(5), document(4), document(6)).applied, [5, 6]);
});

test("after its removal any generation is taken", () => {
  const { applied, kept } = follow(document(5), { type: "absent" }, document(1));
  assert.deepEqual(applied, [5, null, 1]);
  assert.deepEqual(kept.map((text) => text === null), [false, true, false]);
});

test("an unavailable source changes nothing but the problem", () => {
  const lost = follow(document(1), { type: "unavailable", reason: "the folder is gone" });
  assert.deepEqual(lost.applied, [1]);
  assert.equal(lost.problem, "the folder is gone");
  const back = follow(document(1), { type: "unavailable", reason: "the folder is gone" }, { type: "available" });
  assert.equal(back.problem, "");
});

test("an unreadable collection leaves the last good one in force", () => {
  const { applied, problem } = follow(document(1), { type: "unreadable", reason: "not UTF-8" }, { type: "available" });
  assert.deepEqual(applied, [1]);
  assert.equal(problem, "not UTF-8");
});

const restored: AssignmentEvent = { type: "restored", text: collectionText({ generation: 7 }) };

test("what an earlier run kept is in force until the source speaks", () => {
  assert.deepEqual(follow(restored, { type: "unavailable", reason: "x" }).applied, [7]);
  assert.deepEqual(follow(restored, document(7)).applied, [7]);
  assert.deepEqual(follow(restored, document(8)).applied, [7, 8]);
  assert.deepEqual(follow(restored, { type: "absent" }).applied, [7, null]);
});

test("what an earlier run kept does not outvote the source, whose generations may have begun anew", () => {
  assert.deepEqual(follow(restored, document(2)).applied, [7, 2]);
  assert.deepEqual(follow(restored, document(7), document(2)).applied, [7]);
});

test("what an earlier run kept is checked like any other", () => {
  const { applied, notes } = follow({ type: "restored", text: edited });
  assert.deepEqual(applied, []);
  assert.equal(notes.length, 1);
});

test("whatever is reported, only a good document or an absence changes what is in force", () => {
  const event = fc.oneof(
    fc.integer({ min: 1, max: 9 }).map(document),
    fc.constantFrom<AssignmentEvent>(
      { type: "document", text: edited },
      { type: "document", text: "" },
      { type: "unavailable", reason: "x" },
      { type: "unreadable", reason: "y" },
      { type: "available" },
      { type: "absent" },
    ),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      const state = makeAssignmentState(collectionPath, 60);
      let generation: number | null = null;
      for (const one of events) {
        stepAssignment(state, one);
        if (one.type === "absent") generation = null;
        const stated = one.type === "document" ? /^ {2}generation: (\d+)$/m.exec(one.text)?.[1] : undefined;
        if (stated !== undefined && one.type === "document" && one.text !== edited) {
          generation = Math.max(generation ?? 0, Number(stated));
        }
        assert.equal(state.inForce?.generation ?? null, generation);
      }
    }),
    { numRuns: 50 },
  );
});
