import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { fixedToken } from "../../clusters/access.ts";
import { ApiClient } from "../../clusters/api_client.ts";
import { until } from "../../kubernetes/testing/until.ts";
import { BcsServer } from "../../mesos/testing/bcs_server.ts";
import type { MetricSpec } from "../../targets/candidate.ts";
import { podCandidates } from "../../targets/pods.ts";
import type { Pod, Snapshot } from "../discovery.ts";
import { makeStorageDiscovery } from "./storage_discovery.ts";

const clusterId = "BCS-MESOS-10001";

function taskgroup(index: number, over: Record<string, unknown> = {}, container: Record<string, unknown> = {}) {
  const name = `${index}.cart.shop.10001.1500000000000000000`;
  return {
    _id: `id-${index}`,
    namespace: "shop",
    resourceName: name,
    resourceType: "taskgroup",
    data: {
      metadata: { name, namespace: "shop" },
      rcname: "cart",
      status: "Running",
      hostIP: "192.0.2.1",
      hostName: "node-1",
      podIP: "10.0.0.7",
      containerStatuses: [{
        labels: { app: "cart" },
        networkMode: "BRIDGE",
        containerPort: [{ name: "web", containerPort: 80, hostPort: -1, protocol: "TCP" }],
        ...container,
      }, { containerPort: [{ name: "metrics", containerPort: 9100, hostPort: 31_000 }] }],
      ...over,
    },
  };
}

interface Scene {
  readonly server: BcsServer;
  readonly snapshots: Snapshot[];
  readonly start: (over?: { readonly clusterType?: "k8s"; readonly namespaces?: readonly string[] }) => Promise<void>;
  readonly last: () => readonly Pod[];
}

async function within(body: (scene: Scene) => Promise<void>): Promise<void> {
  const server = await BcsServer.start();
  const { clock, random } = systemEnv;
  const storage = new ApiClient({
    access: { server: `${server.host.url}/bcsapi/v4/storage`, token: fixedToken("secret") },
    clock,
    tokenHeader: (token) => ({ "X-Bcs-User-Token": token }),
  });
  const snapshots: Snapshot[] = [];
  const closers: (() => Promise<void>)[] = [];
  const log = makeLogger("test", "silent");
  try {
    await body({
      server,
      snapshots,
      async start({ clusterType, namespaces = [] } = {}) {
        const type = clusterType ?? "mesos";
        const deps = { storage, clock, random, log };
        const discovery = makeStorageDiscovery({ clusterId, clusterType: type, namespaces, ...deps });
        const watch = await discovery.watch((snapshot) => void snapshots.push(snapshot));
        closers.push(() => watch.close());
      },
      last: () => snapshots.at(-1)?.pods ?? [],
    });
  } finally {
    for (const close of closers) await close();
    await storage.close();
    await server.close();
  }
}

test("a taskgroup has the labels and network of its first container, and the ports of all", () =>
  within(async ({ server, start, last }) => {
    server.put(taskgroup(0));
    await start();
    await until("it is found", () => last()[0] ?? null);
    assert.deepEqual(last(), [{
      clusterId,
      namespace: "shop",
      name: "0.cart.shop.10001.1500000000000000000",
      phase: "Running",
      ip: "10.0.0.7",
      hostIp: "192.0.2.1",
      labels: { app: "cart" },
      ports: [{ name: "web", port: 80, hostPort: 0 }, { name: "metrics", port: 9100, hostPort: 31_000 }],
      networkMode: "BRIDGE",
      node: "node-1",
      controller: { kind: "Application", name: "cart" },
    }]);
    assert.equal(server.headers["x-bcs-user-token"], "secret");
  }));

