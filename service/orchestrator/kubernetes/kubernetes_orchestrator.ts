import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { KubeClient } from "../../kubernetes/client.ts";
import { listClusters, type Orchestrator, OrchestratorError } from "../orchestrator.ts";
import { type Workload, type WorkloadKey, workloadPath, type WorkloadStatus } from "../workload.ts";
import { ClusterSets } from "./cluster_sets.ts";
import type { SetOptions } from "./collector_set.ts";

export interface KubernetesOrchestratorOptions extends SetOptions {
  readonly clusters: readonly ManagedCluster[];
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
}

export interface ManagedCluster {
  readonly clusterId: string;
  /** Is not closed with the orchestrator. */
  readonly client: Pick<KubeClient, "request" | "stream">;
  /** The only ones that may be looked into; empty for all. */
  readonly namespaces: readonly string[];
}

/** Runs collectors as StatefulSets of Kubernetes clusters, where they outlive the service. */
export function makeKubernetesOrchestrator(options: KubernetesOrchestratorOptions): Orchestrator {
  return new KubernetesOrchestrator(options);
}

class KubernetesOrchestrator implements Orchestrator {
  readonly name = "kubernetes";
  readonly #clusters: ReadonlyMap<string, ClusterSets>;
  readonly #watchers = new Set<() => void>();

  constructor(options: KubernetesOrchestratorOptions) {
    const onChange = () => {
      for (const watcher of this.#watchers) watcher();
    };
    this.#clusters = new Map(
      options.clusters.toSorted((a, b) => a.clusterId < b.clusterId ? -1 : 1)
        .map((cluster) => [cluster.clusterId, new ClusterSets(cluster, { ...options, onChange })]),
    );
  }

  async apply(workload: Workload): Promise<void> {
    await this.#clusterOf(workload, "apply").apply(workload);
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    await this.#clusterOf(key, "scale").scale(key, replicas);
  }

  async delete(key: WorkloadKey): Promise<void> {
    await this.#clusterOf(key, "delete").delete(key);
  }

  async list(): Promise<WorkloadStatus[]> {
    return await listClusters(this.#clusters);
  }

  watch(onChange: () => void): { close(): void } {
    this.#watchers.add(onChange);
    return { close: () => void this.#watchers.delete(onChange) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
  }

  #clusterOf(key: WorkloadKey, what: string): ClusterSets {
    const cluster = this.#clusters.get(key.clusterId);
    if (cluster !== undefined) return cluster;
    const why = `cluster "${key.clusterId}" is none of ${[...this.#clusters.keys()].join(", ")}`;
    throw new OrchestratorError(`Cannot ${what} workload "${workloadPath(key)}": ${why}`, "invalid");
  }
}
