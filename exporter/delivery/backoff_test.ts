import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";

const almostOne = 1 - 2 ** -53;

test("the longest wait doubles from 100 ms to 30 s, the shortest is none", () => {
  const longest = [1, 2, 3, 4, 9, 10, 60, 2000].map((attempt) => Math.round(backoffMs(attempt, almostOne)));
  assert.deepEqual(longest, [100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
  assert.equal(backoffMs(5, 0), 0);
});

test("what the destination asks for is a lower bound, up to five minutes", () => {
  assert.equal(backoffMs(1, 0.5, 7000), 7000);
  assert.equal(backoffMs(20, 0.5, 7000), 15_000);
  assert.equal(backoffMs(1, 0, 86_400_000), 300_000);
});
