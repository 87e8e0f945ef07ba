import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyBytesMax, readJson } from "./body.ts";
import { OldApiError } from "./envelope.ts";

/** A request whose body comes in these pieces, and then ends or fails. */
function requestOf(pieces: Iterable<Uint8Array<ArrayBuffer>>, failure?: Error): Request {
  const next = pieces[Symbol.iterator]();
  const body = new ReadableStream({
    pull(controller) {
      const { done, value } = next.next();
      if (done !== true) controller.enqueue(value);
      else if (failure === undefined) controller.close();
      else controller.error(failure);
    },
  });
  // Node wants `duplex` with a body that streams; Deno's types do not know it.
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
  return new Request("http://127.0.0.1/", init);
}

function isOld(error: string, detail: RegExp) {
  return (thrown: unknown) => thrown instanceof OldApiError && thrown.error === error && detail.test(thrown.detail);
}

const text = new TextEncoder().encode('{"name":"价格"}');

test("a body is read whatever pieces it comes in", async () => {
  assert.deepEqual(await readJson(requestOf([text])), { name: "价格" });
  const bytes = Array.from(text, (byte) => new Uint8Array([byte]));
  assert.deepEqual(await readJson(requestOf(bytes)), { name: "价格" });
});

test("a body that breaks off cannot be read, and none or half a character is no JSON", async () => {
  await assert.rejects(readJson(requestOf([text], new Error("reset"))), isOld("readBody", /reset/));
  await assert.rejects(readJson(requestOf([])), isOld("jsonDecode", /./));
  await assert.rejects(readJson(new Request("http://127.0.0.1/")), isOld("jsonDecode", /./));
  await assert.rejects(readJson(requestOf([text.slice(0, -3)])), isOld("jsonDecode", /./));
});

test("an endless body is read no further than the limit", async () => {
  const piece = new Uint8Array(65_536);
  let byteCount = 0;
  const endless = function*() {
    for (;;) {
      byteCount += piece.length;
      yield piece;
    }
  };
  await assert.rejects(readJson(requestOf(endless())), isOld("readBody", /more than 4194304 bytes/));
  assert.ok(byteCount <= bodyBytesMax + 4 * piece.length, String(byteCount));
});

test("a body that is announced as too long is not read", async () => {
  const headers = { "content-length": String(bodyBytesMax + 1) };
  const request = new Request("http://127.0.0.1/", { method: "POST", body: "{}", headers });
  await assert.rejects(readJson(request), isOld("readBody", /more than/));
});
