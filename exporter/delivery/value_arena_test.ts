import assert from "node:assert/strict";
import { test } from "node:test";
import { ValueArena } from "./value_arena.ts";

test("arrays of one chunk do not overlap, also when the arena grows between them", () => {
  const arena = new ValueArena();
  const taken = [10, 16_000, 500, 40_000, 0, 7].map((count, index) => arena.take(count).fill(index));
  assert.deepEqual(taken.map(({ length }) => length), [10, 16_000, 500, 40_000, 0, 7]);
  for (const [index, values] of taken.entries()) assert.ok(values.every((value) => value === index));
});

test("the room of one chunk serves the next", () => {
  const arena = new ValueArena();
  const { buffer } = arena.take(1000);
  arena.take(1000);
  arena.clear();
  const again = arena.take(2000);
  assert.equal(again.buffer, buffer);
  assert.equal(again.byteOffset, 0);
});

test("the room that a huge scrape needed is not kept", () => {
  const arena = new ValueArena();
  const { buffer } = arena.take(1_000_000);
  arena.clear();
  assert.notEqual(arena.take(10).buffer, buffer);
});
