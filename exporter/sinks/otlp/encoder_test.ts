import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBlock } from "../../../core/protocol/shape.ts";
import type { Batch, ResolvedScrape } from "../../sink.ts";
import {
  labelList,
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
import { type DecodedMetric, decodeExportRequest } from "./decode_testing.ts";
import { OtlpEncoder, type OtlpEncoderOptions } from "./encoder.ts";
import { resourceLabelsDefault } from "./sink.ts";

const roomy: OtlpEncoderOptions = {
  samplesMax: 1_000_000,
  requestBytesMax: 64 * 1024 * 1024,
  cacheBytesMax: 1024 * 1024,
  resourceLabels: resourceLabelsDefault,
};

function encode(batch: Batch, options: Partial<OtlpEncoderOptions> = {}): DecodedMetric[] {
  const requests = new OtlpEncoder({ ...roomy, ...options }).requests(batch);
  return Array.from(requests, ({ body }) => decodeExportRequest(body)).flat();
}

/** A scrape of one family. */
function scrapeOf(type: string, family: string, samples: readonly TestSample[], unit = ""): ResolvedScrape {
  const series = samples.map(({ name, labels }) => ({ name, labels: labelList(labels ?? {}) }));
  const { shape } = encodeBlock({ family, type, help: `help of ${family}`, unit }, series);
  return { ...testScrape([samples]), blocks: [shape] };
}

test("job and instance are the resource, all other labels the point's", () => {
  const [metric, ...more] = encode(testBatch([testScrape([[{ name: "up", labels: { a: "b" }, value: 1.5 }]])]));
  assert.deepEqual(more, []);
  assert.deepEqual(metric?.resource, { "service.name": "shop", "service.instance.id": "10.0.0.1:9100" });
  assert.deepEqual([metric?.name, metric?.kind], ["up", "gauge"]);
  const [point] = metric?.points ?? [];
  assert.deepEqual([point?.attributes, point?.value, point?.flags], [{ a: "b" }, 1.5, 0]);
  assert.equal(point?.timeNanos, BigInt(testTimeMs) * 1_000_000n);
});

test("further labels go to the resource when they are named", () => {
  const resourceLabels = new Map([...resourceLabelsDefault, ["cluster", "k8s.cluster.name"]]);
  const target = testTarget({ job: "a", cluster: "c" });
  const [metric] = encode(testBatch([testScrape([[{ name: "up", value: 1 }]], { target })]), { resourceLabels });
  assert.deepEqual(metric?.resource, { "k8s.cluster.name": "c", "service.name": "a" });
  assert.deepEqual(metric?.points[0]?.attributes, {});
});

test("a series with a job of its own has another resource", () => {
  const metrics = encode(
    testBatch([testScrape([[{ name: "m", value: 1 }, { name: "m", labels: { job: "own" }, value: 2 }]])]),
  );
  assert.deepEqual(metrics.map(({ resource, points }) => [resource["service.name"], points[0]?.value]), [
    ["shop", 1],
    ["own", 2],
  ]);
});

test("the type of the family decides the kind of metric, and names stay as they are", () => {
  function check(type: string, name: string, want: readonly [kind: string, isMonotonic: boolean, temporality: number]) {
    const [metric] = encode(testBatch([scrapeOf(type, "f", [{ name, value: 1 }])]));
    assert.deepEqual([metric?.kind, metric?.isMonotonic, metric?.temporality], want, `${type} ${name}`);
    assert.deepEqual([metric?.name, metric?.help], [name, "help of f"]);
  }
  check("counter", "f", ["sum", true, 2]);
  check("counter", "f_total", ["sum", true, 2]);
  check("counter", "f_created", ["gauge", false, 0]);
  check("gauge", "f", ["gauge", false, 0]);
  check("unknown", "f", ["gauge", false, 0]);
  check("gaugehistogram", "f_gcount", ["gauge", false, 0]);
  check("info", "f_info", ["sum", false, 2]);
  check("stateset", "f", ["sum", false, 2]);
  check("histogram", "f_created", ["gauge", false, 0]);
  check("summary", "f", ["gauge", false, 0]);
});

test("units have the names of UCUM", () => {
  for (
    const [unit, want] of [["seconds", "s"], ["bytes", "By"], ["parsecs", "parsecs"], ["", ""], [
      "toString",
      "toString",
    ]]
  ) {
    assert.equal(encode(testBatch([scrapeOf("gauge", "f", [{ name: "f", value: 1 }], unit)]))[0]?.unit, want);
  }
});

const histogram: readonly TestSample[] = [
  { name: "h_bucket", labels: { le: "0.1", path: "/" }, value: 2 },
  { name: "h_bucket", labels: { le: "+Inf", path: "/" }, value: 10 },
  { name: "h_bucket", labels: { le: "1.0", path: "/" }, value: 7 },
  { name: "h_sum", labels: { path: "/" }, value: 3.5 },
  { name: "h_count", labels: { path: "/" }, value: 10 },
];

test("a histogram is one point with the counts of each bucket", () => {
  const [metric, ...more] = encode(testBatch([scrapeOf("histogram", "h", histogram)]));
  assert.deepEqual(more, []);
  assert.deepEqual([metric?.kind, metric?.name, metric?.temporality, metric?.points.length], ["histogram", "h", 2, 1]);
  const [point] = metric?.points ?? [];
  assert.deepEqual(point?.attributes, { path: "/" });
  assert.deepEqual([point?.count, point?.sum, point?.buckets, point?.bounds], [10n, 3.5, [2n, 5n, 3n], [0.1, 1]]);
  assert.equal(point?.timeNanos, BigInt(testTimeMs) * 1_000_000n);
});

test("the counts of a histogram's buckets are never negative, and make the whole", () => {
  const values = fc.double({ noNaN: true, min: -10, max: 2 ** 54 });
  fc.assert(fc.property(fc.array(values, { minLength: 5, maxLength: 5 }), (five) => {
    const samples = histogram.map((sample, index) => ({ ...sample, value: five[index] ?? 0 }));
    const point = encode(testBatch([scrapeOf("histogram", "h", samples)]))[0]?.points[0];
    assert.equal(point?.buckets.reduce((sum, count) => sum + count, 0n), point?.count);
    assert.ok(point?.buckets.every((count) => count < 2n ** 53n));
  }));
});

test("a summary is one point with its quantiles", () => {
  const samples = [
    { name: "s", labels: { quantile: "0.5" }, value: 0.25 },
    { name: "s", labels: { quantile: "0.99" }, value: NaN },
    { name: "s_sum", value: 4 },
    { name: "s_count", value: 3 },
  ];
  const [metric] = encode(testBatch([scrapeOf("summary", "s", samples)]));
  const [point] = metric?.points ?? [];
  assert.deepEqual([metric?.kind, metric?.name, point?.count, point?.sum], ["summary", "s", 3n, 4]);
  assert.deepEqual(point?.quantiles, [[0.5, 0.25], [0.99, NaN]]);
});

test("a histogram without its count is not carried, and that is told", () => {
  const encoder = new OtlpEncoder(roomy);
  const batch = testBatch([scrapeOf("histogram", "h", [...histogram.slice(0, 4), { name: "h_created", value: 1 }])]);
  const requests = Array.from(encoder.requests(batch), ({ samples }) => samples);
  assert.deepEqual([requests, encoder.notCarried], [[1], { records: 0, samples: 4 }]);
});

test("what is stale has no recorded value, and keeps its bits where there are some", () => {
  const gauge = testScrape([[{ name: "a", value: 0 }, { name: "a", labels: { n: "1" }, value: NaN }]]);
  makeStale(gauge, 0);
  const stale = scrapeOf("histogram", "h", histogram);
  for (const index of histogram.keys()) makeStale(stale, index);
  const [number, whole] = encode(testBatch([gauge, stale]));
  assert.deepEqual(number?.points.map(({ flags }) => flags), [1, 0]);
  assert.equal(number?.points[0]?.bits, stalenessBits);
  assert.deepEqual([whole?.points[0]?.flags, whole?.points[0]?.count], [1, 0n]);
});

test("values and times are exact, whatever they are and however requests are cut", () => {
  const sample = fc.record({ value: fc.double(), timestampMs: fc.oneof(fc.constant(NaN), fc.nat({ max: 2 ** 43 })) });
  fc.assert(fc.property(fc.array(sample, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), (drawn, samplesMax) => {
    const samples = drawn.map((one, index) => ({ ...one, name: `m${index}`, labels: { n: String(index) } }));
    const scrape = testScrape(samples.map((one) => [one]));
    const requests = [...new OtlpEncoder({ ...roomy, samplesMax }).requests(testBatch([scrape]))].length;
    const points = encode(testBatch([scrape]), { samplesMax }).flatMap((metric) => metric.points);
    const timeMs = (one: { readonly timestampMs: number }) =>
      Number.isNaN(one.timestampMs) ? testTimeMs : one.timestampMs;
    assert.deepEqual(
      points.map(({ value, timeNanos, attributes }) => [attributes["n"], value, timeNanos]),
      samples.map((one) => [one.labels.n, one.value, BigInt(timeMs(one)) * 1_000_000n]),
    );
    assert.equal(requests, Math.ceil(samples.length / samplesMax));
  }));
});

test("a large family is cut between two metrics of its name", () => {
  const encoder = new OtlpEncoder({ ...roomy, samplesMax: 1000 });
  const sizes: number[] = [];
  for (const { body, samples, points } of encoder.requests(testBatch([testScrapeOf("wide", 2600)]))) {
    const metrics = decodeExportRequest(body);
    assert.ok(metrics.every(({ name }) => name === "wide"));
    assert.equal(metrics.reduce((sum, metric) => sum + metric.points.length, 0), points);
    sizes.push(samples);
  }
  assert.deepEqual(sizes, [1000, 1000, 600]);
});

test("an opaque record with a prometheus part becomes gauges, others are counted", () => {
  const metrics = [{ key: "b", labels: { x: "1" }, value: 2 }, { key: "a", value: 1 }];
  const record = JSON.stringify({ objmeta: { ip: "10.0.0.9" }, prometheus: { collector: { metrics } } });
  const encoder = new OtlpEncoder(roomy);
  const requests = encoder.requests(testBatch([], [testOpaque(record), testOpaque("text")]));
  const decoded = Array.from(requests, ({ body }) => decodeExportRequest(body)).flat();
  assert.deepEqual(
    decoded.map(({ name, resource, points }) => [name, resource, points[0]?.attributes, points[0]?.value]),
    [
      ["b", { "service.instance.id": "10.0.0.9" }, { x: "1" }, 2],
      ["a", { "service.instance.id": "10.0.0.9" }, {}, 1],
    ],
  );
  assert.equal(encoder.notCarried.records, 1);
});
