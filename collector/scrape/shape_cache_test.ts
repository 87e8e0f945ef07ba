import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBlock } from "../../core/protocol/shape.ts";
import { ShapeCache } from "./shape_cache.ts";

function block(name: string) {
  return encodeBlock({ family: name, type: "gauge", help: "", unit: "" }, [{ name, labels: [] }]);
}

test("equal content becomes one shape", () => {
  const cache = new ShapeCache();
  const first = block("a");
  assert.equal(cache.intern(first), first);
  assert.equal(cache.intern(block("a")), first);
  assert.equal(cache.size, 1);
});

test("beyond the bound on shapes the least recently used go", () => {
  const cache = new ShapeCache({ shapesMax: 2, bytesMax: 1e6 });
  const [a, b, c] = [block("a"), block("b"), block("c")];
  for (const shape of [a, b]) cache.intern(shape);
  cache.use(a);
  cache.intern(c);
  assert.equal(cache.size, 2);
  assert.equal(cache.intern(block("a")), a);
  assert.notEqual(cache.intern(block("b")), b);
});

test("beyond the bound on bytes shapes go until it holds, and the estimate never drifts", () => {
  const cache = new ShapeCache({ shapesMax: 1000, bytesMax: 2000 });
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 100; index++) cache.intern(block(`metric_${index}`));
  }
  assert.ok(cache.size > 2 && cache.size < 100);
  assert.ok(cache.bytes <= 2000 && cache.bytes > 1500);
});
