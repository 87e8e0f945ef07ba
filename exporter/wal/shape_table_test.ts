import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedError } from "../../core/protocol/bytes.ts";
import { HeldShapes } from "./shape_table.ts";
import { shapesOf, type TestShapes } from "./wal_testing.ts";

const ids = (shapes: TestShapes) => ({
  target: shapes.target.shape.id,
  layout: shapes.layout.shape.id,
  blocks: shapes.blocks.map(({ shape }) => shape.id),
});

test("a shape that was added is known by its id, with the body it came in", () => {
  const table = new HeldShapes(1e6);
  const { target } = shapesOf("a");
  const body = target.body.slice();
  assert.deepEqual(table.add(body), target.shape);
  body.fill(0);
  assert.deepEqual(table.get(target.shape.id), target.shape);
  assert.deepEqual(table.body(target.shape.id), target.body, "a copy, since frames are views of a socket's buffer");
  assert.equal(table.add(target.body), table.get(target.shape.id), "the same object when it comes again");
});

test("a body that is malformed, or not what its id says, is refused", () => {
  const table = new HeldShapes(1e6);
  const { target } = shapesOf("a");
  for (const known of [false, true]) {
    if (known) table.add(target.body);
    const forged = target.body.slice();
    forged[forged.length - 1]! ^= 1;
    assert.throws(() => table.add(forged), MalformedError);
    assert.throws(() => table.add(target.body.subarray(0, 20)), MalformedError);
    assert.throws(() => table.add(new Uint8Array(3)), MalformedError);
  }
});

test("what a scrape lacks is told until all of it is known", () => {
  const table = new HeldShapes(1e6);
  const shapes = shapesOf("a");
  const { target, layout, blocks } = ids(shapes);
  assert.deepEqual(table.missing(target, layout), [target, layout]);
  table.add(shapes.layout.body);
  assert.deepEqual(table.missing(target, layout), [target, ...blocks]);
  table.add(shapes.target.body);
  table.add(shapes.blocks[0]!.body);
  assert.deepEqual(table.missing(target, layout), [blocks[1]]);
  table.add(shapes.blocks[1]!.body);
  assert.deepEqual(table.missing(target, layout), []);
  assert.deepEqual(table.missing(layout, target), [layout, target], "shapes of the wrong kind");
});

test("a shape that segments hold stays, one that none holds goes when room is needed", () => {
  const [a, b] = [shapesOf("a"), shapesOf("b")];
  const table = new HeldShapes(a.target.body.length);
  table.add(a.target.body);
  table.hold(a.target.shape.id);
  table.hold(a.target.shape.id);
  for (const { body } of b.all) table.add(body);
  assert.deepEqual(table.get(a.target.shape.id), a.target.shape);
  assert.equal(table.get(b.target.shape.id), undefined, "the longest idle was forgotten");
  assert.deepEqual(table.get(b.layout.shape.id), b.layout.shape, "the latest stays");
  table.release(a.target.shape.id);
  table.add(b.target.body);
  assert.ok(table.get(a.target.shape.id) !== undefined, "one segment still holds it");
  table.release(a.target.shape.id);
  assert.equal(table.get(b.target.shape.id), undefined);
  table.add(b.target.body);
  assert.equal(table.get(a.target.shape.id), undefined, "forgotten once the last segment is gone");
  assert.throws(() => table.release(a.target.shape.id), /nothing holds it/);
});

test("the latest shape stays even when it alone exceeds the budget", () => {
  const table = new HeldShapes(0);
  const { target, layout } = shapesOf("a");
  table.add(target.body);
  assert.ok(table.get(target.shape.id) !== undefined);
  table.add(layout.body);
  assert.equal(table.get(target.shape.id), undefined);
  assert.equal(table.size, 1);
});

test("an idle shape that comes again is as good as new", () => {
  const [a, b, c] = [shapesOf("a").target, shapesOf("b").target, shapesOf("c").target];
  const table = new HeldShapes(a.body.length * 2);
  for (const { body } of [a, b, a, c]) table.add(body);
  assert.deepEqual([a, b, c].map(({ shape }) => table.get(shape.id) !== undefined), [true, false, true]);
});

test("a layout that was complete is not any more when one of its blocks was forgotten", () => {
  const shapes = shapesOf("a");
  const { target, layout, blocks } = ids(shapes);
  const bytes = shapes.all.reduce((sum, { body }) => sum + body.length, 0);
  const table = new HeldShapes(bytes);
  for (const { body } of shapes.all) table.add(body);
  table.hold(target);
  table.hold(layout);
  assert.deepEqual(table.missing(target, layout), []);
  for (let index = 0; index < 20; index++) table.add(shapesOf(`other-${index}`).blocks[0]!.body);
  assert.deepEqual(table.missing(target, layout), blocks);
});
