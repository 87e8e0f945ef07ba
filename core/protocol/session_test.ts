import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, MalformedError } from "./bytes.ts";
import {
  decodeCredit,
  decodeHello,
  decodeLost,
  decodeSessionError,
  decodeUnknown,
  decodeWelcome,
  encodeCredit,
  encodeHello,
  encodeLost,
  encodeSessionError,
  encodeUnknown,
  encodeWelcome,
} from "./session.ts";

const hello = { epoch: 2n ** 64n - 1n, nextSequence: 2 ** 53 - 1, cluster: "c", namespace: "n", name: "ü", token: "" };
const lost = {
  firstSequence: 1,
  lastSequence: 2 ** 53 - 1,
  records: 0,
  samples: 2 ** 40,
  oldestMs: -1,
  newestMs: 2 ** 50,
  reason: "",
};
const id = "00112233445566778899aabbccddeeff";

test("the largest numbers survive", () => {
  assert.deepEqual(decodeHello(encodeHello(hello)), hello);
  assert.deepEqual(decodeLost(lost.lastSequence, encodeLost(lost)), lost);
  assert.equal(decodeCredit(encodeCredit(0xffffffff)), 0xffffffff);
  assert.deepEqual(decodeUnknown(encodeUnknown([])), []);
});

test("a body that is cut anywhere, or goes on, is malformed", () => {
  const bodies: [Uint8Array, (body: Uint8Array) => unknown][] = [
    [encodeHello(hello), decodeHello],
    [encodeWelcome({ windowBytes: 1, exporter: "e" }), decodeWelcome],
    [encodeUnknown([id, id]), decodeUnknown],
    [encodeLost(lost), (body) => decodeLost(9, body)],
    [encodeCredit(1), decodeCredit],
    [encodeSessionError({ code: 1, message: "m" }), decodeSessionError],
  ];
  for (const [body, decode] of bodies) {
    for (let length = 0; length < body.length; length++) {
      assert.throws(() => decode(body.subarray(0, length)), MalformedError);
    }
    assert.throws(() => decode(new ByteWriter().raw(body).u8(0).finish()), MalformedError);
  }
});

test("another version is refused by name", () => {
  const body = encodeHello(hello);
  body[0] = 2;
  assert.throws(() => decodeHello(body), /version 2: this side speaks 1/);
});

test("a forged count of unknown shapes allocates nothing", () => {
  const body = new ByteWriter().varint(2 ** 40).finish();
  assert.throws(() => decodeUnknown(body), /Cannot read 1099511627776 items/);
});
