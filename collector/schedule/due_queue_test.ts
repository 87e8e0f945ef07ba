import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { DueQueue } from "./due_queue.ts";

test("items come out earliest first, whatever the order they went in", () => {
  fc.assert(fc.property(fc.array(fc.integer()), (moments) => {
    const queue = new DueQueue();
    for (const dueMs of moments) queue.push({ dueMs });
    const popped: number[] = [];
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) popped.push(item.dueMs);
    assert.deepEqual(popped, moments.toSorted((a, b) => a - b));
    assert.equal(queue.size, 0);
  }));
});

test("pushes and pops may be mixed", () => {
  fc.assert(fc.property(fc.array(fc.option(fc.integer())), (steps) => {
    const queue = new DueQueue();
    const model: number[] = [];
    for (const step of steps) {
      if (step === null) {
        assert.equal(queue.peek()?.dueMs, model[0]);
        assert.equal(queue.pop()?.dueMs, model.shift());
        continue;
      }
      queue.push({ dueMs: step });
      model.push(step);
      model.sort((a, b) => a - b);
    }
    assert.equal(queue.size, model.length);
  }));
});
