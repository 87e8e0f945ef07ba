import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { LineBuffer, LineTooLongError } from "./etcd_lines.ts";

const encode = (text: string) => new TextEncoder().encode(text);

test("lines are the same wherever the chunks end, also within a character", () => {
  const lines = ["购物车", "{}", "x".repeat(50), "é"];
  const bytes = encode(`${lines.join("\n")}\n\nrest`);
  const check = (cuts: readonly number[]) => {
    const buffer = new LineBuffer(100);
    const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
    const read = edges.slice(1).flatMap((edge, index) => buffer.push(bytes.slice(edges[index], edge)));
    assert.deepEqual(read, lines);
  };
  check([]);
  check(Array.from({ length: bytes.length }, (_, index) => index));
  fc.assert(fc.property(fc.array(fc.nat(bytes.length)), check));
});

test("a line beyond the limit is refused, whether it has an end or not", () => {
  const buffer = new LineBuffer(4);
  assert.deepEqual(buffer.push(encode("1234\n12")), ["1234"]);
  assert.deepEqual(buffer.push(encode("34")), []);
  assert.throws(() => buffer.push(encode("5")), LineTooLongError);
  assert.throws(() => new LineBuffer(4).push(encode("12345\n")), LineTooLongError);
});
