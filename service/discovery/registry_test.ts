import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeRegistry, recordOf } from "../testing/fake_registry.ts";
import type { Snapshot } from "./discovery.ts";
import { makeRegistryDiscovery } from "./registry.ts";

async function watched() {
  const registry = new FakeRegistry();
  const snapshots: Snapshot[] = [];
  await makeRegistryDiscovery(registry).watch((snapshot) => snapshots.push(snapshot));
  return { registry, snapshots };
}

test("nothing is reported before every module is known", async () => {
  const { registry, snapshots } = await watched();
  registry.set("collector", []);
  registry.set("exporter", [recordOf("exporter", "e-0", { cluster: "", metric_port: 7072, scheme: "https" })]);
  assert.equal(snapshots.length, 0);
  registry.set("service", [recordOf("service", "s-0")]);
  assert.deepEqual(snapshots[0]?.components, [
    { clusterId: "c1", id: "s-0", module: "service", ip: "127.0.0.1", metricPort: 7073, scheme: "http" },
    { clusterId: "", id: "e-0", module: "exporter", ip: "127.0.0.1", metricPort: 7072, scheme: "https" },
  ]);
});

test("a new load is no change, a new address is one", async () => {
  const { registry, snapshots } = await watched();
  for (const module of ["service", "collector", "exporter"] as const) registry.set(module, []);
  registry.set("exporter", [recordOf("exporter", "b"), recordOf("exporter", "a")]);
  registry.set("exporter", [recordOf("exporter", "a", { load: { connections: 9 } }), recordOf("exporter", "b")]);
  assert.equal(snapshots.length, 2);
  registry.set("exporter", [recordOf("exporter", "a", { metric_port: 1 }), recordOf("exporter", "b")]);
  assert.equal(snapshots.length, 3);
});
