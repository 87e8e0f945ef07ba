import { z } from "zod";
import { safeNameText } from "../core/option_types.ts";
import { type OptionDefinitions, OptionError } from "../core/options.ts";
import type { Env } from "../core/runtime/env.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { makePodsDiscovery } from "./discovery/kubernetes/pods.ts";
import { KubeClient } from "./kubernetes/client.ts";
import { type KubeClusterOptions, namesCluster, readClusters } from "./kubernetes/clusters.ts";
import { makeKubeMetrics } from "./kubernetes/kube_metrics.ts";
import type { CollectorLaunch } from "./orchestrator/collector_arguments.ts";
import { makeKubernetesOrchestrator, type ManagedCluster } from "./orchestrator/kubernetes/kubernetes_orchestrator.ts";
import type { Orchestrator } from "./orchestrator/orchestrator.ts";

const fileText = z.string().min(1, { error: "must name a file" }).optional();

/** Items separated by commas in flag and environment, text or list in YAML. */
const names = z.union([z.array(z.string()), z.string().transform((text) => text.split(","))]).default([])
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

/** Which Kubernetes clusters the service looks into, and, with `--orchestrator kubernetes`, runs collectors in. */
export const kubernetesOptions = {
  cluster: {
    value: "CLUSTER",
    help: "id of the Kubernetes cluster whose pods are found: that of --kubeconfig, else the one that this pod is in",
    schema: safeNameText.optional(),
  },
  kubeconfig: { value: "FILE", help: "how its API server is reached", schema: fileText },
  kubernetesContext: {
    value: "NAME",
    help: "context of --kubeconfig; by default its current one",
    schema: z.string().default(""),
  },
  kubernetesNamespaces: {
    value: "NAME[,NAME]",
    help: "the only namespaces of --cluster that the service looks into; by default all",
    schema: names,
  },
  kubernetesClusters: {
    value: "FILE",
    help: "YAML file of several Kubernetes clusters, in place of --cluster",
    schema: fileText,
  },
  kubernetesUnsafeTemplates: {
    help: "let templates of collectors ask for privileges, host paths and service accounts",
    schema: z.union([z.boolean(), z.stringbool()]).default(false),
  },
} as const satisfies OptionDefinitions;

export interface KubernetesValues extends KubeClusterOptions {
  readonly orchestrator: string;
  readonly kubernetesUnsafeTemplates: boolean;
}

/** The clusters that the options name, opened. */
export interface Kubernetes {
  readonly discoveries: readonly Discovery[];
  makeOrchestrator(launch: CollectorLaunch): Orchestrator;
  close(): Promise<void>;
}

export interface KubernetesDeps {
  readonly env: Env;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly metrics: Registry;
}

/**
 * Null when the options name no cluster.
 * @throws OptionError when they have to. @throws UserError when a file that they name cannot be used.
 */
export async function openKubernetes(
  values: KubernetesValues,
  deps: KubernetesDeps,
): Promise<Kubernetes | null> {
  const metrics = makeKubeMetrics(deps.metrics);
  if (!namesCluster(values)) {
    if (values.orchestrator !== "kubernetes" && values.kubeconfig === undefined) return null;
    const what = values.orchestrator === "kubernetes" ? "--orchestrator kubernetes" : "--kubeconfig";
    throw new OptionError(`Cannot use ${what} without --cluster or --kubernetes-clusters: no cluster is named`);
  }
  const { env: { clock, random, fs }, environment, log } = deps;
  const clusters = await readClusters(values, { fs, clock, environment });
  const opened = clusters.map(({ clusterId, access, namespaces }) => ({
    clusterId,
    namespaces,
    client: new KubeClient({
      access,
      clock,
      onRequest: () => metrics.requested(clusterId),
      onFailure: (kind) => metrics.failed(clusterId, kind),
    }),
  }));
  const managed: readonly ManagedCluster[] = opened;
  return {
    discoveries: managed.map((cluster) => makePodsDiscovery({ ...cluster, clock, random, log })),
    makeOrchestrator: (launch) =>
      makeKubernetesOrchestrator({
        clusters: managed,
        launch,
        allowUnsafe: values.kubernetesUnsafeTemplates,
        clock,
        random,
        log,
      }),
    async close() {
      await Promise.all(opened.map(({ client }) => client.close()));
    },
  };
}
