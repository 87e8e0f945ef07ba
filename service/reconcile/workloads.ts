import type { CollectorDocument, MetricDocument } from "../../core/config/schema.ts";
import { defaultWorkloadName } from "../orchestrator/names.ts";
import { plainWorkload, type Workload } from "../orchestrator/workload.ts";

/** What is known of a namespace when its collector workload is made up. */
export interface WorkloadInputs {
  readonly clusterId: string;
  readonly namespace: string;
  /** Sorted by name. */
  readonly metrics: readonly MetricDocument[];
  readonly collectors: readonly CollectorDocument[];
  /** Names of Collector documents that have no valid version. */
  readonly unreadableCollectors: readonly string[];
  /** Fewest replicas where no valid document says how many: those that there are, while a document is unreadable. */
  readonly replicasKept: number;
}

/**
 * The collector workload of a namespace: as its Collector document says, else one of the default name with as many
 * replicas as the most demanding metric asks for (1 when none does). Of several Collector documents the first by
 * name counts.
 */
export function workloadOf(inputs: WorkloadInputs): Workload {
  const { clusterId, namespace, metrics, replicasKept } = inputs;
  const declared = declaredIn(inputs.collectors);
  const name = declared?.metadata.name ?? inputs.unreadableCollectors[0] ?? defaultWorkloadName(namespace);
  const clusterType = declared?.spec.clusterType ?? metrics[0]?.spec.clusterType ?? "k8s";
  return {
    clusterId,
    namespace,
    name,
    replicas: declared?.spec.replicas ?? Math.max(defaultReplicas(metrics), replicasKept),
    ...plainWorkload,
    clusterType,
    env: {
      MetricClusterType: clusterType,
      MetricClusterID: clusterId,
      MetricApplicationName: name,
      MetricApplicationNamespace: namespace,
    },
  };
}

/** The workload under the name that it had before, with so many replicas, for as long as it has targets. */
export function formerWorkload(workload: Workload, name: string, replicas: number): Workload {
  return { ...workload, name, replicas, env: { ...workload.env, MetricApplicationName: name } };
}

/** The Collector documents of a namespace that do not count, since another one comes first. */
export function ignoredCollectors(collectors: readonly CollectorDocument[]): CollectorDocument[] {
  const declared = declaredIn(collectors);
  return collectors.filter((document) => document !== declared);
}

/** What is divided evenly over the collectors of a namespace. */
export function balanceOf(collectors: readonly CollectorDocument[]): Balance {
  return declaredIn(collectors)?.spec.balance ?? "count";
}

export type Balance = CollectorDocument["spec"]["balance"];

function declaredIn(collectors: readonly CollectorDocument[]): CollectorDocument | undefined {
  return collectors.toSorted((a, b) => a.metadata.name < b.metadata.name ? -1 : 1)[0];
}

function defaultReplicas(metrics: readonly MetricDocument[]): number {
  const asked = metrics.flatMap((metric) => metric.spec.collector?.replicas ?? []);
  return asked.length === 0 ? 1 : Math.max(...asked);
}
