import assert from "node:assert/strict";
import { test } from "node:test";
import { testTimeMs } from "../batch_testing.ts";
import { outcomeOf, retryAfterMs } from "./answer.ts";

function outcome(status: number, options: { retryAfter?: string; body?: string } = {}) {
  const body = new TextEncoder().encode(options.body ?? "");
  const headers: Record<string, string> = {};
  if (options.retryAfter !== undefined) headers["retry-after"] = options.retryAfter;
  return outcomeOf({ status, headers, body }, testTimeMs);
}

test("the status decides what becomes of a request", () => {
  for (const status of [200, 202, 204, 299]) assert.deepEqual(outcome(status), { outcome: "delivered" });
  for (const status of [400, 404, 409, 413, 415, 422, 499]) assert.equal(outcome(status).outcome, "rejected");
  for (const status of [429, 500, 502, 503, 504, 599]) assert.equal(outcome(status).outcome, "retry");
});

test("what a human must mend is tried again after a long pause, with an alarm", () => {
  for (const status of [301, 302, 307, 401, 403]) {
    const result = outcome(status);
    assert.ok(result.outcome === "retry" && result.alarm === true && result.afterMs === 60_000, `${status}`);
  }
});

test("429 and 5xx wait as Retry-After says", () => {
  assert.deepEqual(outcome(429, { retryAfter: "7" }), { outcome: "retry", reason: "HTTP 429", afterMs: 7000 });
  assert.deepEqual(outcome(503, { retryAfter: "2" }), { outcome: "retry", reason: "HTTP 503", afterMs: 2000 });
  assert.deepEqual(outcome(503), { outcome: "retry", reason: "HTTP 503" });
});

test("the reason holds the first 256 bytes of the answer, on one line", () => {
  const result = outcome(400, { body: `out of\r\norder\u0000 \u001b[31m${"x".repeat(500)}` });
  assert.ok(result.outcome === "rejected");
  assert.match(result.reason, /^HTTP 400: out of order \[31mx{236}$/);
  assert.deepEqual(outcome(400, { body: " \n" }), { outcome: "rejected", reason: "HTTP 400" });
});

test("Retry-After is seconds or a date", () => {
  function check(header: string | null, want: number | null) {
    assert.equal(retryAfterMs(header, testTimeMs), want, String(header));
  }
  check("0", 0);
  check(" 120 ", 120_000);
  check("Wed, 01 May 2024 10:00:30 GMT", 30_000);
  check("Wed, 01 May 2024 09:00:00 GMT", 0);
  check(null, null);
  check("", null);
  check("-1", null);
  check("1.5", null);
  check("soon", null);
});
