import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import { targetLabels } from "../../core/scrape/target_labels.ts";
import { testMetric } from "../testing/collections.ts";
import { exposition, readRecords } from "../testing/expositions.ts";
import { ExpositionEncoder } from "./encode.ts";
import { RecordMaker } from "./records.ts";
import { ShapeCache } from "./shape_cache.ts";

const identity = { cluster: "c", namespace: "shop", metric: "cart", address: "10.0.0.7:9100", pod: "" };
const report = { up: true, durationMs: 250, samplesScraped: 3, samplesPostRelabeling: 3, seriesAdded: 3, bodyBytes: 0 };
const target = encodeTarget(0, [{ name: "instance", value: identity.address }]);

function encode(text: string, cache = new ShapeCache()) {
  const { limits } = testMetric();
  const labels = targetLabels(identity, {}, {});
  const options = { address: "x", labels, honorLabels: false, honorTimestamps: true, limits, cache };
  return new ExpositionEncoder(options).encode(exposition(text));
}

function brief(maker: RecordMaker, text: string | null): string[] {
  const records = maker.make(1000, text === null ? null : encode(text), report);
  return readRecords(records).map(({ name, value, timestampMs }) => `${name} ${value} @${timestampMs}`);
}

const synthetic = [
  "up 1 @1000",
  "scrape_duration_seconds 0.25 @1000",
  "scrape_samples_scraped 3 @1000",
  "scrape_samples_post_metric_relabeling 3 @1000",
  "scrape_series_added 3 @1000",
];

test("a scrape is one record with the synthetic series at its end", () => {
  const maker = new RecordMaker(target, new ShapeCache());
  assert.deepEqual(brief(maker, "a 1\nb 2 555\n"), ["a 1 @1000", "b 2 @555", ...synthetic]);
  const [record] = maker.make(1000, encode("a 1\n"), report);
  assert.equal(record?.frameType, FrameType.scrapes);
  assert.equal(record?.samples, 6);
  assert.equal(record?.timestampMs, 1000);
});

test("a failed or empty scrape is the synthetic series alone", () => {
  const maker = new RecordMaker(target, new ShapeCache());
  assert.deepEqual(brief(maker, null), synthetic);
  assert.deepEqual(brief(maker, ""), synthetic);
});

test("the layout stays the same object while the blocks do", () => {
  const cache = new ShapeCache();
  const maker = new RecordMaker(target, cache);
  const encoded = encode("a 1\nb 2\n", cache);
  const layouts = [1, 2].map(() => maker.make(1000, encoded, report)[0]?.shapes.at(-1));
  assert.equal(layouts[0], layouts[1]);
  assert.notEqual(maker.make(1000, encode("a 1\n", cache), report)[0]?.shapes.at(-1), layouts[0]);
});

test("a scrape too large for one record becomes several, whole", () => {
  const text = Array.from({ length: 10 }, (_, index) => `m${index} ${index}${index === 8 ? " 77" : ""}\n`).join("");
  const want = brief(new RecordMaker(target, new ShapeCache()), text);
  for (const samplesMax of [8, 9, 10, 14, 15]) {
    const maker = new RecordMaker(target, new ShapeCache(), samplesMax);
    const records = maker.make(1000, encode(text), report);
    assert.ok(
      records.length === (samplesMax >= 15 ? 1 : Math.ceil(10 / (samplesMax - 5))),
      `${records.length} records`,
    );
    assert.ok(records.every((record) => record.samples <= samplesMax));
    assert.deepEqual(brief(maker, text), want);
  }
});
