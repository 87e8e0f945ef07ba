import assert from "node:assert/strict";
import { test } from "node:test";
import { makeStale, testScrape, testScrapeOf } from "../batch_testing.ts";
import { SeriesTable } from "./series_table.ts";

const minuteMs = 60_000;
const start = 100 * minuteMs;

function tableOf(options: { seriesMax?: number; bytesMax?: number } = {}): SeriesTable {
  return new SeriesTable({ seriesMax: 1000, bytesMax: 1_000_000, lookbackMs: 5 * minuteMs, ...options });
}

function current(table: SeriesTable, nowMs: number): string[] {
  return Array.from(table.current(nowMs), ({ name, value, timeMs }) => `${name} ${value} ${timeMs - start}`).toSorted();
}

function one(name: string, value: number, timestampMs: number) {
  return testScrape([[{ name, value }]], { timestampMs });
}

test("the latest sample of a series wins, whatever order they come in", () => {
  const table = tableOf();
  for (const [value, timeMs] of [[1, start], [3, start + 2], [2, start + 1], [4, start + 2]] as const) {
    table.put(one("m", value, timeMs), start);
  }
  assert.deepEqual(current(table, start), ["m 4 2"]);
});

test("a series is gone after the lookback, and with a staleness marker, until a newer sample", () => {
  const table = tableOf();
  table.put(one("old", 1, start), start);
  table.put(one("ended", 1, start), start);
  assert.deepEqual(current(table, start + 5 * minuteMs), ["ended 1 0", "old 1 0"]);
  assert.deepEqual(current(table, start + 5 * minuteMs + 1), []);
  const marker = one("ended", 0, start + 1);
  makeStale(marker, 0);
  table.put(marker, start);
  assert.deepEqual(current(table, start + 1), ["old 1 0"]);
  table.put(one("ended", 1, start), start);
  assert.deepEqual(current(table, start + 1), ["old 1 0"]);
  table.put(one("ended", 7, start + 2), start);
  assert.deepEqual(current(table, start + 2), ["ended 7 2", "old 1 0"]);
});

test("a plain NaN is a value", () => {
  const table = tableOf();
  table.put(one("m", NaN, start), start);
  assert.deepEqual(current(table, start), ["m NaN 0"]);
});

test("a series stays one when its block changes", () => {
  const table = tableOf();
  table.put(testScrape([[{ name: "a", value: 1 }]], { timestampMs: start }), start);
  table.put(testScrape([[{ name: "a", value: 2 }, { name: "b", value: 1 }]], { timestampMs: start + 1 }), start);
  table.put(testScrape([[{ name: "a", value: 3 }]], { timestampMs: start + 2 }), start);
  assert.deepEqual(current(table, start + 2), ["a 3 2", "b 1 1"]);
  assert.equal(table.series, 2);
});

test("a full table leaves new series out and counts them, and has room when old ones are gone", () => {
  const table = tableOf({ seriesMax: 3 });
  assert.equal(table.put(testScrapeOf("m", 5, start), start), 2);
  assert.equal(table.put(testScrapeOf("m", 5, start + 1), start + 1), 2);
  assert.equal(table.series, 3);
  const laterMs = start + 6 * minuteMs;
  assert.equal(table.put(testScrapeOf("n", 3, laterMs), laterMs), 0);
  assert.deepEqual(current(table, laterMs).length, 3);
  assert.equal(tableOf({ bytesMax: 1000 }).put(testScrapeOf("m", 5, start), start), 4);
});

test("a series that was gone comes back by the block that it went with", () => {
  const table = tableOf();
  table.put(one("m", 1, start), start);
  const laterMs = start + 10 * minuteMs;
  assert.deepEqual(current(table, laterMs), []);
  assert.equal(table.series, 0);
  table.put(one("m", 2, laterMs), laterMs);
  assert.deepEqual(current(table, laterMs), [`m 2 ${10 * minuteMs}`]);
});
