import assert from "node:assert/strict";
import { test } from "node:test";
import { exporterRecord } from "./announce.ts";

test("the load tells the bytes per second since the last renewal", () => {
  let nowMs = 0;
  let receivedBytes = 0;
  const stats = { sessions: 1, receivedSamples: 0, receivedRecords: 0, durableRecords: 0, unacknowledgedBytes: 0 };
  const wal = {
    segments: 1,
    bytes: 100,
    pendingBytes: 5,
    corruptRecords: 0,
    truncatedBytes: 0,
    badFiles: 0,
    entries: 0,
    damagedEntries: 0,
    oldest: { segment: 1, offset: 0, entry: 0 },
  };
  const record = exporterRecord({
    name: "exporter-0",
    cluster: "",
    frames: { host: "127.0.0.1", port: 1 },
    http: { host: "127.0.0.1", port: 2 },
    scheme: "http",
    draining: () => nowMs === 10_000,
    instance: "i",
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} },
    ingest: () => ({ ...stats, connections: 3, receivedBytes }),
    wal: () => ({ ...wal, condition: "good", diskFullFailures: 0 }),
    lagBytes: () => 7,
    queueAgeMs: () => 9,
    retentionBytes: 400,
  });
  const load = {
    connections: 3,
    unacknowledgedBytes: 0,
    draining: 0,
    lagBytes: 7,
    queueAgeMs: 9,
    walFill: 0.25,
    walBytes: 100,
    walPendingBytes: 5,
  };
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 0 });
  nowMs = 5000;
  receivedBytes = 10_000;
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 2000 });
  nowMs = 10_000;
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 0, draining: 1 });
});
