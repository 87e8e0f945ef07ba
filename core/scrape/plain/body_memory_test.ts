import assert from "node:assert/strict";
import { test } from "node:test";
import { PooledBodyMemory } from "./body_memory.ts";

test("a room that is given back is lent again, to a body of its size", () => {
  const memory = new PooledBodyMemory();
  const first = memory.lend(100_000);
  const { bytes } = first;
  assert.ok(bytes.length >= 100_000);
  first.release();
  assert.equal(memory.idleBytes, bytes.length);
  const small = memory.lend(10);
  assert.notEqual(small.bytes, bytes);
  assert.equal(memory.lend(99_000).bytes, bytes);
  assert.equal(memory.idleBytes, 0);
});

test("a room grows with what is in it", () => {
  const memory = new PooledBodyMemory();
  const body = memory.lend(0);
  const before = body.bytes;
  before.fill(7);
  body.grow(before.length + 1);
  assert.ok(body.bytes.length > before.length);
  assert.deepEqual(body.bytes.subarray(0, before.length), before);
  assert.equal(memory.idleBytes, before.length);
  const { bytes } = body;
  body.grow(bytes.length);
  assert.equal(body.bytes, bytes);
});

test("idle rooms are kept up to a bound", () => {
  const memory = new PooledBodyMemory(100_000);
  const rooms = Array.from({ length: 10 }, () => memory.lend(30_000));
  for (const room of rooms) room.release();
  assert.ok(memory.idleBytes <= 100_000 && memory.idleBytes > 0);
});

test("a released room cannot be used any more", () => {
  const body = new PooledBodyMemory().lend(1);
  body.release();
  assert.throws(() => body.bytes, /after its release/);
  assert.throws(() => body.release(), /after its release/);
});
