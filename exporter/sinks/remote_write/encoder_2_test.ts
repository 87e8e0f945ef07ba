import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBlock } from "../../../core/protocol/shape.ts";
import type { Batch } from "../../sink.ts";
import {
  labelList,
  makeStale,
  stalenessBits,
  testBatch,
  testOpaque,
  testScrape,
  testScrapeOf,
  testTarget,
} from "../batch_testing.ts";
import { type DecodedSeries2, decodeRequest2 } from "./decode_2_testing.ts";
import { decodeWriteRequest } from "./decode_testing.ts";
import { type EncoderOptions, RequestEncoder } from "./encoder.ts";
import { RequestEncoder2 } from "./encoder_2.ts";

const roomy: EncoderOptions = { samplesMax: 1_000_000, requestBytesMax: 64 * 1024 * 1024, cacheBytesMax: 1024 * 1024 };

/** The requests of a batch, decoded. */
function encode(batch: Batch, options: Partial<EncoderOptions> = {}): DecodedSeries2[][] {
  return decodeAll(new RequestEncoder2({ ...roomy, ...options }), batch);
}

function decodeAll(encoder: RequestEncoder2, batch: Batch): DecodedSeries2[][] {
  return Array.from(encoder.requests(batch), ({ body, samples }) => {
    const series = decodeRequest2(body);
    assert.equal(samples, series.length);
    return series;
  });
}

/** What remote write 1.0 makes of the batch: the oracle for labels, values and times. */
function oracle(batch: Batch) {
  return Array.from(new RequestEncoder(roomy).requests(batch), ({ body }) => decodeWriteRequest(body)).flat();
}

function bare(series: readonly DecodedSeries2[]) {
  return series.map(({ labels, samples }) => ({ labels, samples }));
}

test("a request has the bytes of the protobuf specification", () => {
  const block = encodeBlock({ family: "up", type: "gauge", help: "H", unit: "" }, [{ name: "up", labels: [] }]).shape;
  const scrape = {
    ...testScrape([[{ name: "up", value: 1.5 }]], { target: testTarget({ job: "a" }) }),
    blocks: [block],
  };
  const [request] = new RequestEncoder2(roomy).requests(testBatch([scrape]));
  assert.equal(
    Buffer.from(request?.body ?? []).toString("hex"),
    [
      "2200", // symbols[0] = ""
      "22085f5f6e616d655f5f", // symbols[1] = "__name__"
      "22027570", // symbols[2] = "up"
      "22036a6f62", // symbols[3] = "job"
      "220161", // symbols[4] = "a"
      "220148", // symbols[5] = "H"
      "2a1e", // time series of 30 bytes
      "0a0401020304", // labels
      "1210", // sample of 16 bytes
      "09000000000000f83f", // 1.5
      "108082e39cf331", // 1714557600000
      "2a0408021805", // metadata: a gauge, with help
    ].join(""),
  );
});

test("a staleness marker keeps its bits", () => {
  const scrape = testScrape([[{ name: "a", value: 0, timestampMs: 5 }, { name: "b", value: 0 }]]);
  makeStale(scrape, 0);
  makeStale(scrape, 1);
  const bits = encode(testBatch([scrape])).flat().map(({ samples }) => samples[0]?.bits);
  assert.deepEqual(bits, [stalenessBits, stalenessBits]);
});

test("labels, values and times are those of 1.0, whatever they are and however requests are cut", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 300 });
  const sample = fc.record({
    name: text.filter((name) => name !== ""),
    labels: fc.dictionary(text.filter((name) => name !== "" && name !== "__name__"), text, { maxKeys: 4 }),
    value: fc.double(),
    timestampMs: fc.oneof(fc.constant(NaN), fc.integer({ min: -(2 ** 40), max: 2 ** 50 })),
  });
  const blocks = fc.array(fc.array(sample, { maxLength: 5 }), { maxLength: 3 });
  fc.assert(fc.property(fc.array(blocks, { maxLength: 3 }), fc.integer({ min: 1, max: 20 }), (scrapes, samplesMax) => {
    const batch = testBatch(scrapes.map((one) => testScrape(one)));
    const requests = encode(batch, { samplesMax });
    assert.deepEqual(bare(requests.flat()), oracle(batch));
    assert.ok(requests.every((request) => request.length >= 1 && request.length <= samplesMax));
  }));
});

test("references and series beyond 127 bytes or symbols are right", () => {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`label${index}`, "x".repeat(index * 5)]));
  const wide = Array.from(
    { length: 300 },
    (_, index) => ({ name: `m${index}`, labels: { ...labels, n: `${index}` }, value: index }),
  );
  const batch = testBatch([testScrape([wide])]);
  assert.deepEqual(bare(encode(batch).flat()), oracle(batch));
});

test("type, help and unit go with each series, and none where nothing is known", () => {
  const types = [
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
    "unknown",
    "toString",
  ];
  const blocks = types.map((type) =>
    encodeBlock({ family: "f", type, help: `a ${type}`, unit: "s" }, [{ name: "f", labels: labelList({ type }) }]).shape
  );
  const values = testScrape([types.map((type) => ({ name: "f", labels: { type }, value: 1 }))]);
  const series = encode(testBatch([{ ...values, blocks }])).flat();
  assert.deepEqual(
    series.map(({ metadata }) => metadata),
    [1, 2, 3, 4, 5, 6, 7, 0, 0].map((type, index) => ({
      type,
      help: `a ${types[index]}`,
      unit: "s",
    })),
  );
  const record = JSON.stringify({ prometheus: { collector: { metrics: [{ key: "a", value: 1 }] } } });
  assert.deepEqual(encode(testBatch([], [testOpaque(record)])).flat().map(({ metadata }) => metadata), [null]);
});

test("later batches, encoded from the cache, are as right as the first, also when the dictionary is begun anew", () => {
  const encoder = new RequestEncoder2({ ...roomy, cacheBytesMax: 4096 });
  for (let round = 0; round < 50; round++) {
    const batch = testBatch([testScrapeOf("same", 5), testScrapeOf(`only_${round}`, 5)]);
    assert.deepEqual(bare(decodeAll(encoder, batch).flat()), oracle(batch));
  }
});

test("a request ends with the series that reaches its bytes", () => {
  const requests = encode(testBatch([testScrapeOf("a", 100)]), { requestBytesMax: 300 });
  assert.equal(requests.flat().length, 100);
  assert.ok(requests.length > 10);
});

test("an opaque record without samples is counted, and no request", () => {
  const encoder = new RequestEncoder2(roomy);
  assert.deepEqual(decodeAll(encoder, testBatch([testScrape([[]])], [testOpaque("text")])), []);
  assert.equal(encoder.notCarriedRecords, 1);
});
