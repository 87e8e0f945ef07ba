import type { CollectorDocument } from "../../core/config/schema.ts";
import { collectorName } from "../../core/registry/collector_id.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import type { InstanceState, WorkloadStatus } from "../orchestrator/workload.ts";
import type { NamespacePlan } from "../reconcile/view.ts";
import type { CollectorRecords } from "./collector_records.ts";
import type { CollectorReports } from "./target_rows.ts";

/** A collector as `GET /v1/collectors` shows it. */
export interface CollectorRow {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** `metadata.labels` of the Collector document that it is an instance of. */
  readonly labels: Readonly<Record<string, string>>;
  /** As the orchestrator has it; `external` when somebody else runs it. */
  readonly state: InstanceState | "external";
  /** Whether it is in the registry. */
  readonly alive: boolean;
  /** How long it stays in the registry without being heard of; 0 while it is not there. */
  readonly leaseMs: number;
  /** Unix milliseconds when it was last heard of, by its own clock; 0 while it is not there. */
  readonly renewedAtMs: number;
  readonly pid: number;
  /** Since this service started it. */
  readonly restarts: number;
  /** How its last run ended; "" when none has. */
  readonly lastEnd: string;
  readonly targets: number;
  /** Generation that it has in force; 0 when that is not known. */
  readonly appliedGeneration: number;
  /** Address of its `/metrics`; "" while it is not known. */
  readonly metricsAddress: string;
  /** Its own measures, such as `unacknowledgedRecords`. */
  readonly load: Readonly<Record<string, number>>;
}

/** What is known of the collectors, and how many targets each has. */
export interface CollectorInputs {
  readonly namespaces: readonly NamespacePlan[];
  readonly workloads: readonly WorkloadStatus[];
  readonly records: CollectorRecords;
  readonly reports: Pick<CollectorReports, "statusOf">;
  readonly documents: readonly CollectorDocument[];
}

/** The collectors that are run here, then those that are only in the registry. */
export function collectorRows(inputs: CollectorInputs): CollectorRow[] {
  const { namespaces, workloads, records, reports, documents } = inputs;
  const counts = countTargets(namespaces);
  const labels = new Map(
    documents.map(({ metadata }) => [pathOf(metadata.clusterId, metadata.namespace, metadata.name), metadata.labels]),
  );
  const row = (cluster: string, namespace: string, name: string) => {
    const record = records.find(cluster, namespace, name);
    return {
      cluster,
      namespace,
      name,
      labels: labels.get(pathOf(cluster, namespace, name.replace(/-\d+$/, ""))) ?? {},
      alive: record !== null,
      leaseMs: record?.leaseMs ?? 0,
      renewedAtMs: record?.renewedAtMs ?? 0,
      targets: counts.get(pathOf(cluster, namespace, name)) ?? 0,
      appliedGeneration: reports.statusOf(cluster, namespace, name)?.generation ?? 0,
      metricsAddress: record === null ? "" : formatAddress({ host: record.ip, port: record.metric_port }),
      load: record?.load ?? {},
    };
  };
  const own = workloads.flatMap(({ clusterId, namespace, instances }) =>
    instances.map(({ name, state, pid, restarts, lastEnd }): CollectorRow => ({
      ...row(clusterId, namespace, name),
      state,
      pid,
      restarts,
      lastEnd,
    }))
  );
  const known = new Set(own.map((one) => pathOf(one.cluster, one.namespace, one.name)));
  const others = records.all
    .map((record) => ({ record, name: collectorName(record) }))
    .filter(({ record, name }) => !known.has(pathOf(record.cluster, record.namespace, name)))
    .map(({ record, name }): CollectorRow => ({
      ...row(record.cluster, record.namespace, name),
      state: "external",
      pid: record.pid,
      restarts: 0,
      lastEnd: "",
    }));
  return [...own, ...others];
}

function countTargets(namespaces: readonly NamespacePlan[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { clusterId, namespace, targets } of namespaces) {
    for (const target of targets) {
      if (!("collector" in target)) continue;
      const path = pathOf(clusterId, namespace, target.collector);
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  return counts;
}

function pathOf(cluster: string, namespace: string, name: string): string {
  return `${cluster}/${namespace}/${name}`;
}
