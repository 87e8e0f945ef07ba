import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorId } from "../../core/registry/collector_id.ts";
import type { LiveRecord, RegistryRecord } from "../../core/registry/records.ts";
import type { WorkloadStatus } from "../orchestrator/workload.ts";
import { collectorOf } from "../testing/documents.ts";
import { liveOf, recordOf } from "../testing/fake_registry.ts";
import { CollectorRecords } from "./collector_records.ts";
import { collectorRows } from "./collector_rows.ts";

function record(id: string, over: Partial<RegistryRecord> = {}): LiveRecord {
  return liveOf(recordOf("collector", id, { load: { unacknowledgedRecords: 3 }, ...over }));
}

const workload: WorkloadStatus = {
  clusterId: "c1",
  namespace: "shop",
  name: "one",
  replicas: 2,
  fingerprint: "",
  replicasApplied: 2,
  drift: [],
  problem: "",
  instances: [
    { name: "one-0", ordinal: 0, state: "running", pid: 10, restarts: 1, lastEnd: "exit code 1" },
    { name: "one-1", ordinal: 1, state: "waiting", pid: 0, restarts: 4, lastEnd: "killed by SIGKILL" },
  ],
};

const labelled = collectorOf("one", 2);
labelled.metadata.labels["tier"] = "gold";

const target = { metric: "cart", address: "10.0.0.1:80", pod: "a", labels: {}, collector: "one-0", generation: 5 };

test("a collector shows what orchestrator, registry, plan and status know of it", () => {
  const rows = collectorRows({
    namespaces: [{ clusterId: "c1", namespace: "shop", generation: 5, targets: [target] }],
    workloads: [workload],
    records: new CollectorRecords([record("c1.shop.one-0"), record("c2.shop.one-1", { cluster: "c2" })]),
    reports: {
      statusOf: (_cluster, _namespace, collector) =>
        collector === "one-0" ? { collector, generation: 4, reportedAtMs: 0, targets: [] } : null,
    },
    documents: [labelled],
  });
  assert.deepEqual(rows[0], {
    cluster: "c1",
    namespace: "shop",
    name: "one-0",
    labels: { tier: "gold" },
    alive: true,
    leaseMs: 15_000,
    renewedAtMs: 1000,
    targets: 1,
    appliedGeneration: 4,
    metricsAddress: "127.0.0.1:7073",
    load: { unacknowledgedRecords: 3 },
    state: "running",
    pid: 10,
    restarts: 1,
    lastEnd: "exit code 1",
  });
  assert.deepEqual(rows.map(({ labels }) => labels["tier"]), ["gold", "gold", undefined]);
  assert.deepEqual(rows.map(({ cluster, name, state, alive }) => [cluster, name, state, alive]), [
    ["c1", "one-0", "running", true],
    ["c1", "one-1", "waiting", false],
    ["c2", "one-1", "external", true],
  ]);
});

test("a record is found by the whole place of its collector, however long", () => {
  const place = { cluster: `c${"x".repeat(150)}`, namespace: `n${"y".repeat(150)}`, name: "one-0" };
  const { cluster, namespace } = place;
  const long = record(collectorId(place), { cluster, namespace });
  const records = new CollectorRecords([long, record("one-0"), record("c1.shop.b.one-0")]);
  assert.equal(records.find(cluster, namespace, "one-0"), long);
  assert.equal(records.find("c1", "shop", "one-0"), null);
  assert.equal(records.find("c1", "shop", "b.one-0")?.id, "c1.shop.b.one-0");
});
