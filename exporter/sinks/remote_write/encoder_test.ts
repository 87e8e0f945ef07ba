import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch } from "../../sink.ts";
import {
  makeStale,
  stalenessBits,
  testBatch,
  testOpaque,
  type TestSample,
  testScrape,
  testScrapeOf,
  testTarget,
  testTimeMs,
} from "../batch_testing.ts";
import { materializeLabels } from "../materialize.ts";
import { type DecodedSeries, decodeWriteRequest } from "./decode_testing.ts";
import { type EncoderOptions, RequestEncoder } from "./encoder.ts";

const roomy: EncoderOptions = { samplesMax: 1_000_000, requestBytesMax: 64 * 1024 * 1024, cacheBytesMax: 1024 * 1024 };

/** The requests of a batch, decoded. */
function encode(batch: Batch, options: Partial<EncoderOptions> = {}): DecodedSeries[][] {
  const encoder = new RequestEncoder({ ...roomy, ...options });
  return Array.from(encoder.requests(batch), ({ body, samples }) => {
    const series = decodeWriteRequest(body);
    assert.equal(samples, series.length);
    return series;
  });
}

function hexOf(batch: Batch): string {
  const [request] = new RequestEncoder(roomy).requests(batch);
  return Buffer.from(request?.body ?? []).toString("hex");
}

/** What the requests should hold for one scrape, in order. */
function expected(samples: readonly TestSample[], target: Readonly<Record<string, string>>, scrapeMs: number) {
  const { shape } = testTarget(target);
  return samples.map(({ name, labels, value, timestampMs }) => {
    const own = Object.entries(labels ?? {}).map(([label, text]) => ({ name: label, value: text }));
    const materialized = materializeLabels({ name, labels: own }, shape);
    return {
      labels: materialized.map((label) => [label.name, label.value]),
      value: value,
      timestampMs: timestampMs ?? scrapeMs,
    };
  });
}

function flatten(requests: readonly (readonly DecodedSeries[])[]) {
  return requests.flat().map(({ labels, samples }) => {
    assert.equal(samples.length, 1);
    return { labels, value: samples[0]?.value, timestampMs: samples[0]?.timestampMs };
  });
}

test("a request has the bytes of the protobuf specification", () => {
  const scrape = testScrape([[{ name: "up", value: 1.5 }]], { target: testTarget({ job: "a" }) });
  assert.equal(
    hexOf(testBatch([scrape])),
    [
      "0a2c", // time series of 44 bytes
      "0a0e0a085f5f6e616d655f5f12027570", // label __name__="up"
      "0a080a036a6f62120161", // label job="a"
      "1210", // sample of 16 bytes
      "09000000000000f83f", // 1.5
      "108082e39cf331", // 1714557600000
    ].join(""),
  );
});

test("a staleness marker keeps its bits", () => {
  const scrape = testScrape([[{ name: "up", value: 0 }]], { target: testTarget({ job: "a" }) });
  makeStale(scrape, 0);
  assert.ok(hexOf(testBatch([scrape])).includes("121009020000000000f07f108082e39cf331"));
});

test("staleness markers keep their bits on the slow path too", () => {
  const scrape = testScrape([[{ name: "a", value: 0, timestampMs: 5 }, { name: "b", value: 0 }]]);
  makeStale(scrape, 0);
  makeStale(scrape, 1);
  const bits = encode(testBatch([scrape])).flat().map(({ samples }) => samples[0]?.bits);
  assert.deepEqual(bits, [stalenessBits, stalenessBits]);
});

test("what is decoded is what was scraped, whatever its labels, values and times", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 300 });
  const sample = fc.record({
    name: text.filter((name) => name !== ""),
    labels: fc.dictionary(text.filter((name) => name !== "" && name !== "__name__"), text, { maxKeys: 4 }),
    value: fc.double({ noNaN: true }),
    timestampMs: fc.option(fc.integer({ min: -(2 ** 40), max: 2 ** 50 }), { nil: undefined, freq: 3 }),
  }, { requiredKeys: ["name", "labels", "value"] }).map((made) => {
    const { timestampMs, ...rest } = made;
    return timestampMs === undefined ? rest : { ...rest, timestampMs };
  });
  const block = fc.array(sample, { maxLength: 5 });
  const scrapeMs = fc.integer({ min: 2 ** 35 - 10, max: 2 ** 42 + 10 });
  const target = { job: "shop", empty: "" };
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 3 }),
      scrapeMs,
      fc.integer({ min: 1, max: 20 }),
      (blocks, timeMs, samplesMax) => {
        const scrape = testScrape(blocks, { timestampMs: timeMs, target: testTarget(target) });
        const requests = encode(testBatch([scrape]), { samplesMax });
        assert.deepEqual(flatten(requests), expected(blocks.flat(), target, timeMs));
        assert.ok(requests.every((request) => request.length >= 1 && request.length <= samplesMax));
      },
    ),
  );
});

