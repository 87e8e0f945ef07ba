import assert from "node:assert/strict";
import { test } from "node:test";
import { powerMax, powerMin, powersOfFive } from "./powers_of_five.ts";

function entry(table: Uint8Array, power: number): bigint {
  const view = new DataView(table.buffer, table.byteOffset + 16 * (power - powerMin), 16);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}

test("powers of five have 128 bits: cut off, but rounded up from -27 to -1", () => {
  const table = powersOfFive();
  assert.equal(table.length, 16 * (powerMax - powerMin + 1));
  assert.equal(entry(table, 0), 1n << 127n);
  assert.equal(entry(table, 1), 5n << 125n);
  assert.equal(entry(table, -1), (1n << 130n) / 5n + 1n);
  assert.equal(entry(table, -27), (1n << 190n) / 5n ** 27n + 1n);
  assert.equal(entry(table, -28), (1n << 193n) / 5n ** 28n);
  assert.equal(entry(table, 55), 5n ** 55n);
  assert.equal(entry(table, 56), 5n ** 56n >> 3n);
  // The first entry as Lemire's paper and its implementations have it.
  assert.equal(entry(table, powerMin), 0xeef453d6923bd65a_113faa2906a13b3fn);
});
