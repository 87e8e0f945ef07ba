import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { fixedToken } from "../../clusters/access.ts";
import { KubeClient } from "../../kubernetes/client.ts";
import { ApiFault } from "../../kubernetes/testing/answer.ts";
import { KubeApiServer } from "../../kubernetes/testing/api_server.ts";
import { collectorLaunch } from "../../kubernetes/testing/launch.ts";
import { until } from "../../kubernetes/testing/until.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { plainWorkload, type Workload, type WorkloadStatus } from "../workload.ts";
import { makeKubernetesOrchestrator } from "./kubernetes_orchestrator.ts";

interface Scene {
  readonly servers: readonly [KubeApiServer, KubeApiServer];
  readonly orchestrator: Orchestrator;
  readonly listed: (is: (found: WorkloadStatus[]) => boolean) => Promise<WorkloadStatus[]>;
}

/** Two clusters, c1 and c2, of which the second may be used in namespace shop only. */
async function within(body: (scene: Scene) => Promise<void>): Promise<void> {
  const servers = [await KubeApiServer.start(), await KubeApiServer.start()] as const;
  const { clock, random } = systemEnv;
  const clients = servers.map((server) =>
    new KubeClient({ clock, access: { server: server.url, insecureSkipVerify: false, token: fixedToken("t") } })
  );
  const clusters = clients.map((client, index) => ({
    clusterId: `c${index + 1}`,
    client,
    namespaces: index === 1 ? ["shop"] : [],
  }));
  const log = makeLogger("test", "silent");
  const options = { clusters, launch: collectorLaunch, allowUnsafe: false, clock, random, log };
  const orchestrator = makeKubernetesOrchestrator(options);
  const listed = (is: (found: WorkloadStatus[]) => boolean) =>
    until("the list is as asked for", async () => {
      const found = await orchestrator.list();
      return is(found) ? found : null;
    });
  try {
    await body({ servers, orchestrator, listed });
  } finally {
    await orchestrator.close();
    for (const client of clients) await client.close();
    for (const server of servers) await server.close();
  }
}

function wish(over: Partial<Workload> = {}): Workload {
  return { clusterId: "c1", namespace: "shop", name: "bcs-collector-shop", replicas: 1, ...plainWorkload, ...over };
}

test("workloads of several clusters are each in their own, and listed together", () =>
  within(async ({ orchestrator, listed, servers: [first, second] }) => {
    await orchestrator.apply(wish({ clusterId: "c2" }));
    await orchestrator.apply(wish({ name: "Odd_Name" }));
    const found = await listed((all) =>
      all.length === 2 && all.every(({ instances }) => instances[0]?.state === "running")
    );
    assert.deepEqual(found.map(({ clusterId, name, instances }) => [clusterId, name, instances[0]?.name]), [
      ["c1", "Odd_Name", "Odd_Name-0"],
      ["c2", "bcs-collector-shop", "bcs-collector-shop-0"],
    ]);
    assert.deepEqual([first.store.list("v1/pods", "").length, second.store.list("v1/pods", "").length], [1, 1]);
    const elsewhere = { name: "OrchestratorError", kind: "invalid" };
    await assert.rejects(orchestrator.apply(wish({ clusterId: "c3" })), elsewhere);
    await assert.rejects(orchestrator.apply(wish({ clusterId: "c2", namespace: "pay" })), elsewhere);
  }));

test("the API server's refusals are told by their kind, and what runs is left alone", () =>
  within(async ({ orchestrator, listed, servers: [server] }) => {
    await orchestrator.apply(wish());
    await listed(([one]) => one?.instances[0]?.state === "running");
    const check = async (fault: ApiFault, kind: string) => {
      server.refuse = ({ method }) => method === "PATCH" ? fault : null;
      const message = `Cannot apply workload "c1/shop/bcs-collector-shop": HTTP ${fault.status}: ${fault.message}`;
      const applying = orchestrator.apply(wish({ env: { A: "2" } }));
      await assert.rejects(applying, { name: "OrchestratorError", kind, message });
    };
    await check(new ApiFault(403, "Forbidden", "statefulsets.apps is forbidden: exceeded quota"), "forbidden");
    await check(new ApiFault(409, "Conflict", "the object has been modified"), "conflict");
    await check(new ApiFault(422, "Invalid", "spec: Forbidden"), "invalid");
    await check(new ApiFault(429, "TooManyRequests", "slow down", 1), "unavailable");
    await check(new ApiFault(500, "InternalError", "etcdserver: leader changed"), "unavailable");
    assert.equal((await orchestrator.list())[0]?.instances[0]?.state, "running");
    assert.deepEqual(server.requests.filter((one) => one.startsWith("DELETE")), []);
  }));

test("an image that cannot be had is the workload's problem, in the kubelet's words", () =>
  within(async ({ orchestrator, listed }) => {
    await orchestrator.apply(wish({ image: "registry.test/missing:1" }));
    const [one] = await listed(([first]) => first?.problem !== "");
    assert.equal(one?.problem, 'ImagePullBackOff: Back-off pulling image "registry.test/missing:1"');
    assert.equal(one?.instances[0]?.state, "starting");
  }));

test("a cluster that may not be read fails the list, which leaves out nothing silently", () =>
  within(async ({ orchestrator, servers: [, second] }) => {
    second.refuse = () => new ApiFault(403, "Forbidden", "cannot list");
    second.endWatches();
    await until("the list fails", async () => {
      const failure = await orchestrator.list().then(() => null, (error: unknown) => error);
      return failure === null ? null : true;
    });
    const message = 'Cannot list the workloads of cluster "c2": HTTP 403: cannot list';
    await assert.rejects(orchestrator.list(), { name: "PartialListError", kind: "forbidden", message });
  }));

test("a set of another cluster's id, or of another workload, is not touched", () =>
  within(async ({ orchestrator, servers: [server], listed }) => {
    await orchestrator.apply(wish());
    await listed(({ length }) => length === 1);
    const stored = server.store.get("apps/v1/statefulsets", "shop", "bcs-collector-shop")?.object;
    assert.ok(stored !== undefined);
    const { metadata } = stored;
    const annotations = { ...metadata["annotations"] as object, "bcs-metric/cluster-id": "other" };
    server.store.put("apps/v1/statefulsets", { ...stored, metadata: { ...metadata, annotations } }, { manager: "x" });
    await listed(({ length }) => length === 0);
    const foreign = { name: "OrchestratorError", kind: "invalid", message: /belongs to other/ };
    await assert.rejects(orchestrator.apply(wish()), foreign);
    await assert.rejects(orchestrator.delete(wish()), foreign);
  }));
