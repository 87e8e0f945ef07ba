import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, Target } from "../../core/protocol/shape.ts";
import { testBlock, testTarget } from "./batch_testing.ts";
import { BlockCache } from "./block_cache.ts";

const blocks = ["a", "b", "c", "d", "e"].map((name) => testBlock([{ name }]).shape);
const targets = ["x", "y"].map((job) => testTarget({ job }).shape);
const [a, b, c] = blocks as [Block, Block, Block];
const [x, y] = targets as [Target, Target];

/** A cache of values of 1,000 bytes (1,256 with the entry) that notes what it had to build. */
function notingCache(bytesMax: number) {
  const built: string[] = [];
  const cache = new BlockCache(bytesMax, (block, target) => {
    const key = `${block.family}/${target.labels[0]?.value}`;
    built.push(key);
    return { bytes: 1000, key };
  });
  return { cache, built };
}

test("a value is built once for each block and target", () => {
  const { cache, built } = notingCache(100_000);
  for (const _ of [1, 2, 3]) {
    assert.equal(cache.get(a, x).key, "a/x");
    assert.equal(cache.get(a, y).key, "a/y");
    assert.equal(cache.get(b, x).key, "b/x");
  }
  assert.deepEqual(built, ["a/x", "a/y", "b/x"]);
});

test("the least recently used value goes when the bytes exceed the bound", () => {
  const { cache, built } = notingCache(2 * 1256);
  cache.get(a, x);
  cache.get(b, x);
  cache.get(a, x);
  cache.get(c, x);
  assert.equal(cache.bytes, 2 * 1256);
  cache.get(a, x);
  assert.deepEqual(built, ["a/x", "b/x", "c/x"]);
  cache.get(b, x);
  assert.deepEqual(built, ["a/x", "b/x", "c/x", "b/x"]);
});

test("a value that exceeds the bound alone is handed out but not kept", () => {
  const { cache, built } = notingCache(500);
  cache.get(a, x);
  assert.equal(cache.get(a, x).key, "a/x");
  assert.equal(cache.bytes, 0);
  assert.equal(built.length, 2);
});

test("the cache behaves as a list of the last used that is cut at its bound", () => {
  const access = fc.tuple(fc.nat({ max: blocks.length - 1 }), fc.nat({ max: targets.length - 1 }));
  fc.assert(fc.property(fc.array(access, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (accesses, room) => {
    const { cache, built } = notingCache(room * 1256);
    let recent: string[] = [];
    for (const [blockIndex, targetIndex] of accesses) {
      const [block, target] = [blocks[blockIndex] as Block, targets[targetIndex] as Target];
      const before = built.length;
      const { key } = cache.get(block, target);
      assert.equal(built.length === before, recent.includes(key));
      recent = [key, ...recent.filter((one) => one !== key)].slice(0, room);
      assert.equal(cache.bytes, recent.length * 1256);
    }
  }));
});
