/**
 * Runs the collectors of the namespaces, somewhere. Every call is idempotent: the reconciler repeats what it wants
 * until it is so. A call returns once the wish is taken; `list` tells what has become of it.
 */
export interface Orchestrator {
  readonly name: string;
  /** Creates the workload, or makes an existing one equal to it. An equal one is left alone. */
  apply(workload: Workload): Promise<void>;
  /**
   * Sets the number of instances; ordinals 0 to `replicas - 1` run.
   * @throws WorkloadMissingError when there is no such workload.
   */
  scale(key: WorkloadKey, replicas: number): Promise<void>;
  /** Stops every instance and forgets the workload. One that is not there is a success. */
  delete(key: WorkloadKey): Promise<void>;
  /** The workloads that exist, sorted by cluster, namespace and name. */
  list(): Promise<WorkloadStatus[]>;
  /** Calls back after each change of what `list` returns, also one that was made from outside. */
  watch(onChange: () => void): OrchestratorWatch;
  /** Ends the work of this object. Only `process` ends its collectors with it. */
  close(): Promise<void>;
}

export interface OrchestratorWatch {
  close(): void;
}

export interface WorkloadKey {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
}

/** The collectors of one namespace. */
export interface Workload extends WorkloadKey {
  readonly replicas: number;
  /** Environment that every instance gets; a variable that exists is replaced. */
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkloadStatus extends Workload {
  readonly instances: readonly InstanceStatus[];
}

export interface InstanceStatus {
  /** `<workload>-<ordinal>`: also the name of the instance's collection. */
  readonly name: string;
  readonly ordinal: number;
  readonly state: InstanceState;
  /** 0 while none runs, and where the orchestrator has no such thing. */
  readonly pid: number;
  /** Since the workload was applied. */
  readonly restarts: number;
  /** How the last run ended, in a few words; "" when none has. */
  readonly lastEnd: string;
}

/** `waiting`: it ended by itself and is started again after a pause. */
export type InstanceState = "starting" | "running" | "waiting" | "stopping";

export class WorkloadMissingError extends Error {
  override name = "WorkloadMissingError";
}

export function workloadPath(key: WorkloadKey): string {
  return `${key.clusterId}/${key.namespace}/${key.name}`;
}
