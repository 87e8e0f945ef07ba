import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseError } from "./response_error.ts";
import { type Answer, pieces, readResponse } from "./testing/read_response.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

/** Reads a response whole, byte by byte, and into a room that it is read into itself. */
function check(input: string, want: Partial<Answer> | RegExp): void {
  const bytes = bytesOf(input);
  for (const parts of [[bytes], pieces(bytes, Array.from(bytes, (_, at) => at))]) {
    const answer = readResponse(parts);
    if (want instanceof RegExp) {
      assert.ok(answer instanceof ResponseError, `accepted: ${input.slice(0, 200)}`);
      assert.match(answer.message, want);
      continue;
    }
    assert.ok(!(answer instanceof ResponseError), `${answer instanceof Error ? answer.message : ""}: ${input}`);
    assert.deepEqual({ ...answer, ...want }, answer);
  }
}

test("bodies of announced length, in chunks, and until the end of the connection", () => {
  check(`${ok}Content-Length: 5\r\n\r\nup 1\n`, { status: 200, body: "up 1\n", keepAlive: true, rest: 0 });
  check(`${ok}Content-Length: 0\r\n\r\n`, { body: "", keepAlive: true });
  check(`${ok}\r\nup 1\nup`, { body: "up 1\nup", endedByClose: true });
  check(`${chunked}5\r\nup 1\n\r\n0\r\n\r\n`, { body: "up 1\n", keepAlive: true, rest: 0 });
  check(`${chunked}A;name="v"\r\n0123456789\r\n01;x\r\n!\r\n000\r\nTrailer: x\r\n\r\n`, { body: "0123456789!" });
  check(`${chunked}0\r\n\r\n`, { body: "" });
});

test("what follows a response is no part of it", () => {
  check(`${ok}Content-Length: 2\r\n\r\nupHTTP/1.1`, { body: "up", rest: 8 });
  check(`${chunked}2\r\nup\r\n0\r\n\r\nxyz`, { body: "up", rest: 3 });
});

