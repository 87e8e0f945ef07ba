import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "./crc32c.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

/** Known answers: RFC 3720 appendix B.4 and the check value of the CRC catalogue. */
function check(name: string, bytes: Uint8Array, want: number): void {
  test(`the CRC-32C of ${name} is 0x${want.toString(16)}`, () => assert.equal(crc32c(bytes), want));
}

check("nothing", new Uint8Array(0), 0);
check("123456789", ascii("123456789"), 0xe3069283);
check("32 zero bytes", new Uint8Array(32), 0x8a9136aa);
check("32 bytes of ones", new Uint8Array(32).fill(0xff), 0x62a8ab43);
check("32 rising bytes", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e);
check("32 falling bytes", Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c);

test("every length, alignment and split agrees with the bit-wise definition", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => (index * 151 + 7) & 0xff);
  for (let start = 0; start < 4; start++) {
    for (let end = start; end <= bytes.length; end++) {
      const part = bytes.subarray(start, end);
      assert.equal(crc32c(part), bitwise(part), `${start}..${end}`);
    }
  }
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), crc32c(bytes), `cut at ${cut}`);
  }
});

test("every single flipped bit changes the CRC", () => {
  const bytes = Uint8Array.from({ length: 41 }, (_, index) => index * 13);
  const whole = crc32c(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.notEqual(crc32c(bytes), whole, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
