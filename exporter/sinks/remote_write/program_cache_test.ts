import assert from "node:assert/strict";
import { test } from "node:test";
import { testScrapeOf } from "../batch_testing.ts";
import { ProgramCache } from "./program_cache.ts";

const scrape = testScrapeOf("m", 1);

/** Programs of 1,000 bytes that take two slices, named by the count of those made before. */
function cacheOf(bytesMax: number) {
  let compiled = 0;
  const cache = new ProgramCache<string>({
    bytesMax,
    seenMin: 2,
    *compile() {
      yield;
      return `program ${compiled++}`;
    },
    bytesOf: () => 1000,
  });
  /** What the cache has for a key, after the work that waits is done. */
  const use = (key: string) => {
    const found = cache.get(key, scrape);
    cache.advance(10);
    return found;
  };
  return { cache, use, compiled: () => compiled };
}

test("a program is compiled when its like was seen often enough, a slice at a time", () => {
  const { cache, compiled } = cacheOf(10_000);
  assert.equal(cache.get("a", scrape), null);
  cache.advance(10);
  assert.equal(compiled(), 0);
  assert.equal(cache.get("a", scrape), null);
  cache.advance(1);
  assert.equal(cache.get("a", scrape), null);
  cache.advance(1);
  assert.equal(cache.get("a", scrape), "program 0");
  assert.equal(compiled(), 1);
});

test("what cannot be a program is not tried again", () => {
  let tries = 0;
  const cache = new ProgramCache<string>({
    bytesMax: 10_000,
    seenMin: 1,
    *compile() {
      tries++;
      yield;
      return null;
    },
    bytesOf: () => 1000,
  });
  for (let round = 0; round < 5; round++) {
    assert.equal(cache.get("a", scrape), null);
    cache.advance(5);
  }
  assert.equal(tries, 1);
});

test("what is out of use makes room", () => {
  const { cache, use } = cacheOf(3000);
  use("old");
  use("old");
  assert.equal(use("old"), "program 0");
  for (let round = 0; round < 40; round++) {
    use("a");
    use("b");
  }
  assert.ok(use("a") !== null && use("b") !== null);
  assert.equal(cache.get("old", scrape), null);
  assert.ok(cache.bytes <= 3000, `${cache.bytes}`);
});

test("when more is in use than there is room for, what is there stays and the rest is not compiled over and over", () => {
  const { cache, use, compiled } = cacheOf(5000);
  const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
  for (let round = 0; round < 200; round++) for (const key of keys) use(key);
  const held = keys.filter((key) => use(key) !== null);
  assert.ok(held.length >= 2 && held.length < 5, `${held.length}`);
  assert.ok(cache.bytes <= 5000, `${cache.bytes}`);
  assert.ok(compiled() < 600, `${compiled()}`);
});
