import * as fc from "fast-check";
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { uncompressSync } from "snappy";
import { encodeBlock, encodeLayout } from "../../../core/protocol/shape.ts";
import type { Batch, ResolvedScrape } from "../../sink.ts";
import {
  labelList,
  type Labels,
  makeStale,
  testBatch,
  testOpaque,
  testScrape,
  testScrapeOf,
  testTarget,
  testTimeMs,
} from "../batch_testing.ts";
import { decodeRequest2 } from "./decode_2_testing.ts";
import { type DecodedSeries, decodeWriteRequest } from "./decode_testing.ts";
import { type EncoderOptions, RequestEncoder, type WriteEncoder, type WriteRequest } from "./encoder.ts";
import { RequestEncoder2 } from "./encoder_2.ts";
import { programFormat1 } from "./program_1.ts";
import { ProgramFormat2 } from "./program_2.ts";
import { ProgramEncoder } from "./program_encoder.ts";

const roomy: EncoderOptions = { samplesMax: 1_000_000, requestBytesMax: 64 * 1024 * 1024, cacheBytesMax: 1024 * 1024 };

interface Version {
  readonly name: string;
  plain(options?: EncoderOptions): WriteEncoder;
  programmed(options?: EncoderOptions): WriteEncoder;
  decode(bytes: Uint8Array): readonly DecodedSeries[];
}

const versions: readonly Version[] = [
  {
    name: "1.0",
    plain: (options = roomy) => new RequestEncoder(options),
    programmed: (options = roomy) => new ProgramEncoder(options, () => programFormat1, new RequestEncoder(options)),
    decode: decodeWriteRequest,
  },
  {
    name: "2.0",
    plain: (options = roomy) => new RequestEncoder2(options),
    programmed: (options = roomy) =>
      new ProgramEncoder(options, () => new ProgramFormat2(options.cacheBytesMax), new RequestEncoder2(options)),
    decode: decodeRequest2,
  },
];

interface Sent {
  readonly isCompressed: boolean;
  readonly series: readonly DecodedSeries[];
}

function send(version: Version, encoder: WriteEncoder, batch: Batch): Sent[] {
  return Array.from(encoder.requests(batch), (request: WriteRequest) => {
    const body = request.isCompressed ? uncompressSync(request.body, { asBuffer: true }) as Buffer : request.body;
    const series = version.decode(new Uint8Array(body));
    assert.equal(request.samples, series.length);
    return { isCompressed: request.isCompressed, series };
  });
}

/** The samples of each series, in the order in which they are sent; for 2.0 with their metadata. */
function bySeries(sent: readonly Sent[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const { samples, ...series } of sent.flatMap((one) => one.series)) {
    const key = JSON.stringify(series.labels);
    found.set(key, [...found.get(key) ?? [], { ...series, samples }]);
  }
  return found;
}

/** Encodes a batch until what can be a program is one; returns what was sent then. */
function warmed(version: Version, encoder: WriteEncoder, batch: Batch): Sent[] {
  for (let round = 0; round < 12; round++) send(version, encoder, batch);
  return send(version, encoder, batch);
}

interface Drawn {
  readonly blocks: readonly (readonly { readonly name: string; readonly labels: Labels }[])[];
  readonly help: string;
}

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("a", "shop", "x".repeat(200), "le", "0.5"),
);
const labelName = fc.constantFrom("job", "instance", "le", "a", "z", "\u{1f600}", "__name__a");
const drawnShape: fc.Arbitrary<Drawn> = fc.record({
  blocks: fc.array(
    fc.array(fc.record({ name: text, labels: fc.dictionary(labelName, text, { maxKeys: 4 }) }), { maxLength: 12 }),
    { maxLength: 3 },
  ),
  help: text,
});
const drawnTarget = fc.dictionary(labelName, text, { maxKeys: 5 });
const drawnScrape = fc.record({
  shape: fc.nat({ max: 1 }),
  target: fc.nat({ max: 3 }),
  timestampMs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: testTimeMs, max: testTimeMs + 5 }) },
    { weight: 1, arbitrary: fc.integer({ min: -5, max: 2 ** 50 }) },
  ),
  hasTimes: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  values: fc.array(fc.oneof(fc.double(), fc.constantFrom(0, -0, Infinity, -Infinity, NaN)), {
    minLength: 1,
    maxLength: 20,
  }),
  staleAt: fc.option(fc.nat({ max: 10 })),
});

/** Of a target with a label `pod`, by which its series differ from those of every other target. */
function scrapeOf(shape: Drawn, labels: Labels, drawn: typeof drawnScrape extends fc.Arbitrary<infer T> ? T : never) {
  const blocks = shape.blocks.map((series) =>
    encodeBlock(
      { family: "f", type: "counter", help: shape.help, unit: "" },
      series.map(({ name, labels: own }) => ({ name, labels: labelList(own) })),
    ).shape
  );
  const count = shape.blocks.flat().length;
  const at = (index: number) => drawn.values[index % drawn.values.length] as number;
  const scrape: ResolvedScrape = {
    target: testTarget(labels).shape,
    layout: encodeLayout(blocks.map(({ id }) => id)).shape,
    blocks,
    timestampMs: drawn.timestampMs,
    values: Float64Array.from({ length: count }, (_, index) => at(index)),
    sampleTimesMs: drawn.hasTimes ? Float64Array.from({ length: count }, (_, index) => index % 2 ? NaN : index) : null,
  };
  if (drawn.staleAt !== null && drawn.staleAt < count) makeStale(scrape, drawn.staleAt);
  return scrape;
}

