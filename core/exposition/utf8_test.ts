import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstInvalidUtf8 } from "./utf8.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function isValid(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Bytes near the borders of well-formed sequences are far likelier than in uniform ones. */
const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5];
const bytes = fc.array(fc.constantFrom(...edges), { maxLength: 6 }).map((list) => Uint8Array.from(list));

test("what comes before the first invalid byte is valid, and what includes it is not", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      const invalid = firstInvalidUtf8(input, 0, input.length);
      assert.ok(isValid(input.subarray(0, invalid)));
      assert.equal(invalid === input.length, isValid(input));
    }),
    { numRuns: 2000 },
  );
});

test("a range is checked on its own", () => {
  const text = new TextEncoder().encode("aé日😀b");
  assert.equal(firstInvalidUtf8(text, 0, text.length), text.length);
  assert.equal(firstInvalidUtf8(text, 0, 2), 1);
  assert.equal(firstInvalidUtf8(text, 2, text.length), 2);
});
