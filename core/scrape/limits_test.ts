import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScrapeLimits } from "../config/schema.ts";
import { checkLabels, checkSamples, ScrapeRefusedError } from "./limits.ts";
import { testMetric } from "./testing/metrics.ts";

const target = { values: new Map([["pod", "cart-0"]]), constant: new Set<string>() };

function limits(fields: Partial<ScrapeLimits>): ScrapeLimits {
  return testMetric({ limits: fields }).limits;
}

function reason(labels: Readonly<Record<string, string>>, fields: Partial<ScrapeLimits>): string {
  const series = { name: "requests", labels: Object.entries(labels).map(([name, value]) => ({ name, value })) };
  try {
    checkLabels(series, target, limits(fields), "10.0.0.7:9100");
  } catch (error) {
    assert.ok(error instanceof ScrapeRefusedError);
    return error.message;
  }
  return "";
}

test("too many samples are refused with target and limit", () => {
  checkSamples(10, limits({ samples: 10 }), "10.0.0.7:9100");
  checkSamples(10, limits({}), "10.0.0.7:9100");
  assert.throws(
    () => checkSamples(11, limits({ samples: 10 }), "10.0.0.7:9100"),
    new ScrapeRefusedError("10.0.0.7:9100 exceeds limits.samples of 10: 11 samples", "samples"),
  );
});

test("labels count together with the name and those of the target", () => {
  assert.equal(reason({ a: "1", b: "2" }, { labels: 4 }), "");
  assert.equal(
    reason({ a: "1", b: "2", c: "3" }, { labels: 4 }),
    '10.0.0.7:9100 exceeds limits.labels of 4: 5 labels in "requests"',
  );
  assert.equal(reason({ pod: "other", a: "1" }, { labels: 3 }), "");
  assert.equal(reason({ pod: "", a: "1" }, { labels: 2 }), "");
});

test("names and values that are too long are refused, in bytes", () => {
  assert.equal(reason({ a: "12345678" }, { labelValueLength: 8, labelNameLength: 8 }), "");
  assert.equal(
    reason({ a: "äöüäö" }, { labelValueLength: 9 }),
    '10.0.0.7:9100 exceeds limits.labelValueLength of 9: 10 bytes of "äöüäö" in "requests"',
  );
  assert.match(
    reason({ abcdefghi: "1" }, { labelNameLength: 8 }),
    /limits.labelNameLength of 8: 9 bytes of "abcdefghi"/,
  );
  assert.match(reason({}, { labelNameLength: 7 }), /"__name__"/);
  assert.match(reason({}, { labelValueLength: 7 }), /8 bytes of "requests"/);
});
