import type { Workload, WorkloadKey, WorkloadStatus } from "../workload.ts";

/** The collector workloads of one cluster: the calls of an orchestrator, all with a key of this cluster. */
export interface ClusterWorkloads {
  apply(workload: Workload): Promise<void>;
  scale(key: WorkloadKey, replicas: number): Promise<void>;
  delete(key: WorkloadKey): Promise<void>;
  /** Sorted by namespace and name. */
  list(): Promise<WorkloadStatus[]>;
  /** Calls back when something may have changed, besides what is noticed by listing again. Closed with the signal. */
  readonly follow?: (onChange: () => void, signal: AbortSignal) => Promise<void>;
}

/** What this process has applied: the system itself does not keep how many replicas were asked for. */
export class AppliedReplicas {
  readonly #byPath = new Map<string, number>();

  set(path: string, replicas: number): void {
    this.#byPath.set(path, replicas);
  }

  delete(path: string): void {
    this.#byPath.delete(path);
  }

  /** Who has just begun takes what is there for what was applied. */
  of(path: string, fingerprint: string, found: number): number | null {
    if (fingerprint === "") return null;
    const applied = this.#byPath.get(path) ?? found;
    this.#byPath.set(path, applied);
    return applied;
  }
}
