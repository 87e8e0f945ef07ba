import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { fixedToken } from "../../clusters/access.ts";
import { ApiClient } from "../../clusters/api_client.ts";
import { collectorLaunch } from "../../kubernetes/testing/launch.ts";
import { until } from "../../kubernetes/testing/until.ts";
import { BcsServer } from "../../mesos/testing/bcs_server.ts";
import { MarathonServer } from "../../mesos/testing/marathon_server.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { plainWorkload, type Workload } from "../workload.ts";
import { makeMesosOrchestrator, type MesosManaged } from "./mesos_orchestrator.ts";

const clusterId = "BCS-MESOS-10001";
const wish: Workload = {
  ...plainWorkload,
  clusterType: "mesos",
  clusterId,
  namespace: "shop",
  name: "bcs-collector-shop",
  replicas: 1,
};

function clientOf(server: string): ApiClient {
  return new ApiClient({
    access: { server, token: fixedToken("secret") },
    clock: systemEnv.clock,
    headers: { "BCS-ClusterID": clusterId },
    tokenHeader: (token) => ({ "X-Bcs-User-Token": token }),
    timeoutMs: 2000,
  });
}

function open(cluster: MesosManaged, pollMs = 60_000): Orchestrator {
  const { clock, random } = systemEnv;
  const log = makeLogger("test", "silent");
  const fixed = { launch: collectorLaunch, allowUnsafe: false, clock, random, log };
  return makeMesosOrchestrator({ ...fixed, clusters: [cluster], pollMs, lockWaitMs: 300 });
}

async function withBcs(body: (orchestrator: Orchestrator, server: BcsServer) => Promise<void>): Promise<void> {
  const server = await BcsServer.start();
  const scheduler = clientOf(`${server.host.url}/bcsapi/v4/scheduler/mesos`);
  const storage = clientOf(`${server.host.url}/bcsapi/v4/storage`);
  const orchestrator = open({ flavor: "bcs", clusterId, scheduler, storage, namespaces: [] });
  try {
    await body(orchestrator, server);
  } finally {
    await orchestrator.close();
    await scheduler.close();
    await storage.close();
    await server.close();
  }
}

async function withMarathon(
  body: (orchestrator: Orchestrator, server: MarathonServer) => Promise<void>,
): Promise<void> {
  const server = await MarathonServer.start();
  const marathon = clientOf(server.host.url);
  const orchestrator = open({ flavor: "marathon", clusterId, marathon, namespaces: [] });
  try {
    await body(orchestrator, server);
  } finally {
    await orchestrator.close();
    await marathon.close();
    await server.close();
  }
}

function writes({ host }: BcsServer | MarathonServer): string[] {
  return host.requests.filter((request) => !request.startsWith("GET"));
}

test("BCS: a change is one update in place, a number one call to scale, and an equal wish none", () =>
  withBcs(async (orchestrator, server) => {
    const path = "/bcsapi/v4/scheduler/mesos/namespaces/shop/applications";
    await orchestrator.apply({ ...wish, replicas: 2 });
    await orchestrator.apply({ ...wish, replicas: 2 });
    await orchestrator.apply({ ...wish, replicas: 3, env: { A: "1" } });
    await orchestrator.delete(wish);
    assert.deepEqual(writes(server), [
      `POST ${path}`,
      `PUT ${path}?instances=2`,
      `PUT ${path}/bcs-collector-shop/scale/3`,
      `DELETE ${path}/bcs-collector-shop?enforce=1`,
    ]);
    const { headers } = server;
    assert.deepEqual([headers["bcs-clusterid"], headers["x-bcs-user-token"]], [clusterId, "secret"]);
  }));

