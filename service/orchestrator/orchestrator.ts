import { messageOf } from "../../core/errors.ts";
import type { Workload, WorkloadKey, WorkloadStatus } from "./workload.ts";

/**
 * Runs the collectors of the namespaces, somewhere. Every call is idempotent: the reconciler repeats what it wants
 * until it is so. A call returns once the wish is taken; `list` tells what has become of it.
 */
export interface Orchestrator {
  readonly name: string;
  /**
   * Creates the workload, or makes an existing one equal to it, whoever created it: what the wish does not name stays
   * as it is. An equal one is left alone, and so are instances that run while only the number of replicas changes.
   * @throws OrchestratorError
   */
  apply(workload: Workload): Promise<void>;
  /**
   * Sets the number of instances; ordinals 0 to `replicas - 1` run.
   * @throws WorkloadMissingError when there is no such workload.
   * @throws OrchestratorError
   */
  scale(key: WorkloadKey, replicas: number): Promise<void>;
  /**
   * Stops every instance and forgets the workload. One that is not there is a success.
   * @throws OrchestratorError
   */
  delete(key: WorkloadKey): Promise<void>;
  /**
   * The collector workloads that exist, those made from outside included, sorted by cluster, namespace and name.
   * Missing is not empty: it fails rather than to leave out what it could not ask for.
   * @throws PartialListError when some clusters could be listed and others not.
   * @throws OrchestratorError
   */
  list(): Promise<WorkloadStatus[]>;
  /** Calls back after each change of what `list` returns, also one that was made from outside. */
  watch(onChange: () => void): OrchestratorWatch;
  /** Ends the work of this object. Only `process` ends its collectors with it. */
  close(): Promise<void>;
}

export interface OrchestratorWatch {
  close(): void;
}

export class WorkloadMissingError extends Error {
  override name = "WorkloadMissingError";
}

/** The system that runs the workloads did not do what it was asked. */
export class OrchestratorError extends Error {
  override name = "OrchestratorError";
  readonly kind: OrchestratorErrorKind;

  constructor(message: string, kind: OrchestratorErrorKind, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Some clusters could not be listed. */
export class PartialListError extends OrchestratorError {
  override name = "PartialListError";
  /** Of the clusters that could be. */
  readonly found: readonly WorkloadStatus[];
  /** Why each of the others could not be, by cluster; the reasons name it. */
  readonly missing: ReadonlyMap<string, unknown>;

  constructor(found: readonly WorkloadStatus[], missing: ReadonlyMap<string, unknown>) {
    const kinds = new Set(
      [...missing.values()].map((one) => one instanceof OrchestratorError ? one.kind : "unavailable"),
    );
    const [kind = "unavailable"] = kinds;
    super([...missing.values()].map(messageOf).join("; "), kinds.size === 1 ? kind : "unavailable");
    this.found = found;
    this.missing = missing;
  }
}

/**
 * The workloads of several clusters, asked at the same time.
 * @throws PartialListError when some of them cannot be listed; what the first one throws when none can.
 */
export async function listClusters(
  clusters: ReadonlyMap<string, { list(): Promise<readonly WorkloadStatus[]> }>,
): Promise<WorkloadStatus[]> {
  const found: WorkloadStatus[] = [];
  const missing = new Map<string, unknown>();
  const results = await Promise.allSettled([...clusters.values()].map((cluster) => cluster.list()));
  for (const [index, clusterId] of [...clusters.keys()].entries()) {
    const result = results[index];
    if (result?.status === "fulfilled") found.push(...result.value);
    else missing.set(clusterId, result?.reason);
  }
  if (missing.size === 0) return found;
  if (missing.size < clusters.size) throw new PartialListError(found, missing);
  throw missing.values().next().value;
}

/**
 * `unavailable`: away, slow, or too busy; worth trying again soon. `conflict`: somebody else changed it at the same
 * time; worth trying again at once. `forbidden` and `invalid` need a human: trying again is for when they have acted.
 */
export type OrchestratorErrorKind = "unavailable" | "conflict" | "forbidden" | "invalid";
