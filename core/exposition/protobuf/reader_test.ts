import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { doubleField, messageField, numberField, packedSigned, signedField, varint } from "../testing/protobuf.ts";
import { ProtobufReader } from "./reader.ts";

/** A reader that stands at the value of the only field. */
function at(field: Uint8Array): ProtobufReader {
  const reader = new ProtobufReader(field);
  assert.equal(reader.next(), true);
  return reader;
}

test("integers of every width and sign are read", () => {
  // The least of all has no counterpart with the other sign.
  const int64 = fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n });
  fc.assert(fc.property(int64, (value) => {
    assert.equal(at(numberField(1, value)).int64(), Number(value));
    assert.equal(at(numberField(1, value)).uint64(), Number(BigInt.asUintN(64, value)));
    assert.equal(at(numberField(1, value)).uint32(), Number(BigInt.asUintN(32, value)));
    assert.equal(at(numberField(1, value)).int32(), Number(BigInt.asIntN(32, value)));
    const values: number[] = [];
    at(signedField(1, value)).sint64s(values);
    at(packedSigned(1, [value, -value])).sint64s(values);
    assert.deepEqual(values, [Number(value), Number(value), Number(-value)].map((one) => one + 0));
  }));
  const least: number[] = [];
  at(signedField(1, -(2n ** 63n))).sint64s(least);
  assert.deepEqual(least, [-(2 ** 63)]);
  for (const value of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) assert.equal(at(signedField(1, value)).sint32(), value);
});

test("a varint may be padded, up to ten bytes and 64 bits", () => {
  const padded = [0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
  assert.equal(at(Uint8Array.from(padded)).uint64(), 1);
  const tooWide = Uint8Array.from([...padded.slice(0, -1), 0x02]);
  assert.throws(() => at(tooWide).uint64(), { message: "byte 1: a number is longer than 64 bits" });
});

test("nothing is read beyond the message that the reader stands in", () => {
  const inner = messageField(1, Uint8Array.of(0x09, 1, 2, 3));
  const reader = at(Uint8Array.from([...inner, ...doubleField(2, 1)]));
  assert.throws(() =>
    reader.submessage(() => {
      reader.next();
      return reader.double();
    }), { message: "byte 3: a number is cut off" });
  const long = at(Uint8Array.from([...messageField(1, Uint8Array.of(0x12, 5)), 1, 2, 3, 4, 5]));
  assert.throws(() =>
    long.submessage(() => {
      long.next();
      return long.text();
    }), { message: "byte 3: a text of 5 bytes is cut off: 0 are left" });
});

test("a length beyond all memory is refused before anything is allocated", () => {
  const reader = at(Uint8Array.from([0x0a, ...varint(2n ** 62n)]));
  assert.throws(() => reader.text(), { message: `byte 1: a text of ${2 ** 62} bytes is cut off: 0 are left` });
});
