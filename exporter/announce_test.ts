import assert from "node:assert/strict";
import { test } from "node:test";
import { exporterRecord, reachableHost } from "./announce.ts";

test("the load tells the bytes per second since the last renewal", () => {
  let nowMs = 0;
  let receivedBytes = 0;
  const stats = { sessions: 1, receivedSamples: 0, receivedRecords: 0, durableRecords: 0, unacknowledgedBytes: 0 };
  const wal = { segments: 1, bytes: 100, pendingBytes: 5, corruptRecords: 0, truncatedBytes: 0, badFiles: 0 };
  const record = exporterRecord({
    name: "exporter-0",
    cluster: "",
    frames: { host: "127.0.0.1", port: 1 },
    http: { host: "127.0.0.1", port: 2 },
    instance: "i",
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} },
    ingest: () => ({ ...stats, connections: 3, receivedBytes }),
    wal: () => ({ ...wal, condition: "good", diskFullFailures: 0 }),
    lagBytes: () => 7,
  });
  const load = { connections: 3, lagBytes: 7, walBytes: 100, walPendingBytes: 5 };
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 0 });
  nowMs = 5000;
  receivedBytes = 10_000;
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 2000 });
  nowMs = 10_000;
  assert.deepEqual(record().load, { ...load, bytesPerSecond: 0 });
});

test("an exporter that listens everywhere tells an address that others can reach", () => {
  const info = { netmask: "", mac: "", cidr: null };
  const interfaces = {
    lo: [{ ...info, address: "127.0.0.1", family: "IPv4" as const, internal: true }],
    eth0: [
      { ...info, address: "fe80::1", family: "IPv6" as const, internal: false, scopeid: 1 },
      { ...info, address: "10.0.0.5", family: "IPv4" as const, internal: false },
    ],
  };
  assert.equal(reachableHost("0.0.0.0", interfaces), "10.0.0.5");
  assert.equal(reachableHost("::", interfaces), "10.0.0.5");
  assert.equal(reachableHost("192.168.1.1", interfaces), "192.168.1.1");
  assert.equal(reachableHost("0.0.0.0", { lo: interfaces.lo }), "127.0.0.1");
});
