import assert from "node:assert/strict";
import { test } from "node:test";
import { RateWindow, renderStatus, renderSummary, type SystemStatus } from "./status_line.ts";

const status: SystemStatus = {
  targets: { up: 4, down: 1, unknown: 0 },
  problems: [],
  unacknowledgedRecords: 3,
  receivedSamples: 1000,
  sinks: [{ name: "file", deliveredSamples: 900, rejectedSamples: 0, lostRecords: 0, lastError: null }],
};

test("the status line shows targets, rate, unacknowledged records and what each sink delivered", () => {
  const line = renderStatus(status, 120);
  assert.equal(line, "targets 4 up 1 down | 120.0 samples/s | 3 unacknowledged | file 900 delivered");
});

test("trouble is added to the line", () => {
  const sinks = [{ name: "tsdb", deliveredSamples: 5, rejectedSamples: 2, lostRecords: 0, lastError: "HTTP 503" }];
  const line = renderStatus({
    ...status,
    targets: { up: 0, down: 0, unknown: 2 },
    problems: ["a.yaml:1:2: bad", "b.yaml:1:1: bad"],
    sinks,
  }, 0);
  assert.match(line, /^targets 0 up 0 down 2 pending \|/);
  assert.match(line, /tsdb 5 delivered 2 rejected \(HTTP 503\) \| a\.yaml:1:2: bad \(and 1 more in \/v1\/status\)$/);
});

test("the rate is that of the last seconds, and begins anew after an exporter's restart", () => {
  const rate = new RateWindow(10_000);
  assert.equal(rate.perSecond(1000, 0), 0);
  assert.equal(rate.perSecond(1500, 2000), 250);
  assert.equal(rate.perSecond(1500, 8000), 62.5);
  assert.equal(rate.perSecond(1500, 12_000), 0);
  assert.equal(rate.perSecond(10, 13_000), 0);
  assert.equal(rate.perSecond(30, 14_000), 20);
});

test("the summary accounts for what was received and what each sink took", () => {
  assert.equal(
    renderSummary(status),
    "targets    4 up, 1 down\nreceived   1000 samples, acknowledged after fsync\n"
      + "file       900 samples delivered, 0 rejected, 0 records declared lost",
  );
});
