import assert from "node:assert/strict";
import { test } from "node:test";
import { originForgetMs, originKey, originsMax, ResumePoints } from "./resume_points.ts";
import { origin } from "./wal_testing.ts";

test("a resume point is the highest sequence of its origin, whatever the order", () => {
  const points = new ResumePoints();
  assert.equal(points.get(origin("a")), 0);
  for (const sequence of [3, 9, 4]) points.raise(origin("a"), sequence, 1000);
  points.raise(origin("a", 2n), 1, 1000);
  assert.equal(points.get(origin("a")), 9);
  assert.equal(points.get(origin("a", 2n)), 1, "another start of the collector counts anew");
});

test("two origins are never taken for one", () => {
  const parts = ["", "a", "b", "ab", "a:b", "1:1"];
  const keys = new Set<string>();
  let count = 0;
  for (const cluster of parts) {
    for (const namespace of parts) {
      for (const name of parts) {
        for (const epoch of [0n, 1n, 11n]) {
          keys.add(originKey({ cluster, namespace, name, epoch }));
          count++;
        }
      }
    }
  }
  assert.equal(keys.size, count);
});

test("an origin that was silent for too long is forgotten, others are not", () => {
  const points = new ResumePoints();
  points.raise(origin("old"), 5, 0);
  points.raise(origin("new"), 6, 1);
  points.prune(originForgetMs);
  assert.deepEqual([points.get(origin("old")), points.get(origin("new"))], [5, 6]);
  points.prune(originForgetMs + 1);
  assert.deepEqual([points.get(origin("old")), points.get(origin("new"))], [0, 6]);
});

test("beyond the bound those that were silent longest are forgotten", () => {
  const points = new ResumePoints();
  for (let index = 0; index < originsMax + 2; index++) points.raise(origin(`c-${index}`), 1, index);
  points.raise(origin("c-0"), 2, originsMax + 2);
  points.prune(originsMax + 2);
  assert.equal(points.list().length, originsMax);
  assert.deepEqual(["c-0", "c-1", "c-2", "c-3"].map((name) => points.get(origin(name))), [2, 0, 0, 1]);
});
