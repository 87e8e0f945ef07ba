import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter, MalformedError } from "./bytes.ts";

test("varints have their LEB128 bytes", () => {
  const check = (value: number, ...bytes: number[]) => {
    assert.deepEqual(new ByteWriter().varint(value).finish(), Uint8Array.from(bytes));
    assert.equal(new ByteReader(Uint8Array.from(bytes)).varint(), value);
  };
  check(0, 0);
  check(127, 0x7f);
  check(128, 0x80, 0x01);
  check(300, 0xac, 0x02);
  check(2 ** 32, 0x80, 0x80, 0x80, 0x80, 0x10);
  check(Number.MAX_SAFE_INTEGER, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);
});

test("a varint above 2^53 - 1 is refused, written or read", () => {
  for (const value of [-1, 1.5, NaN, 2 ** 53]) assert.throws(() => new ByteWriter().varint(value), RangeError);
  const tooLarge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
  const tooLong = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
  for (const bytes of [tooLarge, tooLong]) {
    assert.throws(() => new ByteReader(Uint8Array.from(bytes)).varint(), MalformedError);
  }
});

test("whatever is written is read back", () => {
  const signed = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
  const fields = fc.record({
    varint: fc.maxSafeNat(),
    signed,
    text: fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    u16: fc.nat(0xffff),
  }, { noNullPrototype: true });
  fc.assert(fc.property(fields, ({ varint, signed: whole, text, u64, i64, u16 }) => {
    const bytes = new ByteWriter(1).varint(varint).signedVarint(whole).text(text).u64(u64).i64(i64).u16(u16).finish();
    const reader = new ByteReader(bytes);
    const read = {
      varint: reader.varint(),
      signed: reader.signedVarint(),
      text: reader.text(),
      u64: reader.u64(),
      i64: reader.i64(),
      u16: reader.u16(),
    };
    reader.end();
    assert.deepEqual(read, { varint, signed: whole, text, u64, i64, u16 });
  }));
});

test("the staleness marker survives being written and read", () => {
  const values = new Float64Array(new BigUint64Array([0x7ff0000000000002n, 0xfff0000000000001n]).buffer);
  const bytes = new ByteWriter().float64s(values).finish();
  assert.equal(Buffer.from(bytes).toString("hex"), "020000000000f07f010000000000f0ff");
  const read = new ByteReader(bytes).float64s(2);
  assert.deepEqual(new BigUint64Array(read.buffer), new BigUint64Array(values.buffer));
});

test("reading past the end, or stopping before it, is malformed", () => {
  const reader = new ByteReader(Uint8Array.of(1, 2));
  assert.throws(() => reader.u32(), MalformedError);
  assert.throws(() => reader.end(), /2 bytes follow/);
  assert.throws(() => new ByteReader(Uint8Array.of(5, 0x61)).text(), MalformedError);
  assert.throws(() => new ByteReader(Uint8Array.of(1, 0xff)).text(), /not UTF-8/);
  assert.throws(() => new ByteReader(Uint8Array.of(0xff, 0xff, 0x03, 0)).count(16), /Cannot read 65535 items/);
});
