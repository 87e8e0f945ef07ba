import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigState } from "../config_state.ts";
import type { Snapshot } from "./discovery.ts";
import { makeDocumentsDiscovery } from "./documents.ts";

function put(state: ConfigState, kind: string, name: string, spec: unknown): void {
  const metadata = { clusterId: "c1", namespace: "shop", name };
  const text = JSON.stringify({ apiVersion: "bcs-metric/v1", kind, metadata, spec });
  const path = `c1/${kind.toLowerCase()}/shop/${name}.yaml`;
  state.apply({ type: "put", entry: { path, text, revision: text } });
}

test("instances of applications are pods whose labels lie over the application's, and tasks supply targets", async () => {
  const state = new ConfigState({ frequencyMinSeconds: 60 });
  const snapshots: Snapshot[] = [];
  const watch = await makeDocumentsDiscovery(state).watch((snapshot) => snapshots.push(snapshot));
  put(state, "Application", "cart", {
    labels: { app: "cart", tier: "web" },
    instances: [{ name: "cart-0", ip: "10.0.0.1", labels: { tier: "db" }, ports: [{ name: "web", port: 80 }] }],
  });
  put(state, "Task", "extra", {
    selector: { app: "cart" },
    pods: [{ ip: "10.9.0.1", port: 81, meta: { name: "x", more: { deep: 1 } } }, { ip: "10.9.0.2", meta: { name: 5 } }],
  });
  assert.equal(snapshots.length, 0);
  state.apply({ type: "synced" });
  assert.deepEqual(snapshots, [{
    pods: [{
      clusterId: "c1",
      namespace: "shop",
      name: "cart-0",
      phase: "Running",
      ip: "10.0.0.1",
      hostIp: "",
      labels: { app: "cart", tier: "db" },
      ports: [{ name: "web", port: 80, hostPort: 0 }],
    }],
    components: [],
    supplied: [{
      clusterId: "c1",
      namespace: "shop",
      name: "extra",
      selector: { app: "cart" },
      pods: [{ ip: "10.9.0.1", port: 81, name: "x" }, { ip: "10.9.0.2", port: 0, name: "" }],
    }],
  }]);
  await watch.close();
  state.apply({ type: "delete", path: "c1/task/shop/extra.yaml" });
  assert.equal(snapshots.length, 1);
});

test("who comes after the store was read gets the snapshot at once", async () => {
  const state = new ConfigState({ frequencyMinSeconds: 60 });
  state.apply({ type: "synced" });
  let reports = 0;
  const watch = await makeDocumentsDiscovery(state).watch(() => reports++);
  assert.equal(reports, 1);
  await watch.close();
});
