import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFloat } from "./format_float.ts";
import { parseNumber } from "./number.ts";

test("floats are written as Prometheus writes them into labels", () => {
  const texts: [number, string][] = [
    [0, "0.0"],
    [-0, "0.0"],
    [1, "1.0"],
    [-1, "-1.0"],
    [0.25, "0.25"],
    [100000, "100000.0"],
    [1e6, "1e+06"],
    [1234567, "1.234567e+06"],
    [123456.5, "123456.5"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [2.5e-7, "2.5e-07"],
    [-1e100, "-1e+100"],
    [5e-324, "5e-324"],
    [NaN, "NaN"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
  ];
  for (const [value, text] of texts) assert.equal(formatFloat(value), text);
});

test("what is written reads back as the same float", () => {
  fc.assert(fc.property(fc.double(), (value) => assert.equal(parseNumber(formatFloat(value)), value + 0)));
});
