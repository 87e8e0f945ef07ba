import assert from "node:assert/strict";
import { test } from "node:test";
import { AckQueue } from "./ack_queue.ts";

test("the highest sequence that is durable is told once", () => {
  const queue = new AckQueue();
  assert.equal(queue.durable(100), null);
  queue.push(3, 30, 10);
  queue.push(5, 31, 20);
  assert.equal(queue.durable(2), null);
  assert.equal(queue.durable(4), 30);
  assert.equal(queue.bytes, 20);
  assert.equal(queue.durable(4), null);
  assert.equal(queue.durable(5), 31);
  assert.deepEqual([queue.bytes, queue.isEmpty], [0, true]);
});

test("a long queue keeps its order while its front is removed", () => {
  const queue = new AckQueue();
  for (let index = 1; index <= 10_000; index++) queue.push(index, index * 2, 1);
  for (let index = 1; index <= 10_000; index++) assert.equal(queue.durable(index), index * 2);
  assert.ok(queue.isEmpty);
  queue.push(10_001, 7, 1);
  assert.equal(queue.durable(10_001), 7);
});
