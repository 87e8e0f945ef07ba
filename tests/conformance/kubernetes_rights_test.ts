/** The rights in deploy/kubernetes are those that a service uses: without one it fails, and there is none more. */
import { loadAll } from "js-yaml";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { fixedToken } from "../../service/clusters/access.ts";
import type { Snapshot } from "../../service/discovery/discovery.ts";
import { makePodsDiscovery } from "../../service/discovery/kubernetes/pods.ts";
import { KubeClient } from "../../service/kubernetes/client.ts";
import { ApiFault, type ApiRequest } from "../../service/kubernetes/testing/answer.ts";
import { KubeApiServer } from "../../service/kubernetes/testing/api_server.ts";
import { collectorLaunch } from "../../service/kubernetes/testing/launch.ts";
import { makeKubernetesOrchestrator } from "../../service/orchestrator/kubernetes/kubernetes_orchestrator.ts";
import { plainWorkload } from "../../service/orchestrator/workload.ts";
import { waitFor } from "../support/wait.ts";

const roleSchema = z.object({
  kind: z.enum(["Role", "ClusterRole"]),
  metadata: z.object({ namespace: z.string().optional() }),
  rules: z.array(z.strictObject({
    apiGroups: z.array(z.string()),
    resources: z.array(z.string()),
    verbs: z.array(z.string()),
  })),
});
const workload = { ...plainWorkload, clusterId: "c1", namespace: "shop", name: "bcs-collector-shop", replicas: 1 };
const madeOutside = {
  metadata: { namespace: workload.namespace, name: workload.name, resourceVersion: "" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "theirs" } },
    template: { metadata: { labels: { app: "theirs" } }, spec: { containers: [{ name: "c", image: "theirs:1" }] } },
  },
};
const pathPattern = /^\/(?:api|apis\/(apps))\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/;

/** `verb group/resource`, for a Role with the namespace before it: what the file lets a service do. */
function rightsOf(file: string): Set<string> {
  const documents = loadAll(readFileSync(new URL(`../../deploy/kubernetes/${file}`, import.meta.url), "utf8"));
  const roles = documents.flatMap((document) => {
    const { success, data } = roleSchema.safeParse(document);
    return success ? [data] : [];
  });
  assert.equal(roles.length, 1, `${file} has one role`);
  return new Set(
    roles.flatMap(({ metadata, rules }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => `${metadata.namespace ?? "*"}: ${verb} ${group}/${resource}`)
          )
        )
      )
    ),
  );
}

/** What a request needs, as an API server with RBAC sees it. */
function neededFor({ method, path }: ApiRequest, exists: boolean): string[] {
  const [, group = "", namespace = "*", resource = "", name] = pathPattern.exec(path) ?? [];
  const verbs: Record<string, string[]> = {
    GET: [name === undefined ? "list" : "get"],
    WATCH: ["watch"],
    POST: ["create"],
    PUT: ["update"],
    // Server-side apply makes what is not there.
    PATCH: exists ? ["patch"] : ["patch", "create"],
    DELETE: ["delete"],
  };
  return (verbs[method] ?? [method]).map((verb) => `${namespace}: ${verb} ${group}/${resource}`);
}

/** Finds pods, and makes, lists, scales and deletes a workload, with these rights only. Returns those that it used. */
async function useAll(granted: ReadonlySet<string>, namespaces: readonly string[]): Promise<Set<string>> {
  const server = await KubeApiServer.start();
  const used = new Set<string>();
  server.refuse = (request) => {
    const exists = server.store.list("apps/v1/statefulsets", workload.namespace).length > 0;
    for (const right of neededFor(request, exists)) {
      const [namespace = "", what = ""] = right.split(": ");
      const found = [right, `*: ${what}`].find((one) => granted.has(one) && (namespaces.length === 0 || one === right));
      if (found === undefined) return new ApiFault(403, "Forbidden", `cannot ${what} in ${namespace}`);
      used.add(found);
    }
    return null;
  };
  server.store.put("apps/v1/statefulsets", madeOutside, { manager: "somebody" });
  const { clock, random } = systemEnv;
  const access = { server: server.url, insecureSkipVerify: false, token: fixedToken("t") };
  const client = new KubeClient({ access, clock });
  const cluster = { clusterId: "c1", client, namespaces };
  const log = makeLogger("test", "silent");
  const snapshots: Snapshot[] = [];
  const watch = await makePodsDiscovery({ ...cluster, clock, random, log }).watch((one) => snapshots.push(one));
  const orchestrator = makeKubernetesOrchestrator({
    clusters: [cluster],
    launch: collectorLaunch,
    allowUnsafe: false,
    clock,
    random,
    log,
  });
  try {
    // Its pods do not have our label, so the events are asked for why there are none.
    await orchestrator.list();
    await orchestrator.delete(workload);
    await orchestrator.apply(workload);
    await orchestrator.scale(workload, 2);
    await waitFor("its pods are found", 5000, () => snapshots.at(-1)?.pods.length === 2 ? true : null);
    await orchestrator.delete(workload);
    return used;
  } finally {
    await watch.close();
    await orchestrator.close();
    await client.close();
    await server.close();
  }
}

test("the cluster role has what a service uses of a whole cluster, and no more", async () => {
  const granted = rightsOf("base/rbac.yaml");
  const used = await useAll(granted, []);
  // What is asked for in one namespace, and what in all of them, is one right in a cluster role.
  assert.deepEqual([...used].toSorted(), [...granted].toSorted());
});

test("the role has the same for one namespace", async () => {
  const granted = rightsOf("namespaced/rbac.yaml");
  const used = await useAll(granted, ["shop"]);
  assert.deepEqual([...used].toSorted(), [...granted].toSorted());
  const inCluster = [...rightsOf("base/rbac.yaml")].map((right) => right.replace("*: ", "shop: "));
  assert.deepEqual(inCluster.toSorted(), [...granted].toSorted());
});

test("without a right the service is refused", async () => {
  const granted = rightsOf("base/rbac.yaml");
  granted.delete("*: create apps/statefulsets");
  await assert.rejects(useAll(granted, []), { name: "OrchestratorError", kind: "forbidden" });
});