test("the second scrape of a target, encoded from the cache, is as right as the first", () => {
  const encoder = new RequestEncoder(roomy);
  for (const [round, timeMs] of [testTimeMs, testTimeMs + 60_000].entries()) {
    const samples = [{ name: "a", value: round }, { name: "b", value: -round }];
    const [request] = encoder.requests(testBatch([testScrape([samples], { timestampMs: timeMs })]));
    const want = expected(samples, { job: "shop", instance: "10.0.0.1:9100" }, timeMs);
    assert.deepEqual(flatten([decodeWriteRequest(request?.body ?? new Uint8Array())]), want);
  }
});

test("scrapes go in the order of their times, so that samples of a series do", () => {
  const times = [3, 1, 2].map((second) => testTimeMs + second * 1000);
  const requests = encode(testBatch(times.map((timeMs) => testScrapeOf("m", 2, timeMs))));
  const seen = flatten(requests).map(({ timestampMs }) => ((timestampMs ?? 0) - testTimeMs) / 1000);
  assert.deepEqual(seen, [1, 1, 2, 2, 3, 3]);
});

test("requests are split at the maximum of samples, inside a family too", () => {
  const requests = encode(testBatch([testScrapeOf("a", 25), testScrapeOf("b", 5)]), { samplesMax: 10 });
  assert.deepEqual(requests.map((request) => request.length), [10, 10, 10]);
  assert.deepEqual(flatten(requests).map(({ value }) => value), [...Array(25).keys(), ...Array(5).keys()]);
});

test("requests are split at the maximum of bytes, and a series that is larger alone goes alone", () => {
  const long = { name: "long", labels: { text: "x".repeat(1000) }, value: 1 };
  const short = Array.from({ length: 6 }, (_, index) => ({ name: `short${index}`, value: 1 }));
  const encoder = new RequestEncoder({ ...roomy, requestBytesMax: 300 });
  const batch = testBatch([testScrape([[...short, long, ...short]])]);
  const requests = Array.from(encoder.requests(batch), ({ body, samples }) => ({ bytes: body.length, samples }));
  assert.equal(requests.reduce((sum, { samples }) => sum + samples, 0), 13);
  assert.ok(requests.filter(({ bytes }) => bytes > 300).every(({ samples }) => samples === 1));
  assert.ok(requests.length < 10);
});

test("an opaque record with a prometheus part becomes samples, others are counted", () => {
  const record = JSON.stringify({
    "@timestamp": "2024-05-01T10:00:01Z",
    objmeta: { name: "cart-0", namespace: "shop" },
    prometheus: { collector: { metrics: [{ key: "b", labels: { x: "1" }, value: 2 }, { key: "a", value: 1 }] } },
  });
  const encoder = new RequestEncoder(roomy);
  const batch = testBatch([], [testOpaque(record), testOpaque(`{"data":"text"}`)]);
  const requests = Array.from(encoder.requests(batch), ({ body }) => decodeWriteRequest(body));
  assert.equal(encoder.notCarriedRecords, 1);
  const timestampMs = testTimeMs + 1000;
  assert.deepEqual(flatten(requests), [
    { labels: [["__name__", "b"], ["namespace", "shop"], ["pod", "cart-0"], ["x", "1"]], value: 2, timestampMs },
    { labels: [["__name__", "a"], ["namespace", "shop"], ["pod", "cart-0"]], value: 1, timestampMs },
  ]);
});

test("a batch without samples is no request", () => {
  assert.deepEqual(encode(testBatch([testScrape([[]])], [testOpaque("text")])), []);
});
