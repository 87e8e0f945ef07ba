import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { fixedToken } from "../../clusters/access.ts";
import { KubeClient } from "../../kubernetes/client.ts";
import { kubeObject } from "../../kubernetes/objects.ts";
import { KubeApiServer } from "../../kubernetes/testing/api_server.ts";
import { until } from "../../kubernetes/testing/until.ts";
import type { Snapshot } from "../discovery.ts";
import { makePodsDiscovery } from "./pods.ts";
import { readPod } from "./read_pod.ts";

const whole = {
  metadata: {
    name: "cart-5d9c-x",
    namespace: "shop",
    labels: { app: "cart" },
    annotations: { "prometheus.io/port": "9100", huge: "x".repeat(5000) },
    ownerReferences: [{ kind: "ReplicaSet", name: "cart-5d9c", controller: true }],
  },
  spec: {
    nodeName: "node-1",
    containers: [
      { ports: [{ name: "web", containerPort: 80 }, { containerPort: 53, protocol: "UDP" }] },
      { ports: [{ name: "metrics", containerPort: 9100, hostPort: 30_000 }] },
    ],
    initContainers: [
      { ports: [{ name: "setup", containerPort: 1 }] },
      { restartPolicy: "Always", ports: [{ name: "proxy", containerPort: 15_090 }] },
    ],
  },
  status: {
    phase: "Running",
    podIP: "10.0.0.7",
    hostIP: "192.0.2.1",
    conditions: [{ type: "Ready", status: "False" }],
  },
};

test("a pod has its addresses, labels and the ports that something listens on", () => {
  assert.deepEqual(readPod("c1", kubeObject.parse(whole)), {
    clusterId: "c1",
    namespace: "shop",
    name: "cart-5d9c-x",
    phase: "Running",
    ip: "10.0.0.7",
    hostIp: "192.0.2.1",
    labels: { app: "cart" },
    ports: [
      { name: "web", port: 80, hostPort: 0 },
      { name: "metrics", port: 9100, hostPort: 30_000 },
      { name: "proxy", port: 15_090, hostPort: 0 },
    ],
    ready: false,
    node: "node-1",
    controller: { kind: "ReplicaSet", name: "cart-5d9c" },
    annotations: { "prometheus.io/port": "9100" },
  });
});

test("one that is about to go is gone, and one that has just been made has no address yet", () => {
  const going = { ...whole, metadata: { ...whole.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  assert.equal(readPod("c1", kubeObject.parse(going)), null);
  const fresh = readPod("c1", kubeObject.parse({ metadata: { name: "p", namespace: "n" }, spec: {}, status: {} }));
  assert.deepEqual([fresh?.phase, fresh?.ip, fresh?.ports, fresh?.ready], ["Unknown", "", [], false]);
});

async function within(
  namespaces: readonly string[],
  body: (
    all: { readonly server: KubeApiServer; readonly snapshots: Snapshot[]; readonly start: () => Promise<void> },
  ) => Promise<void>,
): Promise<void> {
  const server = await KubeApiServer.start();
  const { clock, random } = systemEnv;
  const access = { server: server.url, insecureSkipVerify: false, token: fixedToken("t") };
  const client = new KubeClient({ clock, access });
  const snapshots: Snapshot[] = [];
  const log = makeLogger("test", "silent");
  const discovery = makePodsDiscovery({ clusterId: "c1", client, namespaces, clock, random, log });
  let watch = { close: () => Promise.resolve() };
  try {
    await body({
      server,
      snapshots,
      async start() {
        watch = await discovery.watch((snapshot) => snapshots.push(snapshot));
      },
    });
  } finally {
    await watch.close();
    await client.close();
    await server.close();
  }
}

function put(server: KubeApiServer, name: string, over: object = {}, namespace = "shop"): void {
  const metadata = { ...whole.metadata, name, namespace, resourceVersion: "" };
  server.store.put("v1/pods", { ...whole, metadata, ...over }, { manager: "test" });
}

const names = (snapshot: Snapshot | undefined) => snapshot?.pods.map(({ namespace, name }) => `${namespace}/${name}`);

test("nothing is reported before all is read, and then each change that matters", () =>
  within([], async ({ server, snapshots, start }) => {
    put(server, "a");
    put(server, "b", {}, "pay");
    const shows = (what: string, is: () => boolean) => until(what, () => is() ? true : null);
    await server.goAway();
    await start();
    assert.equal(snapshots.length, 0);
    await server.listen();
    await shows("both are there", () => snapshots.length === 1 && server.watches === 1);
    assert.deepEqual(names(snapshots[0]), ["pay/b", "shop/a"]);
    // Only the heartbeat of a condition: nothing to a target.
    put(server, "a", { status: { ...whole.status, qosClass: "Burstable" } });
    put(server, "c");
    await shows("c is there", () => snapshots.length === 2);
    assert.deepEqual(names(snapshots[1])?.toSorted(), ["pay/b", "shop/a", "shop/c"]);
    put(server, "a", { status: { ...whole.status, qosClass: "Guaranteed" } });
    server.store.delete("v1/pods", "shop", "c");
    await shows("c is gone", () => snapshots.length === 3);
    assert.deepEqual(names(snapshots[2]), ["pay/b", "shop/a"]);
  }));

test("only the namespaces are asked for that the service may look into", () =>
  within(["shop", "pay"], async ({ server, snapshots, start }) => {
    for (const namespace of ["shop", "pay", "secret"]) put(server, "a", {}, namespace);
    await start();
    await until("both are read", () => snapshots.length > 0 ? true : null);
    assert.deepEqual(names(snapshots[0]), ["shop/a", "pay/a"]);
    assert.ok(server.requests.every((one) => /\/namespaces\/(shop|pay)\/pods$/.test(one)), String(server.requests));
  }));