test("interim responses are passed over, but for a switch of protocols", () => {
  check(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\n${ok}Content-Length: 1\r\n\r\nx`, {
    body: "x",
  });
  check("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", /switches to another protocol/);
  check("HTTP/1.1 100 Continue\r\n\r\n".repeat(2000), /too large/);
});

test("the fields that matter are found, in any case and with any space around their value", () => {
  check(`${ok}CONTENT-type: \t text/plain; version=0.0.4 \r\ncontent-ENCODING:GZIP\r\ncontent-length:0\r\n\r\n`, {
    contentType: "text/plain; version=0.0.4",
    contentEncoding: "gzip",
  });
  check(`${ok}Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n`, {
    contentEncoding: "gzip,gzip",
  });
  check("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", { status: 503 });
});

test("the connection is kept as HTTP/1.1 and 1.0 have it", () => {
  const length = "Content-Length: 0\r\n";
  check(`${ok}${length}Connection: Close\r\n\r\n`, { keepAlive: false });
  check(`${ok}${length}Connection: x, close\r\n\r\n`, { keepAlive: false });
  check(`HTTP/1.0 200 OK\r\n${length}\r\n`, { keepAlive: false });
  check(`HTTP/1.0 200 OK\r\n${length}Connection: keep-alive\r\n\r\n`, { keepAlive: true });
  check(`${ok}${length}Keep-Alive: timeout=5, max=100\r\n\r\n`, { keepAlive: true, keepAliveMs: 5000 });
});

test("framing that two readers could understand in two ways is refused", () => {
  check(`${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, /both Content-Length and Transfer-Encoding/);
  check(`${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`, /more than one Content-Length/);
  check(`${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, /more than one Content-Length/);
  for (const length of ["", "-1", "+1", "1,1", "0x1", "1 1", "1e1", "9".repeat(16)]) {
    check(`${ok}Content-Length: ${length}\r\n\r\nx`, /Content-Length is no number/);
  }
  for (const coding of ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked"]) {
    check(`${ok}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`, /Transfer-Encoding is not chunked/);
  }
  check(`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /is not chunked/);
  check("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", /HTTP\/1.0 has no/);
  check(`${ok}X: 1\r\n folded\r\n\r\n`, /header's name/);
  check(`${ok}Content-Length : 1\r\n\r\nx`, /header's name/);
  check(`${ok}: x\r\n\r\n`, /header's name/);
  check(`${ok}X: a\0b\r\n\r\n`, /control character/);
});

test("lines end with CR LF", () => {
  check("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", /without CR/);
  check(`${ok}Content-Length: 1\r\n\nx`, /without CR/);
  check(`${ok}X: a\rb\r\n\r\n`, /CR within a line/);
  check(`${chunked}1\nx\r\n0\r\n\r\n`, /chunk's size/);
  check(`${chunked}1\r\rx`, /does not end its line/);
});

test("status lines of other protocols are refused at once", () => {
  for (const line of ["SSH-2.0-OpenSSH", "HTTP/2.0 200 OK", "http/1.1 200 OK", "\r\nHTTP/1.1 200 OK"]) {
    check(`${line}\r\n\r\n`, /does not begin with HTTP\/1/);
  }
  for (const line of ["HTTP/1.2 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 600 X", "HTTP/1.1 200 \x07"]) {
    check(`${line}\r\n\r\n`, /status line/);
  }
});

test("chunks are exactly as long as they say", () => {
  check(`${chunked}g\r\n`, /size is no number/);
  check(`${chunked}\r\n`, /size is no number/);
  check(`${chunked}-1\r\n`, /size is no number/);
  check(`${chunked}000000001\r\n`, /too many digits/);
  check(`${chunked}1\r\nxy\r\n`, /longer than its size/);
  check(`${chunked}1\r\nx\r!`, /longer than its size/);
  check(`${chunked}b \r\n`, /size is no number/);
  for (const extension of [";", ";;", "; a", ";a b", ";=", ";a;"]) {
    check(`${chunked}1${extension}\r\nx\r\n0\r\n\r\n`, /extension cannot be read/);
  }
  check(`${chunked}1;${"x".repeat(20_000)}`, /extensions of its chunks/);
  check(`${chunked}0\r\nTrailer: ${"x".repeat(20_000)}`, /too large/);
  check(`${chunked}0\r\nbad trailer\r\n\r\n`, /header's name/);
});

test("a response that ends early is refused wherever it ends", () => {
  for (const text of [`${ok}Content-Length: 5\r\n\r\nup 1`, `${chunked}5\r\nup 1\n\r\n0\r\n\r`, ok]) {
    check(text, /connection closed before/);
  }
});

test("the head has a largest size", () => {
  check(`${ok}X: ${"y".repeat(20_000)}`, /too large/);
  check(`${ok}X: ${"y".repeat(16_000)}\r\nContent-Length: 0\r\n\r\n`, { body: "" });
});

const chunkSizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 });

test("however a response is split, it reads the same, beside the room and in it", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii", maxLength: 100 }),
      chunkSizes,
      fc.boolean(),
      fc.array(fc.integer({ min: 0, max: 400 })),
      fc.option(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 255 }))),
      (body, sizes, isChunked, cuts, change) => {
        const bytes = bytesOf(isChunked ? inChunks(body, sizes) : `${ok}Content-Length: ${body.length}\r\n\r\n${body}`);
        if (change !== null && change[0] < bytes.length) bytes[change[0]] = change[1];
        const whole = readResponse([bytes]);
        if (change === null) assert.equal(whole instanceof Error ? whole.message : whole.body, body);
        const split = pieces(bytes, cuts);
        assert.deepEqual(readResponse(split), whole);
        assert.deepEqual(readResponse(split, true), whole);
      },
    ),
    { numRuns: 400 },
  );
});

function inChunks(body: string, sizes: readonly number[]): string {
  let text = chunked;
  let at = 0;
  for (const size of [...sizes, body.length + 1]) {
    const chunk = body.slice(at, at + size);
    if (chunk === "") break;
    text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    at += size;
  }
  return `${text}0\r\n\r\n`;
}
