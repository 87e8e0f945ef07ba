import assert from "node:assert/strict";
import { test } from "node:test";
import { Lane } from "./lane.ts";

test("pieces run one after the other, and of those that wait only the last one", async () => {
  const lane = new Lane();
  const ran: string[] = [];
  const first = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const one = lane.run(() => {
    ran.push("one");
    begun.resolve();
    return first.promise;
  });
  await begun.promise;
  const two = lane.run(() => Promise.resolve(void ran.push("two")));
  const three = lane.run(() => Promise.resolve(void ran.push("three")));
  assert.deepEqual([ran, lane.working], [["one"], true]);
  first.resolve();
  await Promise.all([one, two, three]);
  assert.deepEqual([ran, lane.working], [["one", "three"], false]);
});

test("a failure is told to whoever asked for it, and ends nothing else", async () => {
  const lane = new Lane();
  const failing = assert.rejects(lane.run(() => Promise.reject(new Error("no"))), /no/);
  await failing;
  assert.equal(lane.working, false);
  await lane.run(() => Promise.resolve());
  await lane.idle();
});
