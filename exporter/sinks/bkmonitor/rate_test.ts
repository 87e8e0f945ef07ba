import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { newBucket, rateLimit, takeToken } from "./rate.ts";

test("no 60 seconds have more requests than are allowed, whatever the pauses", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 1000 }),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 50 }),
      (perMinute, pauses) => {
        const limit = rateLimit(perMinute);
        const bucket = newBucket(limit, 0);
        const sent: number[] = [];
        let nowMs = 0;
        for (const pause of pauses) {
          nowMs += pause;
          // As many as it gives, and some that have to wait.
          for (let waits = 0; waits < 3;) {
            const waitMs = takeToken(bucket, limit, nowMs);
            if (waitMs === 0) sent.push(nowMs);
            else waits++;
            nowMs += waitMs;
          }
        }
        for (const [index, timeMs] of sent.entries()) {
          const first = sent[index + perMinute];
          assert.ok(first === undefined || first - timeMs >= 60_000, `${perMinute} a minute: ${timeMs} and ${first}`);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("after the told wait there is a token, and in the long run nearly all of the rate is used", () => {
  const limit = rateLimit(1000);
  const bucket = newBucket(limit, 0);
  let count = 0;
  for (let nowMs = 0; nowMs < 600_000; count++) {
    const waitMs = takeToken(bucket, limit, nowMs);
    if (waitMs === 0) continue;
    nowMs += waitMs;
    assert.equal(takeToken(bucket, limit, nowMs), 0);
  }
  assert.ok(count > 8900 && count <= 9200, String(count));
});
