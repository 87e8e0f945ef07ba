import assert from "node:assert/strict";
import { test } from "node:test";
import { instancesOf, ordinalOf, problemOf, taskgroupSchema } from "./taskgroup.ts";

function taskgroup(name: string, status: string, over: object = {}) {
  return taskgroupSchema.parse({ metadata: { name }, status, ...over });
}

test("the ordinal is the first part of the name", () => {
  const check = (name: string, want: number | null) => assert.equal(ordinalOf(name), want);
  check("12.bcs-collector-shop.shop.10001.1543390043870110268", 12);
  check("bcs-collector-shop.shop", null);
  check("12345.x", null);
});

test("each state of BCS is one of ours, and who is asked for and not there begins", () => {
  const states = ["Staging", "Starting", "Running", "Killing", "Error", "Failed", "Finish", "Killed", "Lost"];
  const found = instancesOf("c", 10, states.map((status, index) => taskgroup(`${index}.c.n.1.5`, status)));
  const waiting = Array.from({ length: 5 }, () => "waiting");
  const want = ["starting", "starting", "running", "stopping", ...waiting, "starting"];
  assert.deepEqual(found.map(({ state }) => state), want);
  assert.deepEqual(found.map(({ name }) => name).slice(8), ["c-8", "c-9"]);
});

test("where one is being replaced the younger counts", () => {
  const [one] = instancesOf("c", 1, [
    taskgroup("0.c.n.1.1543390043870110269", "Running"),
    taskgroup("0.c.n.1.1543390043870110268", "Killing"),
  ]);
  assert.equal(one?.state, "running");
});

test("the problem is what BCS says of the first that does not run", () => {
  const container = { status: "Failed", message: "image not found", exitcode: 125, restartCount: 3 };
  const failed = taskgroup("1.c.n.1.5", "Failed", { containerStatuses: [container] });
  assert.equal(problemOf([taskgroup("0.c.n.1.5", "Running"), failed]), "Failed: image not found");
  assert.equal(problemOf([taskgroup("0.c.n.1.5", "Staging")]), "");
  const waiting = taskgroup("0.c.n.1.5", "Staging", { message: "no offer fits" });
  assert.equal(problemOf([waiting]), "Staging: no offer fits");
  const [, second] = instancesOf("c", 2, [failed]);
  assert.deepEqual([second?.restarts, second?.lastEnd], [3, "exit code 125"]);
});
