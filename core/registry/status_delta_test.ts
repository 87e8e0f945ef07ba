import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectorStatus, TargetStatus } from "./status.ts";
import { applyDelta, diffStatus, readStatusReport } from "./status_delta.ts";

function target(address: string, samples = 1): TargetStatus {
  const scrape = { health: "up", lastScrapeMs: 1, durationMs: 1, samples, error: "" } as const;
  return { metric: "cart", address, pod: "", ...scrape };
}

function status(reportedAtMs: number, targets: readonly TargetStatus[]): CollectorStatus {
  return { collector: "c-0", generation: reportedAtMs, reportedAtMs, targets };
}

test("a delta holds what changed, and leads from one status to the next", () => {
  const before = status(1, [target("a:1"), target("b:1"), target("c:1")]);
  const now = status(2, [target("a:1"), target("b:1", 7), target("d:1")]);
  const delta = diffStatus(before, now);
  assert.deepEqual(delta.status.targets, [target("b:1", 7), target("d:1")]);
  assert.deepEqual(delta.removed, ["cart c:1"]);
  assert.deepEqual(applyDelta(before, delta), now);
});

test("targets that share an address are told apart by their endpoints", () => {
  const probe = (name: string, samples = 1) => ({ ...target("a:1", samples), endpoint: `a:1?target=${name}` });
  const before = status(1, [target("a:1"), probe("x"), probe("y")]);
  const now = status(2, [target("a:1"), probe("x", 7)]);
  const delta = diffStatus(before, now);
  assert.deepEqual([delta.status.targets, delta.removed], [[probe("x", 7)], ["cart a:1?target=y"]]);
  const read = readStatusReport(JSON.stringify(delta));
  assert.ok(read.ok && read.report.type === "delta");
  assert.deepEqual(applyDelta(before, read.report.delta), now);
});

test("a delta fits only the status that it builds on", () => {
  const delta = diffStatus(status(1, []), status(2, []));
  assert.equal(applyDelta(status(3, []), delta), null);
  assert.equal(applyDelta({ ...status(1, []), collector: "c-1" }, delta), null);
});

test("a report is read as what it is, or refused with the reason", () => {
  const whole = status(2, [target("a:1")]);
  const delta = diffStatus(status(1, []), whole);
  assert.deepEqual(readStatusReport(JSON.stringify(whole)), { ok: true, report: { type: "whole", status: whole } });
  assert.deepEqual(readStatusReport(JSON.stringify(delta)), { ok: true, report: { type: "delta", delta } });
  const reason = (text: string) => {
    const read = readStatusReport(text);
    return read.ok ? "" : read.reason;
  };
  assert.match(reason("{"), /JSON/);
  assert.match(reason("{}"), /^collector: /);
  assert.match(reason(JSON.stringify({ ...delta, status: { ...whole, generation: -1 } })), /^status\.generation: /);
});
