import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInt64, parseNumber } from "./number.ts";

test("every float that is written out is read back", () => {
  fc.assert(fc.property(fc.double(), (value) => {
    assert.ok(Object.is(parseNumber(Object.is(value, -0) ? "-0" : String(value)), value), String(value));
  }));
});

test("a text that is no number is told from one that is too great", () => {
  assert.equal(parseNumber(""), "is not a number");
  assert.equal(parseNumber(" 1"), "is not a number");
  assert.equal(parseNumber("1 "), "is not a number");
  assert.equal(parseNumber("１"), "is not a number");
  assert.equal(parseNumber("-1e309"), "is beyond the range of a 64-bit float");
});

test("integers of 64 bits are read to the nearest number, others are not", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), (value) => {
    const fits = BigInt.asIntN(64, value) === value;
    assert.equal(parseInt64(String(value)), fits ? Number(value) : null);
  }));
  assert.ok(Object.is(parseInt64("-0"), 0));
  assert.equal(parseInt64("0".repeat(100) + "7"), 7);
});
