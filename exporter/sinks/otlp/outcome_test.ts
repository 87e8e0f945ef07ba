import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../../core/protocol/bytes.ts";
import { testTimeMs } from "../batch_testing.ts";
import { otlpOutcome } from "./outcome.ts";

function outcome(status: number, body: Uint8Array = new Uint8Array(), headers: Record<string, string> = {}) {
  return otlpOutcome({ status, headers, body }, testTimeMs);
}

test("429, 502, 503 and 504 are tried again, 401 and 403 with an alarm, and no other error", () => {
  for (const status of [429, 502, 503, 504]) assert.equal(outcome(status).outcome, "retry", String(status));
  for (const status of [400, 404, 408, 413, 500, 501, 505]) {
    assert.equal(outcome(status).outcome, "rejected", String(status));
  }
  const unauthorized = outcome(401);
  assert.ok(unauthorized.outcome === "retry" && unauthorized.alarm === true);
  assert.deepEqual(outcome(503, new Uint8Array(), { "retry-after": "3" }), {
    outcome: "retry",
    reason: "HTTP 503",
    afterMs: 3000,
  });
});

test("a partial success tells how many points were refused and why", () => {
  const partial = new ByteWriter().u8(0x08).varint(300).u8(0x12).text("too\nold");
  const body = new ByteWriter().u8(0x0a).varint(partial.length).raw(partial.view()).finish();
  assert.deepEqual(outcome(200, body), { outcome: "delivered", rejectedPoints: 300, rejectedReason: "too old" });
});

test("an answer of another form tells of no rejection", () => {
  for (const text of ["", "OK", "{}", "\u000a\u00ff", "\u000a\u0002\u0008"]) {
    const body = new TextEncoder().encode(text);
    assert.deepEqual(outcome(200, body), { outcome: "delivered", rejectedPoints: 0, rejectedReason: "" });
  }
});
