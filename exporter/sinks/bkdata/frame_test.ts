import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGseFrame, isGseDataId } from "./frame.ts";

test("a frame has the documented bytes", () => {
  const frame = encodeGseFrame(1_500_001, new TextEncoder().encode("{}"), 1_714_557_600_999);
  const want = ["deadbeef", "00002710", "00000002", "0016e361", "663212a0", "00000000", "7b7d"].join("");
  assert.equal(Buffer.from(frame).toString("hex"), want);
});

test("a dataid is a positive number of 32 bits", () => {
  for (const good of [1, 1_500_001, 0xffff_ffff]) assert.ok(isGseDataId(good));
  for (const bad of [0, -1, 1.5, 2 ** 32, NaN]) assert.ok(!isGseDataId(bad));
});
