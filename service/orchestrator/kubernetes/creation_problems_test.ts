import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../clusters/api_error.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { CreationProblems } from "./creation_problems.ts";
import type { SetView } from "./read_set.ts";

const set: SetView = {
  namespace: "shop",
  setName: "bcs-collector-shop",
  uid: "one",
  workload: "bcs-collector-shop",
  clusterId: "c1",
  replicas: 1,
  fingerprint: "f",
  replicasApplied: 1,
  drift: [],
};

function setup(answer: (clock: ManualClock) => unknown) {
  const clock = new ManualClock();
  let asked = 0;
  const request = () => {
    asked++;
    const given = answer(clock);
    return given instanceof Error ? Promise.reject(given) : Promise.resolve(given);
  };
  return { clock, problems: new CreationProblems({ request }, clock), asked: () => asked };
}

function warning(message: string, atMs: number, uid = "one") {
  const lastTimestamp = new Date(atMs).toISOString();
  return { type: "Warning", reason: "FailedCreate", message, lastTimestamp, involvedObject: { uid } };
}

test("the latest warning of this very set counts, unless it is of long ago", async () => {
  const { problems } = setup((clock) => ({
    items: [
      warning("exceeded quota: pods", clock.wallMs() - 1000),
      warning("forbidden by a policy", clock.wallMs() - 5000),
      warning("of the set before", clock.wallMs(), "two"),
      { ...warning("made", clock.wallMs()), type: "Normal" },
    ],
  }));
  assert.equal(await problems.problemOf(set), "FailedCreate: exceeded quota: pods");
  const old = setup((clock) => ({ items: [warning("exceeded quota: pods", clock.wallMs() - 700_000)] }));
  assert.equal(await old.problems.problemOf(set), "");
});

test("it is asked again only after a while", async () => {
  const { problems, clock, asked } = setup(() => ({ items: null }));
  await problems.problemOf(set);
  clock.advance(14_999);
  await problems.problemOf(set);
  assert.equal(asked(), 1);
  clock.advance(1);
  await problems.problemOf(set);
  assert.equal(asked(), 2);
});

test("events that may not be read leave it open why", async () => {
  const { problems } = setup(() => new ApiError("HTTP 403: no", { status: 403 }));
  assert.equal(await problems.problemOf(set), "");
});
