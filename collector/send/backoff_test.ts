import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";

test("the delay is a random share of a time that doubles from 100 ms up to 10 s", () => {
  const longest = [0, 1, 2, 3, 6, 7, 8, 5_000].map((attempt) => backoffMs(attempt, { float: () => 1 }));
  assert.deepEqual(longest, [100, 200, 400, 800, 6_400, 10_000, 10_000, 10_000]);
  assert.equal(backoffMs(3, { float: () => 0 }), 0);
  assert.equal(backoffMs(3, { float: () => 0.25 }), 200);
});
