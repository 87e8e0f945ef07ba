import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Deque } from "./deque.ts";

function apply(name: string, value: number, deque: Deque<number>, array: number[]): void {
  if (name === "pop") assert.equal(deque.pop(), array.pop());
  if (name === "shift") assert.equal(deque.shift(), array.shift());
  if (name === "push") {
    array.push(value);
    deque.push(value);
  } else if (name === "unshift") {
    array.unshift(value);
    deque.unshift(value);
  } else if (name === "replace" && array.length > 0) {
    array[value % array.length] = value;
    deque.replace(value % array.length, value);
  }
}

test("a deque does what an array does", () => {
  const operation = fc.constantFrom("push", "push", "push", "pop", "shift", "shift", "unshift", "replace");
  fc.assert(fc.property(fc.array(operation, { minLength: 1, maxLength: 400 }), (operations) => {
    const deque = new Deque<number>();
    const array: number[] = [];
    for (const [value, name] of operations.entries()) {
      apply(name, value, deque, array);
      assert.equal(deque.length, array.length);
      assert.equal(deque.last, array.at(-1));
    }
    assert.deepEqual(array.map((_, index) => deque.get(index)), array);
  }));
});

test("a deque has nothing beyond its ends", () => {
  const deque = new Deque<number>();
  for (let value = 0; value < 40; value++) deque.push(value);
  deque.shift();
  assert.equal(deque.at(-1), undefined);
  assert.equal(deque.at(39), undefined);
  assert.throws(() => deque.get(39), RangeError);
  assert.throws(() => deque.replace(-1, 0), RangeError);
});
