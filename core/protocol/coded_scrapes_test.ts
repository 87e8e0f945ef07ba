import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, MalformedError } from "./bytes.ts";
import { codedRecordsMax } from "./coded_scrapes.ts";
import { baseCostBytes } from "./coded_values.ts";
import type { Span } from "./encoder_bases.ts";
import { ScrapeDecoder } from "./scrape_decoder.ts";
import { ScrapeEncoder } from "./scrape_encoder.ts";
import { encodeScrapes, type Scrape, summarizeScrapes } from "./scrapes.ts";

const mebibyte = 1024 * 1024;

test("records are decoded to the bytes that were coded, with what they refer to", () => {
  const pair = new Pair(mebibyte);
  for (let round = 0; round < 5; round++) {
    const first = scrapeOf(1, 1, 1000 * round, [round, 2.5, NaN]);
    const second = {
      ...scrapeOf(2, 1, 1000 * round + 7, [round * 1e9, 0, -0]),
      sampleTimesMs: Float64Array.of(NaN, 5, NaN),
    };
    pair.carry([[first], [second, first], []]);
  }
});

test("whatever targets, layouts and values come in whatever order, within any grant", () => {
  const scrape = fc.record({
    target: fc.integer({ min: 0, max: 5 }),
    layout: fc.integer({ min: 0, max: 5 }),
    stepMs: fc.integer({ min: -10, max: 200_000 }),
    values: fc.array(fc.oneof(fc.integer(), fc.double()), { minLength: 10, maxLength: 10 }),
    timed: fc.boolean(),
  });
  const frames = fc.array(fc.array(fc.array(scrape, { maxLength: 3 }), { maxLength: 3 }), { maxLength: 12 });
  const grants = fc.constantFrom(0, 300, 700, 1200, 5000);
  fc.assert(
    fc.property(frames, grants, (list, grant) => {
      const pair = new Pair(grant);
      let timestampMs = 1_700_000_000_000;
      for (const frame of list) {
        pair.carry(frame.map((record) =>
          record.map(({ target, layout, stepMs, values, timed }) => {
            timestampMs += stepMs;
            const whole = scrapeOf(target, layout, timestampMs, values.slice(0, countOf(layout)));
            return timed ? { ...whole, sampleTimesMs: whole.values.map((_, index) => timestampMs + index) } : whole;
          })
        ));
        assert.equal(pair.encoder.bytes, pair.decoder.bytes);
        assert.ok(pair.encoder.bytes <= grant);
      }
    }),
    { numRuns: 300 },
  );
});

test("a target's next scrape is coded against its last, without its ids", () => {
  const pair = new Pair(mebibyte);
  const values = Array.from({ length: 1000 }, (_, index) => index * 1.5);
  const at = (timestampMs: number) => pair.carry([[scrapeOf(1, 3, timestampMs, values, spansOf(3, 1000))]]);
  assert.ok(at(1_700_000_000_000) > 1000);
  at(1_700_000_010_000);
  assert.equal(at(1_700_000_020_000), 1 + 1 + 1 + 1 + 4 + 125);
});

test("a layout in which most blocks stay goes on with their values", () => {
  const pair = new Pair(mebibyte);
  const values = Array.from({ length: 100 }, (_, index) => 1e9 + index * 1000);
  const blocks = Array.from({ length: 10 }, (_, index) => ({ id: idOf(100 + index), count: 10 }));
  const first = pair.carry([[scrapeOf(1, 50, 1000, values, blocks)]]);
  const churned = blocks.map((block, index) => index === 4 ? { ...block, id: idOf(999) } : block);
  const second = pair.carry([[scrapeOf(1, 51, 2000, values, churned)]]);
  assert.ok(second < first / 2 && second > 50, `${first}, then ${second} bytes`);
  assert.equal(pair.encoder.bytes, baseCostBytes(100));
});

test("a target that changes everything each time holds one base", () => {
  const pair = new Pair(mebibyte);
  for (let layout = 0; layout < 50; layout++) {
    pair.carry([[scrapeOf(1, layout, layout * 1000, Array.from({ length: 10 }, () => layout), spansOf(layout, 10))]]);
  }
  assert.equal(pair.encoder.bytes, baseCostBytes(10));
});

test("what marks series stale takes half a byte a sample and no base", () => {
  const pair = new Pair(mebibyte);
  const stale = new Float64Array(BigUint64Array.from({ length: 800 }, () => 0x7ff0000000000002n).buffer);
  const bytes = pair.carry([[{ ...scrapeOf(1, 1, 1000, []), values: stale }]]);
  assert.ok(bytes < 560, `${bytes} bytes`);
  assert.equal(pair.encoder.bytes, 0);
});

test("beyond the grant the bases in use stay, and one out of use makes room", () => {
  const pair = new Pair(baseCostBytes(10) * 2);
  const values = Array.from({ length: 10 }, () => 123.456);
  const carry = (target: number, timestampMs: number) =>
    pair.carry([[scrapeOf(target, 1, timestampMs, values, spansOf(1, 10))]]);
  for (const timestampMs of [0, 10_000, 20_000]) for (const target of [1, 2, 3]) carry(target, timestampMs);
  assert.ok(carry(1, 30_000) < 20 && carry(2, 30_000) < 20);
  assert.ok(carry(3, 30_000) > 80);
  carry(1, 200_000);
  carry(3, 200_000);
  assert.ok(carry(3, 210_000) < 20, "the second was out of use");
  assert.ok(carry(1, 210_000) < 20, "the first was not");
});

