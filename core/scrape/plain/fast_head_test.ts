import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readUsualHead } from "./fast_head.ts";
import { FieldBlock } from "./field_block.ts";
import { readHead, type ResponseHead } from "./head.ts";
import { ResponseError } from "./response_error.ts";

function bytewise(bytes: Uint8Array): ResponseHead | ResponseError {
  try {
    const block = new FieldBlock();
    return block.push(bytes, 0, bytes.length, true) < 0 ? new ResponseError("it has no end") : readHead(block.bytes);
  } catch (error) {
    if (error instanceof ResponseError) return error;
    throw error;
  }
}

function usual(bytes: Uint8Array): ResponseHead | ResponseError | null {
  try {
    return readUsualHead(bytes, 0, bytes.length)?.head ?? null;
  } catch (error) {
    if (error instanceof ResponseError) return error;
    throw error;
  }
}

const fields = [
  "Content-Type: text/plain",
  "CONTENT-LENGTH:12",
  "Content-Length: 3 \t ",
  "Transfer-Encoding: chunked",
  "connection:\tclose , x",
  "Keep-Alive: timeout=7",
  "X-Content-Type: no",
  "Content-Encoding:\xa0gzip\xa0",
  "X: Content-Type: no",
  " folded: x",
];
const line = fc.constantFrom(
  "HTTP/1.1 200 OK",
  "HTTP/1.0 404 Not Found",
  "HTTP/1.1 200",
  "HTTP/1.1 103 X",
  "HTTP/1.1 2000",
);
const change = fc.tuple(fc.nat(200), fc.constantFrom("\r", "\n", "\0", " ", ":", "\x7f", "\xff", "a"));

test("a head that is read at once reads as it does byte by byte", () => {
  let read = 0;
  fc.assert(
    fc.property(line, fc.array(fc.constantFrom(...fields), { maxLength: 4 }), fc.option(change), (first, more, one) => {
      const bytes = Buffer.from(`${[first, ...more].join("\r\n")}\r\n\r\nbody`, "latin1");
      if (one !== null && one[0] < bytes.length) bytes[one[0]] = one[1].charCodeAt(0);
      const fast = usual(bytes);
      if (fast === null) return;
      read++;
      assert.deepEqual(fast, bytewise(bytes));
    }),
    { numRuns: 1000 },
  );
  assert.ok(read > 300, `${read} heads were read`);
});

test("a head with very many blanks takes no longer than others", () => {
  const begunMs = performance.now();
  const blanks = " ".repeat(15_000);
  assert.ok(usual(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: a${blanks}b${blanks}\r\n\r\n`)) === null);
  const head = usual(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: a${blanks}b\r\n\r\n`));
  assert.ok(head !== null && !(head instanceof ResponseError));
  assert.equal(head.contentType.length, blanks.length + 2);
  assert.ok(performance.now() - begunMs < 1000);
});
