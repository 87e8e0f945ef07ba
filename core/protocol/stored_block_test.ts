import assert from "node:assert/strict";
import { test } from "node:test";
import { checkShape, encodeBlock } from "./shape.ts";
import { seriesCountOf, StoredBlock } from "./stored_block.ts";

const metadata = { family: "requests", type: "counter", help: "How many.", unit: "" };
const series = ["a", "b"].map((value) => ({ name: "requests_total", labels: [{ name: "path", value }] }));

function storedOf(body: Uint8Array): StoredBlock {
  const checked = checkShape(body);
  assert.ok(checked.kind === "block");
  return new StoredBlock(checked, body);
}

test("a block that is read from its body is the block that was encoded", () => {
  const { shape, body } = encodeBlock(metadata, series);
  const stored = storedOf(body);
  const { kind, id, family, type, help, unit } = stored;
  assert.deepEqual({ kind, id, family, type, help, unit, series: stored.series }, shape);
  assert.equal(stored.series, stored.series, "read once, while memory is not short");
});

test("the number of series is known without reading them", () => {
  const { shape, body } = encodeBlock(metadata, series);
  const stored = storedOf(body);
  body.fill(0xff);
  assert.deepEqual([seriesCountOf(stored), seriesCountOf(shape)], [2, 2]);
  assert.throws(() => stored.series);
});
