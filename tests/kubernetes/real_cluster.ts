import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { collectorLaunch } from "../../service/kubernetes/testing/launch.ts";
import { makeKubernetesOrchestrator } from "../../service/orchestrator/kubernetes/kubernetes_orchestrator.ts";
import { plainWorkload, type Workload } from "../../service/orchestrator/workload.ts";
import { orchestratorConformance } from "../conformance/orchestrator_suite.ts";
import { KubeHand } from "../support/kube_api/hand.ts";
import { RealCluster } from "../support/kube_api/real_cluster.ts";
import { waitFor } from "../support/wait.ts";

/** Run by `scripts/kubernetes`, which builds the programs of Kubernetes first; see docs/kubernetes.md. */
const cluster = await RealCluster.start();
after(() => cluster.close());

function make() {
  const { clock, random } = systemEnv;
  return makeKubernetesOrchestrator({
    clusters: [{ clusterId: "BCS-K8S-00001", client: cluster.service, namespaces: [] }],
    launch: collectorLaunch,
    allowUnsafe: false,
    clock,
    random,
    log: makeLogger("test", "silent"),
  });
}

orchestratorConformance("kubernetes, real API server", async () => {
  await cluster.clear();
  let orchestrator = make();
  const hand = new KubeHand(cluster.admin);
  return {
    orchestrator,
    running: (key) => hand.running(key),
    outside: hand,
    async restart() {
      await orchestrator.close();
      return orchestrator = make();
    },
    setAway: null,
    close: () => orchestrator.close(),
  };
}, { lacks: ["away"], withinMs: 30_000 });

test("a real API server takes all that a wish can ask for, and nothing of it looks like drift", async () => {
  await cluster.clear();
  const orchestrator = make();
  const wish: Workload = {
    ...plainWorkload,
    clusterId: "BCS-K8S-00001",
    namespace: "shop",
    name: "Odd_Name.of-a-workload-that-is-longer-than-any-label-of-Kubernetes-may-be",
    replicas: 2,
    env: { Spaced: "a b", Dollar: "$(HOME)" },
    labels: { "io.tencent.bcs.metric.collector": "shop/cart", "io.tencent.bcs.metriccfg": "x".repeat(100) },
    imagePullSecrets: ["pull"],
    resources: { cpus: 1.5, memoryMiB: 1024 },
    network: { ...plainWorkload.network, hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
    template: {
      metadata: { labels: { team: "trade" } },
      spec: {
        template: {
          spec: {
            nodeSelector: { pool: "monitoring" },
            tolerations: [{ operator: "Exists" }],
            volumes: [{ name: "data", emptyDir: { sizeLimit: "1024Mi" } }],
            containers: [
              { name: "collector", env: [{ name: "T", valueFrom: { secretKeyRef: { name: "s", key: "token" } } }] },
              { name: "side", image: "side:1" },
            ],
          },
        },
      },
    },
  };
  try {
    await orchestrator.apply(wish);
    const [status] = await waitFor("both pods are made", 20_000, async () => {
      const listed = await orchestrator.list();
      return listed[0]?.instances.every(({ state }) => state === "running") === true ? listed : null;
    });
    assert.deepEqual([status?.name, status?.drift, status?.problem], [wish.name, [], ""]);
    assert.deepEqual(status?.instances.map(({ name }) => name), [`${wish.name}-0`, `${wish.name}-1`]);
    await orchestrator.delete(wish);
  } finally {
    await orchestrator.close();
  }
});