test("BCS: each refusal has its kind, and says what BCS said", () =>
  withBcs(async (orchestrator, server) => {
    const check = async (status: number, body: unknown, kind: string, message: RegExp) => {
      server.refuse = () => ({ status, body });
      await assert.rejects(orchestrator.apply(wish), { name: "OrchestratorError", kind, message });
    };
    await check(200, { code: 1_405_200, message: "no offer" }, "unavailable", /apply .*: code 1405200: no offer$/);
    await check(200, { code: 1_405_201, message: "exists" }, "conflict", /exists; it may be on its way out$/);
    await check(200, { data: [] }, "unavailable", /no envelope of BCS/);
    await check(403, { message: "no right" }, "forbidden", /HTTP 403: no right/);
    await check(401, {}, "forbidden", /HTTP 401/);
    await check(502, "<html>", "unavailable", /HTTP 502/);
    await check(400, { message: "bad" }, "invalid", /HTTP 400: bad/);
    await assert.rejects(orchestrator.list(), { kind: "invalid", message: /Cannot list the workloads of cluster/ });
  }));

test("a cluster that nobody knows, and a template that reaches beyond its container, are refused", () =>
  withBcs(async (orchestrator, server) => {
    await assert.rejects(orchestrator.apply({ ...wish, clusterId: "other" }), {
      kind: "invalid",
      message: `Cannot apply workload "other/shop/bcs-collector-shop": cluster "other" is none of ${clusterId}`,
    });
    const check = (template: Record<string, unknown>, field: string) =>
      assert.rejects(orchestrator.apply({ ...wish, template }), {
        kind: "invalid",
        message: new RegExp(`asks for ${field}; --mesos-unsafe-templates allows it`),
      });
    const container = (one: object) => ({ spec: { template: { spec: { containers: [one] } } } });
    await check(container({ privileged: true }), "spec.template.spec.containers.0.privileged");
    await check(container({ volumes: [{ volume: { hostPath: "/etc" } }] }), ".*hostPath");
    await check({ container: { docker: { parameters: [{ key: "privileged" }] } } }, "container.docker.parameters");
    assert.deepEqual(writes(server), []);
  }));

test("Marathon: an app that is locked is waited for, and then written all the same", () =>
  withMarathon(async (orchestrator, server) => {
    await orchestrator.apply({ ...wish, replicas: 2 });
    const path = "/v2/apps/bcs-metric/shop/bcs-collector-shop";
    server.locked.add("/bcs-metric/shop/bcs-collector-shop/0");
    const freed = setTimeout(() => server.locked.clear(), 100);
    await orchestrator.apply({ ...wish, replicas: 2, env: { A: "1" } });
    clearTimeout(freed);
    assert.equal(writes(server).some((request) => request.includes("force")), false);
    server.locked.add("/bcs-metric/shop/bcs-collector-shop/1");
    await orchestrator.scale(wish, 1);
    assert.equal(writes(server).at(-1), `DELETE ${path}/1?force=true`);
  }));

test("Marathon: its events tell of changes at once, and a watch that is closed hears no more", () =>
  withMarathon(async (orchestrator, server) => {
    await orchestrator.apply(wish);
    let changes = 0;
    orchestrator.watch(() => changes++);
    await until("it listens", () => server.listeners === 1 ? true : null);
    await until("the first look is told", () => changes > 0 ? true : null);
    const before = changes;
    const app = [...server.apps.values()][0];
    assert.ok(app !== undefined);
    const response = await fetch(`${server.host.url}/v2/apps/bcs-metric/shop/bcs-collector-shop/0`, {
      method: "PUT",
      body: JSON.stringify({ env: { Theirs: "1" } }),
    });
    assert.equal(response.status, 200);
    await until("the change is told", () => changes > before ? true : null);
    await orchestrator.close();
    await until("nobody listens", () => server.listeners === 0 ? true : null);
  }));

test("Marathon: the app that keeps the wish of a workload without replicas gives it back", () =>
  withMarathon(async (orchestrator, server) => {
    await orchestrator.apply({ ...wish, replicas: 2, env: { A: "1" } });
    await orchestrator.scale(wish, 0);
    const [none] = await orchestrator.list();
    assert.deepEqual([none?.replicas, none?.instances, server.apps.size], [0, [], 1]);
    await orchestrator.scale(wish, 2);
    const [two] = await orchestrator.list();
    assert.deepEqual([two?.replicas, two?.instances.map(({ name }) => name)], [
      2,
      ["bcs-collector-shop-0", "bcs-collector-shop-1"],
    ]);
  }));
