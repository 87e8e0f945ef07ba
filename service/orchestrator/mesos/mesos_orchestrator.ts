import type { Clock, Random } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { ApiClient } from "../../clusters/api_client.ts";
import type { CollectorLaunch } from "../collector_arguments.ts";
import { listClusters, type Orchestrator, OrchestratorError, type OrchestratorWatch } from "../orchestrator.ts";
import { type Workload, type WorkloadKey, workloadPath, type WorkloadStatus } from "../workload.ts";
import { BcsWorkloads } from "./bcs_workloads.ts";
import { ChangeWatch } from "./change_watch.ts";
import type { ClusterWorkloads } from "./cluster_workloads.ts";
import { MarathonWorkloads } from "./marathon_workloads.ts";
import { refuseUnsafe } from "./unsafe.ts";

export interface MesosOrchestratorOptions {
  readonly clusters: readonly MesosManaged[];
  readonly launch: CollectorLaunch;
  /** Whether templates may ask for what reaches beyond their container. */
  readonly allowUnsafe: boolean;
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  /** Between two looks for changes that nothing tells of; 10 s by default. */
  readonly pollMs?: number;
  /** How long an app of Marathon may be locked by a deployment before it is written all the same; 5 s by default. */
  readonly lockWaitMs?: number;
}

/** A cluster to run collectors in; its clients are not closed with the orchestrator. */
export type MesosManaged =
  | {
    readonly flavor: "bcs";
    readonly clusterId: string;
    readonly scheduler: Pick<ApiClient, "request">;
    readonly storage: Pick<ApiClient, "request">;
    /** The only ones that may be looked into; empty for all. */
    readonly namespaces: readonly string[];
  }
  | {
    readonly flavor: "marathon";
    readonly clusterId: string;
    readonly marathon: Pick<ApiClient, "request" | "stream">;
    readonly namespaces: readonly string[];
  };

/** Runs collectors in Mesos, by the scheduler of BCS or by Marathon, where they outlive the service. */
export function makeMesosOrchestrator(options: MesosOrchestratorOptions): Orchestrator {
  return new MesosOrchestrator(options);
}

class MesosOrchestrator implements Orchestrator {
  readonly name = "mesos";
  readonly #options: MesosOrchestratorOptions;
  readonly #clusters: ReadonlyMap<string, ClusterWorkloads>;
  readonly #watchers = new Set<() => void>();
  #watch: ChangeWatch | null = null;

  constructor(options: MesosOrchestratorOptions) {
    this.#options = options;
    this.#clusters = new Map(
      options.clusters.toSorted((a, b) => a.clusterId < b.clusterId ? -1 : 1)
        .map((cluster): [string, ClusterWorkloads] => [
          cluster.clusterId,
          cluster.flavor === "bcs"
            ? new BcsWorkloads({ ...options, ...cluster })
            : new MarathonWorkloads({ ...options, ...cluster }),
        ]),
    );
  }

  async apply(workload: Workload): Promise<void> {
    refuseUnsafe(workload, this.#options.allowUnsafe);
    await this.#clusterOf(workload, "apply").apply(workload);
    this.#watch?.lookSoon();
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    await this.#clusterOf(key, "scale").scale(key, replicas);
    this.#watch?.lookSoon();
  }

  async delete(key: WorkloadKey): Promise<void> {
    await this.#clusterOf(key, "delete").delete(key);
    this.#watch?.lookSoon();
  }

  async list(): Promise<WorkloadStatus[]> {
    return await listClusters(this.#clusters);
  }

  watch(onChange: () => void): OrchestratorWatch {
    this.#watchers.add(onChange);
    this.#watch ??= this.#openWatch();
    return { close: () => void this.#watchers.delete(onChange) };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    await this.#watch?.close();
  }

  #openWatch(): ChangeWatch {
    const { log } = this.#options;
    const watch = new ChangeWatch({
      ...this.#options,
      look: () => this.list(),
      onChange: () => {
        for (const watcher of this.#watchers) watcher();
      },
    });
    for (const [cluster, { follow }] of this.#clusters) {
      const following = follow?.(() => watch.lookSoon(), watch.signal);
      if (following !== undefined) inBackground(log, `following the events of ${cluster}`, following);
    }
    log.debug({ clusters: [...this.#clusters.keys()] }, "watching the collector workloads of Mesos");
    return watch;
  }

  #clusterOf(key: WorkloadKey, what: string): ClusterWorkloads {
    const cluster = this.#clusters.get(key.clusterId);
    if (cluster !== undefined) return cluster;
    const why = `cluster "${key.clusterId}" is none of ${[...this.#clusters.keys()].join(", ")}`;
    throw new OrchestratorError(`Cannot ${what} workload "${workloadPath(key)}": ${why}`, "invalid");
  }
}