for (const version of versions) {
  suite(`programs for ${version.name}`, () => {
    test("requests of programs hold what those of the plain path do", () => {
      let compressed = 0;
      const drawnBatch = fc.tuple(
        fc.array(drawnShape, { minLength: 2, maxLength: 2 }),
        fc.array(drawnTarget, { minLength: 4, maxLength: 4 }),
        fc.array(drawnScrape, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(1_000_000, 30),
      );
      fc.assert(
        fc.property(drawnBatch, ([shapes, targets, drawn, samplesMax]) => {
          const scrapes = drawn.map((one) =>
            scrapeOf(shapes[one.shape] as Drawn, { ...targets[one.target], pod: `${one.target}` }, one)
          );
          const batch = testBatch(scrapes);
          const options = { ...roomy, samplesMax };
          const sent = warmed(version, version.programmed(options), batch);
          assert.deepEqual(bySeries(sent), bySeries(send(version, version.plain(options), batch)));
          assert.ok(sent.every(({ series }) => series.length <= samplesMax));
          compressed += sent.filter(({ isCompressed }) => isCompressed).length;
        }),
        { numRuns: 80 },
      );
      // Otherwise the plain path would have been compared with itself.
      assert.ok(compressed > 25, `${compressed}`);
    });

    test("a scrape goes the plain way until its like was seen three times, and is a program then", () => {
      const encoder = version.programmed();
      const ways = Array.from({ length: 6 }, (_, round) => {
        const target = testTarget({ job: "shop", instance: `10.0.0.${round}` });
        const scrape = testScrape([[{ name: "up", value: round }]], { target, timestampMs: testTimeMs + round });
        return send(version, encoder, testBatch([scrape])).map(({ isCompressed }) => isCompressed);
      });
      assert.deepEqual(ways, [[false], [false], [false], [true], [true], [true]]);
    });

    test("one program serves targets whose values have the same lengths", () => {
      const encoder = version.programmed();
      warmed(version, encoder, testBatch([testScrapeOf("m", 50)]));
      const target = testTarget({ job: "cart", instance: "10.9.8.7:9100" });
      const batch = testBatch([testScrape([Array.from({ length: 50 }, (_, index) => ({
        name: "m",
        labels: { n: String(index) },
        value: index,
      }))], { target })]);
      const sent = send(version, encoder, batch);
      assert.deepEqual(sent.map(({ isCompressed }) => isCompressed), [true]);
      assert.deepEqual(bySeries(sent), bySeries(send(version, version.plain(), batch)));
    });

    test("scrapes with times of their own, or with a time of another length, go the plain way", () => {
      const encoder = version.programmed();
      warmed(version, encoder, testBatch([testScrapeOf("m", 5)]));
      const early = { ...testScrapeOf("m", 5), timestampMs: 7 };
      const own = { ...testScrapeOf("m", 5), sampleTimesMs: Float64Array.of(1, NaN, 2, NaN, 3) };
      for (const scrape of [early, own]) {
        const batch = testBatch([scrape]);
        const sent = send(version, encoder, batch);
        assert.deepEqual(sent.map(({ isCompressed }) => isCompressed), [false]);
        assert.deepEqual(bySeries(sent), bySeries(send(version, version.plain(), batch)));
      }
    });

    test("a target whose scrapes cannot all go one way goes the plain way, in the order of time", () => {
      const encoder = version.programmed();
      warmed(version, encoder, testBatch([testScrapeOf("m", 5)]));
      const times = [3, 1, 2].map((second) => testTimeMs + second * 1000);
      const [third, first, second] = times.map((timeMs) => testScrapeOf("m", 5, timeMs));
      const other = testScrapeOf("m", 6, second!.timestampMs);
      const sent = send(version, encoder, testBatch([third!, other, first!]));
      assert.deepEqual(sent.map(({ isCompressed }) => isCompressed), [false]);
      const seen = sent.flatMap(({ series }) => series.map(({ samples }) => samples[0]?.timestampMs));
      assert.deepEqual(seen, seen.toSorted((a, b) => Number(a) - Number(b)));
    });

    test("programs stay within their bytes, and what has none goes the plain way", () => {
      const encoder = version.programmed({ ...roomy, cacheBytesMax: 4000 });
      const batch = testBatch(Array.from({ length: 40 }, (_, index) => testScrapeOf(`m${index}`, 3)));
      const sent = warmed(version, encoder, batch);
      assert.deepEqual(bySeries(sent), bySeries(send(version, version.plain(), batch)));
    });

    test("opaque records are counted as the plain path does", () => {
      const encoder = version.programmed();
      assert.deepEqual(send(version, encoder, testBatch([], [testOpaque("text")])), []);
      assert.equal(encoder.notCarriedRecords, 1);
      warmed(version, encoder, testBatch([testScrapeOf("m", 5)]));
      assert.equal(encoder.notCarriedRecords, 0);
    });
  });
}
