import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, MalformedError } from "./bytes.ts";
import { decodeScrapes, encodeScrapes, type Scrape, summarizeScrapes } from "./scrapes.ts";

const targetId = "11".repeat(16);
const layoutId = "22".repeat(16);

const sample = fc.record({
  bits: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  timeMs: fc.option(fc.integer({ min: 0, max: 2 ** 42 }), { nil: NaN }),
});
const scrape = fc.record({
  timestampMs: fc.integer({ min: 0, max: 2 ** 42 }),
  samples: fc.array(sample, { maxLength: 8 }),
  timed: fc.boolean(),
}).map(({ timestampMs, samples, timed }): Scrape => ({
  targetId,
  layoutId,
  timestampMs,
  values: new Float64Array(BigUint64Array.from(samples, ({ bits }) => bits).buffer),
  sampleTimesMs: timed ? Float64Array.from(samples, ({ timeMs }) => timeMs) : null,
}));

test("every scrape is read back to the bit, NaN payloads included", () => {
  fc.assert(fc.property(fc.array(scrape, { maxLength: 4 }), (scrapes) => {
    const read = decodeScrapes(encodeScrapes(scrapes));
    assert.deepEqual(read.map(comparable), scrapes.map(comparable));
  }));
});

test("a summary tells what the scrapes refer to and how many samples they have", () => {
  const values = new Float64Array(3);
  const scrapes: Scrape[] = [
    { targetId, layoutId, timestampMs: 5, values, sampleTimesMs: null },
    { targetId: layoutId, layoutId: targetId, timestampMs: 6, values, sampleTimesMs: Float64Array.of(1, NaN, 7) },
  ];
  assert.deepEqual(summarizeScrapes(encodeScrapes(scrapes)), [
    { targetId, layoutId, timestampMs: 5, sampleCount: 3 },
    { targetId: layoutId, layoutId: targetId, timestampMs: 6, sampleCount: 3 },
  ]);
});

test("what a summary lets pass can be decoded, whatever byte is wrong", () => {
  const sampleTimesMs = Float64Array.of(900, NaN, 1_000_000);
  const values = Float64Array.of(1, 2, 3);
  const body = encodeScrapes([{ targetId, layoutId, timestampMs: 1000, values, sampleTimesMs }]);
  const broken = fc.record({ at: fc.nat(body.length - 1), byte: fc.nat(255), cut: fc.nat(3) });
  fc.assert(
    fc.property(broken, ({ at, byte, cut }) => {
      const forged = body.slice(0, body.length - cut);
      if (at < forged.length) forged[at] = byte;
      assert.equal(outcome(() => summarizeScrapes(forged)), outcome(() => decodeScrapes(forged)));
    }),
    { numRuns: 2000 },
  );
});

test("a payload of another length than its samples need is malformed", () => {
  const head = () => new ByteWriter().varint(1).raw(new Uint8Array(32)).i64(0n);
  const bodies = [
    head().u8(0).varint(2).varint(8).raw(new Uint8Array(8)).finish(),
    head().u8(0).varint(1).varint(16).raw(new Uint8Array(16)).finish(),
    head().u8(0x10).varint(1).varint(8).raw(new Uint8Array(8)).finish(),
    head().u8(1).varint(1).varint(8).raw(new Uint8Array(8)).finish(),
    head().u8(0x20).varint(1).varint(8).raw(new Uint8Array(8)).finish(),
  ];
  for (const body of bodies) {
    assert.throws(() => summarizeScrapes(body), MalformedError);
    assert.throws(() => decodeScrapes(body), MalformedError);
  }
});

test("a forged count of scrapes or samples allocates nothing", () => {
  const manyScrapes = new ByteWriter().varint(2 ** 40).finish();
  const manySamples = new ByteWriter().varint(1).raw(new Uint8Array(32)).i64(0n).u8(0).varint(2 ** 50).varint(0)
    .finish();
  for (const body of [manyScrapes, manySamples]) {
    assert.throws(() => summarizeScrapes(body), MalformedError);
    assert.throws(() => decodeScrapes(body), MalformedError);
  }
});

function comparable(one: Scrape): unknown {
  return { ...one, values: new BigUint64Array(one.values.buffer, one.values.byteOffset, one.values.length) };
}

function outcome(read: () => unknown): string {
  try {
    read();
    return "read";
  } catch (error) {
    assert.ok(error instanceof MalformedError, String(error));
    return "malformed";
  }
}
