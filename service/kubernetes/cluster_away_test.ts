import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { openVolume } from "../../core/store/volume_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry as MetricsRegistry } from "../../core/telemetry/metrics.ts";
import { fixedToken } from "../clusters/access.ts";
import { makePodsDiscovery } from "../discovery/kubernetes/pods.ts";
import { explain } from "../explain/mod.ts";
import { guardDefaults } from "../guards/guard.ts";
import { leadsAlone } from "../leader/testing/alone.ts";
import { makeKubernetesOrchestrator } from "../orchestrator/kubernetes/kubernetes_orchestrator.ts";
import { Service } from "../service.ts";
import { FakeRegistry } from "../testing/fake_registry.ts";
import { KubeClient } from "./client.ts";
import { KubeApiServer } from "./testing/api_server.ts";
import { collectorLaunch } from "./testing/launch.ts";
import { until } from "./testing/until.ts";

/** Clusters c1 and c2, each with its API server, and services over one volume. */
class World {
  readonly root: string;
  readonly servers: ReadonlyMap<string, KubeApiServer>;
  readonly lines: string[] = [];
  readonly log = makeLogger("service", "info", { write: (line) => void this.lines.push(line) });

  private constructor(root: string, servers: ReadonlyMap<string, KubeApiServer>) {
    this.root = root;
    this.servers = servers;
  }

  static async make(): Promise<World> {
    const servers = new Map([["c1", await KubeApiServer.start()], ["c2", await KubeApiServer.start()]]);
    return new World(await mkdtemp(join(tmpdir(), "bcs-metric-clusters-")), servers);
  }

  server(clusterId: string): KubeApiServer {
    return this.servers.get(clusterId) ?? assert.fail(clusterId);
  }

  /** Runs `body` with a service that begins now. */
  async during(body: (service: Service, metrics: MetricsRegistry) => Promise<void>): Promise<void> {
    const { clock, random } = systemEnv;
    const clusters = [...this.servers].map(([clusterId, { url }]) => {
      const access = { server: url, insecureSkipVerify: false, token: fixedToken("t") };
      return { clusterId, namespaces: [], client: new KubeClient({ access, clock, timeoutMs: 2000 }) };
    });
    const parts = { clock, random, log: this.log };
    const store = await openVolume({ root: this.root, env: systemEnv, log: this.log });
    const registry = new FakeRegistry();
    const metrics = new MetricsRegistry();
    const orchestrator = { ...parts, clusters, launch: collectorLaunch, allowUnsafe: false };
    const service = new Service({
      ...parts,
      store,
      registry,
      metrics,
      frequencyMinSeconds: 60,
      guard: guardDefaults,
      discoveries: clusters.map((cluster) => makePodsDiscovery({ ...cluster, ...parts })),
      makeOrchestrator: () => makeKubernetesOrchestrator(orchestrator),
    });
    try {
      await service.start(leadsAlone());
      for (const module of ["service", "collector", "exporter"] as const) registry.set(module, []);
      await body(service, metrics);
    } finally {
      await service.close();
      await store.close();
      await Promise.all(clusters.map(({ client }) => client.close()));
    }
  }

  pod(clusterId: string, namespace: string, name: string, podIP: string): void {
    const metadata = { namespace, name, resourceVersion: "", labels: { app: "cart" } };
    const spec = { containers: [{ name: "c" }] };
    this.server(clusterId).store.put("v1/pods", { metadata, spec, status: { phase: "Running", podIP } }, {
      manager: "test",
    });
  }

