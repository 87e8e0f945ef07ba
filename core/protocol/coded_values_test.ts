import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedError } from "./bytes.ts";
import { codedBytesMax, codedBytesMin, makeBase, moveBase, type ValueBase } from "./coded_values.ts";
import { decodeValues } from "./values_decoder.ts";
import { encodeValues } from "./values_encoder.ts";

const staleMarker = 0x7ff0000000000002n;

/** Values by their bits, such as scrapes have them, and any others. */
const bits = fc.oneof(
  fc.integer({ min: -300, max: 300 }).map(bitsOf),
  fc.integer().map(bitsOf),
  fc.maxSafeInteger().map(bitsOf),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 25 })).map(([mantissa, scale]) =>
    bitsOf(Number(`${mantissa}e-${scale}`))
  ),
  fc.double().map(bitsOf),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n << 63n, staleMarker, bitsOf(NaN), bitsOf(Infinity), bitsOf(2 ** 51), bitsOf(2 ** 53), 1n),
);

test("every sequence of scrapes is decoded to the bit, whatever the values are", () => {
  const scrapes = fc.integer({ min: 1, max: 20 }).chain((count) =>
    fc.array(fc.array(bits, { minLength: count, maxLength: count }), { minLength: 1, maxLength: 6 })
  );
  fc.assert(
    fc.property(scrapes, (list) => {
      const count = list[0]?.length ?? 0;
      const [sender, receiver] = [makeBase(count), makeBase(count)];
      for (const scrape of list) {
        const values = BigUint64Array.from(scrape);
        receive(receiver, send(sender, values));
        assert.deepEqual(bitsIn(receiver), [...values]);
        assert.equal(receiver.checksum, sender.checksum);
      }
    }),
    { numRuns: 1500 },
  );
});

test("a value that grows by a little, with any number of decimals, is decoded to the bit", () => {
  const series = fc.record({
    start: fc.integer(),
    scale: fc.integer({ min: 0, max: 12 }),
    steps: fc.array(fc.integer({ min: -70_000, max: 70_000 }), { minLength: 1, maxLength: 20 }),
  });
  fc.assert(fc.property(series, ({ start, scale, steps }) => {
    const [sender, receiver] = [makeBase(1), makeBase(1)];
    let mantissa = start;
    for (const step of steps) {
      mantissa += step;
      const values = BigUint64Array.of(bitsOf(Number(`${mantissa}e-${scale}`)));
      const coded = send(sender, values);
      receive(receiver, coded);
      assert.deepEqual(bitsIn(receiver), [...values]);
    }
  }));
});

test("values take as many bytes as they change by", () => {
  const base = makeBase(1);
  const check = (value: number, bytes: number) => assert.equal(send(base, valuesOf(value)).length, bytes, `${value}`);
  check(0, 1);
  check(1, 2);
  check(257, 3);
  check(1, 3);
  check(30_000, 4);
  check(5_000_000, 5);
  check(2 ** 31, 6);
  check(2 ** 50, 9);
  check(0.25, 7);
  check(0.26, 2);
  check(1e6 + 0.5, 6);
  check(Math.PI, 10);
  check(Math.PI, 1);
  check(Math.PI + 1e-9, 6);
  assert.equal(send(base, BigUint64Array.of(staleMarker)).length, 2);
});

test("values that do not change take a bit each", () => {
  const base = makeBase(1000);
  const values = BigUint64Array.from({ length: 1000 }, (_, index) => bitsOf(index / 7));
  send(base, values);
  assert.equal(send(base, values).length, 125);
});

test("series that moved go on where they are now", () => {
  const [sender, receiver] = [makeBase(3), makeBase(3)];
  receive(receiver, send(sender, valuesOf(1_000_000, 2_000_000.5, 7)));
  const moves = [{ from: 1, to: 0, count: 2 }];
  const [sent, received] = [moveBase(sender, 4, moves), moveBase(receiver, 4, moves)];
  const coded = send(sent, valuesOf(2_000_000.6, 8, 9, 10));
  receive(received, coded);
  assert.deepEqual([...received.values], [2_000_000.6, 8, 9, 10]);
  assert.equal(received.checksum, sent.checksum);
  assert.ok(coded.length < 8, `${coded.length} bytes`);
});

test("bytes that no writer makes are malformed and read nothing beyond the end", () => {
  const bad = [
    [],
    // Bit 1 of one value.
    [0b10, 0, 0],
    // A class without its payload, a class that does not exist, a class for no value.
    [1, 1],
    [1, 15, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 0x10],
    // Scale 23; a difference of a value without scale.
    [1, 7, 23, 0, 0, 0, 0],
  ];
  for (const bytes of bad) {
    assert.throws(() => receive(makeBase(1), Uint8Array.from(bytes)), MalformedError, bytes.join());
  }
  const stale = makeBase(1);
  send(stale, BigUint64Array.of(staleMarker));
  assert.throws(() => receive(stale, Uint8Array.of(1, 0)), MalformedError);
});

test("random bytes are read or malformed, and never read further than they reach", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (bytes, count) => {
      try {
        assert.ok(receive(makeBase(count), bytes) <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test("coded values stay within their bounds", () => {
  const worst = BigUint64Array.from({ length: 17 }, (_, index) => (0x7ff8n << 48n) + BigInt(index));
  assert.ok(send(makeBase(17), worst).length <= codedBytesMax(17));
  assert.equal(send(makeBase(17), new BigUint64Array(17)).length, codedBytesMin(17));
});

function send(base: ValueBase, values: BigUint64Array<ArrayBuffer>): Uint8Array {
  const coded = new Uint8Array(codedBytesMax(values.length));
  return coded.subarray(0, encodeValues(base, new DataView(values.buffer), 0, new DataView(coded.buffer), 0));
}

function receive(base: ValueBase, coded: Uint8Array): number {
  return decodeValues(base, coded, new DataView(coded.buffer, coded.byteOffset, coded.length), 0);
}

function bitsIn(base: ValueBase): bigint[] {
  return [...new BigUint64Array(base.values.buffer)];
}

function valuesOf(...values: number[]): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from(values, bitsOf);
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n;
}
