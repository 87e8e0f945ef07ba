import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeLayout, encodeTarget } from "../../core/protocol/shape.ts";
import { scrapeBody } from "./scrape_body.ts";
import { staleValues } from "./stale_values.ts";

const target = encodeTarget(7, [{ name: "instance", value: "10.0.0.7:9100" }]);
const layout = encodeLayout(["00".repeat(16), "ff".repeat(16)]);

test("a body in one copy is what the protocol's own encoding makes, for any length and any bits", () => {
  const check = (values: Float64Array<ArrayBuffer>, tail: readonly number[], timestampMs: number) => {
    const all = new Float64Array([...new Float64Array(values.length), ...tail]);
    all.set(values);
    const scrape = {
      targetId: target.shape.id,
      layoutId: layout.shape.id,
      timestampMs,
      values: all,
      sampleTimesMs: null,
    };
    assert.deepEqual(scrapeBody(target, layout, timestampMs, values, tail), encodeScrapes([scrape]));
  };
  fc.assert(fc.property(
    fc.array(fc.double(), { maxLength: 40 }),
    fc.array(fc.double(), { maxLength: 8 }),
    fc.nat(2 ** 31),
    (values, tail, time) => check(Float64Array.from(values), tail, time * 1000),
  ));
  for (const count of [0, 15, 16, 127, 128, 2047, 2048, 20_000]) check(staleValues(count), [1, NaN], 1_800_000_000_000);
});