  async metric(clusterId: string, namespace: string, port = 9100): Promise<void> {
    const path = join(this.root, clusterId, "metric", namespace, "cart.yaml");
    const metadata = { clusterId, namespace, name: "cart" };
    const spec = { version: String(port), selector: { app: "cart" }, port, uri: "/metrics" };
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify({ apiVersion: "bcs-metric/v1", kind: "Metric", metadata, spec }));
  }

  /** "" while there is none. */
  async collection(clusterId: string, namespace = "shop"): Promise<string> {
    const path = join(this.root, clusterId, "collection", namespace, `bcs-collector-${namespace}-0.yaml`);
    return await readFile(path, "utf8").catch(() => "");
  }

  /** The StatefulSets of a cluster, as they were asked for. */
  sets(clusterId: string): string[] {
    return this.server(clusterId).store.list("apps/v1/statefulsets", "")
      .map(({ metadata, ...set }) => JSON.stringify([metadata["uid"], metadata["annotations"], set["spec"]]));
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.close();
    await rm(this.root, { recursive: true });
  }
}

test("a service that starts while a cluster is away serves the others, leaves that one alone, and finds it again", async () => {
  const world = await World.make();
  const shows = (what: string, is: () => boolean | Promise<boolean>) =>
    until(what, async () => await is() ? true : null);
  try {
    for (const [clusterId, podIP] of [["c1", "10.1.0.1"], ["c2", "10.2.0.1"]] as const) {
      world.pod(clusterId, "shop", "cart-0", podIP);
      await world.metric(clusterId, "shop");
    }
    await world.during(async () => {
      await shows("both have collectors", () => world.sets("c1").length === 1 && world.sets("c2").length === 1);
      await shows("c2 has its target", async () => (await world.collection("c2")).includes("10.2.0.1:9100"));
    });
    const [before, set] = [await world.collection("c2"), world.sets("c2")];
    await world.server("c2").goAway();
    world.pod("c1", "shop", "cart-1", "10.1.0.2");
    world.pod("c1", "bank", "cart-0", "10.1.0.3");
    world.pod("c2", "shop", "cart-1", "10.2.0.2");
    await world.metric("c1", "bank");
    await world.metric("c2", "shop", 9200);
    await world.metric("c2", "bank");
    await world.during(async (service, metrics) => {
      await shows("c1 has its new target", async () => (await world.collection("c1")).includes("10.1.0.2:9100"));
      await shows("c1 has a new namespace", async () => (await world.collection("c1", "bank")).includes("10.1.0.3"));
      await shows("c1 has its collectors", () => world.sets("c1").length === 2);
      const why = "cluster c2 stays as it is, since the source kubernetes c2 has not been read";
      assert.deepEqual(service.readiness(), { ready: true, reason: why });
      const { unread, targets } = await service.status();
      assert.deepEqual(unread, [{ source: "kubernetes c2", cluster: "c2" }]);
      assert.equal(targets.unknown, 4);
      assert.match(await metrics.metrics(), /^bcs_metric_service_unread_sources\{cluster="c2"\} 1$/m);
      const view = await service.explainView() ?? assert.fail();
      const { verdict } = explain({ metric: "cart", cluster: "c2", namespace: "bank" }, view);
      assert.match(verdict, /not known: cluster c2 has not been read yet \(source kubernetes c2\)\.$/);
      const row = service.workloadOf({ clusterId: "c2", namespace: "shop", name: "bcs-collector-shop" });
      assert.match(row?.problem ?? "", /Cannot list the workloads of cluster "c2"/);
      assert.deepEqual([await world.collection("c2"), world.sets("c2")], [before, set]);
      assert.equal(await world.collection("c2", "bank"), "");

      await world.server("c2").listen();
      await shows("c2 has its new target", async () => (await world.collection("c2")).includes("10.2.0.2:9200"));
      await shows("c2 has collectors for its new namespace", () => world.sets("c2").length === 2);
      assert.deepEqual(service.readiness(), { ready: true });
      assert.match(await metrics.metrics(), /^bcs_metric_service_unread_sources\{cluster="c2"\} 0$/m);
      assert.match(
        world.lines.join(""),
        /"source":"kubernetes c2","clusters":\["c2"\],"msg":"the pods of a cluster have/,
      );
    });
  } finally {
    await world.close();
  }
});