test("the address is that of the network: BRIDGE, HOST, and any other", () =>
  within(async ({ server, start, last }) => {
    server.put(taskgroup(0));
    server.put(taskgroup(1, {}, { networkMode: "HOST" }));
    server.put(taskgroup(2, {}, { networkMode: "USER" }));
    server.put(taskgroup(3, {}, { networkMode: "flannel" }));
    server.put(taskgroup(4, { status: "Staging" }));
    await start();
    await until("all are found", () => last().length === 5 ? true : null);
    const spec = { clusterType: "mesos", selector: { app: "cart" }, port: 9100 } as unknown as MetricSpec;
    const candidates = podCandidates(spec, last()).map(({ candidate }) =>
      "address" in candidate ? candidate.address : candidate.reason
    );
    const direct = ["192.0.2.1:9100", "10.0.0.7:9100", "10.0.0.7:9100"];
    assert.deepEqual(candidates, ["192.0.2.1:31000", ...direct, 'pod is in phase "Staging", not Running']);
  }));

test("what the stream tells is taken at once, and a delete by its id alone", () =>
  within(async ({ server, snapshots, start, last }) => {
    server.put(taskgroup(0));
    await start();
    await until("the first is found", () => last().length === 1 ? true : null);
    server.tell("taskgroup", { type: 0 });
    server.put(taskgroup(1));
    await until("the second is found", () => last().length === 2 ? true : null);
    const before = snapshots.length;
    server.put(taskgroup(1, { reportTime: "2026-01-01T00:00:00Z" }));
    server.remove("taskgroup", "id-0");
    await until("the first is gone", () => last().length === 1 ? true : null);
    assert.equal(last()[0]?.name.startsWith("1."), true);
    assert.equal(snapshots.length, before + 1, "what is nothing to a target is not told");
    assert.equal(server.host.requests.filter((one) => one.startsWith("GET")).length, 1);
  }));

test("a stream that breaks is opened anew, and everything is listed again", () =>
  within(async ({ server, start, last }) => {
    await start();
    await until("it watches", () => server.watches === 1 ? true : null);
    server.tell("taskgroup", { type: -1 });
    await until("it has left", () => server.watches === 0 ? true : null);
    server.put(taskgroup(0));
    await until("what was missed is found", () => last().length === 1 ? true : null);
  }));

test("storage that lets nobody watch is listed all the same, and one that is away is waited for", () =>
  within(async ({ server, snapshots, start, last }) => {
    let away = true;
    server.refuse = ({ method }) => away || method === "POST" ? { status: 503, body: { message: "away" } } : null;
    server.put(taskgroup(0));
    await start();
    await until("it was asked", () => server.host.requests.length >= 2 ? true : null);
    assert.deepEqual(snapshots, [], "what could never be read is not empty");
    away = false;
    await until("it is found", () => last().length === 1 ? true : null);
  }));

test("namespaces that are not to be looked into are left out, and pods of Kubernetes are read as such", () =>
  within(async ({ server, start, last }) => {
    const metadata = { name: "cart-0", namespace: "shop", labels: { app: "cart" } };
    const data = { metadata, spec: { containers: [] }, status: { phase: "Running", podIP: "10.0.0.9" } };
    const pod = { _id: "p", namespace: "shop", resourceName: "cart-0", resourceType: "pod", data };
    server.put(pod);
    const other = { ...data, metadata: { ...metadata, namespace: "pay" } };
    server.put({ ...pod, _id: "q", namespace: "pay", data: other });
    await start({ clusterType: "k8s", namespaces: ["shop"] });
    await until("it is found", () => last().length === 1 ? true : null);
    assert.deepEqual([last()[0]?.name, last()[0]?.ip], ["cart-0", "10.0.0.9"]);
  }));

test("ten thousand taskgroups that are listed, and change one after the other, are no trouble", () =>
  within(async ({ server, snapshots, start, last }) => {
    for (let index = 0; index < 10_000; index++) server.put(taskgroup(index));
    const startedMs = performance.now();
    await start();
    await until("all are found", () => last().length === 10_000 ? true : null);
    for (let index = 0; index < 500; index++) server.put(taskgroup(index, { status: "Failed" }));
    await until(
      "the changes are seen",
      () => last().filter(({ phase }) => phase === "Failed").length === 500 ? true : null,
    );
    assert.ok(performance.now() - startedMs < 4000, `took ${performance.now() - startedMs} ms`);
    assert.ok(snapshots.length < 30, `${snapshots.length} snapshots`);
  }));