test("a frame that is missing in between is noticed, however small the difference", () => {
  const pair = new Pair(mebibyte);
  pair.carry([[scrapeOf(1, 1, 1000, [1])]]);
  pair.encode([[scrapeOf(1, 1, 2000, [2])]]);
  const third = pair.encode([[scrapeOf(1, 1, 3000, [3])]]);
  assert.throws(() => pair.decoder.decode(third), /bases differ/);
});

test("bytes that no sender makes are malformed, and allocate nothing", () => {
  const ids = new Uint8Array(40);
  const head = (mode: number) => new ByteWriter().varint(1).u8(mode);
  const bodies = {
    "an empty slot": head(0).varint(0).varint(0).u32(0),
    "an empty slot that is dropped": head(0x22).varint(1).varint(7).raw(ids).varint(0).u32(0),
    "mode 3": head(3).raw(ids).varint(0).u32(0),
    "an unknown flag": head(0x42).raw(ids).varint(0).u32(0),
    "more samples than bytes": head(2).raw(ids).varint(2 ** 40).u32(0),
    "more than the grant": head(1).varint(0).raw(ids).varint(200_000).varint(0).u32(0).raw(new Uint8Array(25_000)),
    "moves from nowhere": head(1).varint(0).raw(ids).varint(8).varint(1).varint(0).varint(0).varint(1).u32(0).u8(0),
    "another checksum": head(2).raw(ids).varint(1).u32(1).u8(0),
    "too few sample times": head(0x12).raw(ids).varint(2).varint(1).u8(0).u32(0).u8(0),
    "more records than a frame may have": new ByteWriter().raw(new Uint8Array(codedRecordsMax + 1)),
    "more than 16 MiB when decoded": head(2).raw(ids).varint(2_097_152).u32(0).raw(new Uint8Array(262_144)),
  };
  for (const [what, body] of Object.entries(bodies)) {
    assert.throws(() => new ScrapeDecoder(mebibyte).decode(body.finish()), MalformedError, what);
  }
});

test("mutated frames are decoded or malformed, and what is decoded has the form of SCRAPES", () => {
  const good = [0, 1, 2].map((
    round,
  ) => [[scrapeOf(1, 2, round * 1000, [round, 1.5])], [scrapeOf(2, 2, round, [7, round])]]);
  const change = fc.record({ frame: fc.nat(2), at: fc.nat(200), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(5), (changes, cut) => {
      const pair = new Pair(5000);
      const frames = good.map((records) => pair.encode(records));
      for (const { frame, at, byte } of changes) {
        const bytes = frames[frame];
        if (bytes !== undefined) bytes[at % bytes.length] = byte;
      }
      const last = frames.pop() ?? new Uint8Array(0);
      frames.push(last.subarray(0, Math.max(0, last.length - cut)));
      try {
        for (const bytes of frames) {
          for (const { body, summaries } of pair.decoder.decode(bytes)) {
            assert.deepEqual(summarizeScrapes(body), summaries);
          }
        }
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
      }
      assert.ok(pair.decoder.bytes <= 5000);
    }),
    { numRuns: 1500 },
  );
});

interface TestScrape extends Scrape {
  readonly spans: readonly Span[];
}

/** Both ends of a session. */
class Pair {
  readonly encoder: ScrapeEncoder;
  readonly decoder: ScrapeDecoder;

  constructor(grantBytes: number) {
    this.encoder = new ScrapeEncoder(grantBytes);
    this.decoder = new ScrapeDecoder(grantBytes);
  }

  encode(records: readonly (readonly TestScrape[])[]): Uint8Array {
    const into = new ByteWriter();
    for (const record of records) {
      const spans = new Map(record.map((scrape) => [scrape.layoutId, scrape.spans]));
      this.encoder.encode(encodeScrapes(record), (layoutId) => spans.get(layoutId) ?? [], into);
    }
    return into.finish();
  }

  /** Encodes, decodes and compares a frame of these records; returns its length. */
  carry(records: readonly (readonly TestScrape[])[]): number {
    const coded = this.encode(records);
    const decoded = this.decoder.decode(coded);
    const plain = records.map((record) => encodeScrapes(record));
    assert.deepEqual(decoded.map(({ body }) => body), plain);
    assert.deepEqual(decoded.map(({ summaries }) => summaries), plain.map(summarizeScrapes));
    return coded.length;
  }
}

function scrapeOf(
  target: number,
  layout: number,
  timestampMs: number,
  values: readonly number[],
  spans: readonly Span[] = spansOf(layout, values.length),
): TestScrape {
  return {
    targetId: idOf(target),
    layoutId: idOf(layout),
    timestampMs,
    values: Float64Array.from(values),
    sampleTimesMs: null,
    spans,
  };
}

/** One block with all series, which no other layout has. */
function spansOf(layout: number, count: number): readonly Span[] {
  return [{ id: idOf(1000 + layout), count }];
}

function countOf(layout: number): number {
  return 1 + layout * 3 % 10;
}

function idOf(number: number): string {
  return number.toString(16).padStart(8, "0").padEnd(32, "0");
}
