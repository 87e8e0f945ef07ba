import assert from "node:assert/strict";
import { test } from "node:test";
import type { Measurement } from "./measure.ts";
import { isComplete, tableOf } from "./report.ts";

function measurement(fields: Partial<Measurement>): Measurement {
  return {
    agent: "vmagent",
    case: "shared",
    cpuUsPerSample: 2,
    cpuUsPerSampleOf: { agent: 2 },
    rssBytes: 200 * 1024 * 1024,
    pssBytes: 100 * 1024 * 1024,
    wireBytesPerSample: 14,
    sinkBytesPerSample: 14,
    protocol: "1.0, zstd",
    samplesPerSecond: 100_000,
    scrapedSamples: 1000,
    deliveredSamples: 1000,
    takenSamples: null,
    missedScrapes: 0,
    failure: "",
    ...fields,
  };
}

function cellsOf(table: string): string[][] {
  return table.trimEnd().split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

test("a table has ratios to vmagent, and the parts of the CPU time where there are several", () => {
  const own = { agent: "node", cpuUsPerSample: 1, cpuUsPerSampleOf: { exporter: 0.25, collector: 0.75 } };
  const [head = [], , , row = []] = cellsOf(tableOf([measurement({}), measurement(own)]));
  assert.deepEqual(row.slice(0, 4), ["node", "1.000", "exporter 0.25, collector 0.75", "0.50"]);
  assert.equal(row.length, head.length);
});

test("without vmagent there are no ratios", () => {
  const [, , row = []] = cellsOf(tableOf([measurement({ agent: "deno" })]));
  assert.equal(row[3], "");
});

test("what has not arrived is never rounded away, and a run without scrapes is not complete", () => {
  const lost = measurement({ scrapedSamples: 1_000_000, deliveredSamples: 999_999 });
  assert.ok(!isComplete(lost));
  assert.ok(cellsOf(tableOf([lost])).at(-1)?.includes("99.99 %"), tableOf([lost]));
  assert.ok(isComplete(measurement({})));
  const late = measurement({ deliveredSamples: 900, takenSamples: 900 });
  assert.ok(isComplete(late));
  assert.equal(cellsOf(tableOf([late])).at(-1)?.at(-2), "90.00 %, 100 % of what came in time");
  assert.ok(!isComplete(measurement({ deliveredSamples: 900, takenSamples: 901 })));
  assert.ok(!isComplete(measurement({ scrapedSamples: 0, deliveredSamples: 0 })));
});
