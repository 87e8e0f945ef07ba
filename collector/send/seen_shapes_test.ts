import assert from "node:assert/strict";
import { test } from "node:test";
import { type HeldShape, HeldShapes } from "./held_shapes.ts";
import { SeenShapes } from "./seen_shapes.ts";
import { testLayout, testTarget } from "./testing/records.ts";

const { layout, blocks } = testLayout("app", 3);
const held = new HeldShapes().retain([...blocks, layout]);
const heldLayout = held.at(-1) as HeldShape;

test("each shape is to be sent once", () => {
  const seen = new SeenShapes();
  assert.deepEqual([...held, ...held].map((shape) => seen.add(shape)), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("a layout that the exporter lacks is forgotten with its blocks", () => {
  const seen = new SeenShapes();
  for (const shape of held) seen.add(shape);
  seen.forget(heldLayout);
  assert.deepEqual(held.map((shape) => seen.add(shape)), [true, true, true, true]);
});

test("at its bound it forgets all, so that shapes are sent again", () => {
  const seen = new SeenShapes(4);
  for (const shape of held) seen.add(shape);
  const [other] = new HeldShapes().retain([testTarget("a")]) as [HeldShape];
  assert.equal(seen.add(other), true);
  assert.equal(seen.add(heldLayout), true);
});
