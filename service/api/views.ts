import type { LiveRecord } from "../../core/registry/records.ts";
import { approvalStates } from "../autoscale/approvals/approval.ts";
import type { ApprovalRow } from "../autoscale/approvals/approval_row.ts";
import type { AutoscaleRow } from "../autoscale/autoscale_row.ts";
import type { Hold } from "../guards/hold.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import { targetHealths, type TargetRow } from "../health/target_rows.ts";
import { type WorkloadRow, workloadStates } from "../workloads/workload_rows.ts";
import type { View } from "./view_list.ts";

/** `GET /v1/targets` */
export const targetView: View<TargetRow> = {
  member: "targets",
  key: ["cluster", "namespace", "metric", "address", "pod", "endpoint"],
  filters: {
    cluster: "cluster",
    namespace: "namespace",
    metric: "metric",
    collector: "collector",
    health: "health",
  },
  values: { health: targetHealths },
};

/** `GET /v1/collectors`; their labels are also those of their Collector document. */
export const collectorView: View<CollectorRow> = {
  member: "collectors",
  key: ["cluster", "namespace", "name"],
  filters: { cluster: "cluster", namespace: "namespace" },
  labels: ({ labels }) => labels,
};

/** `GET /v1/workloads` */
export const workloadView: View<WorkloadRow> = {
  member: "workloads",
  key: ["cluster", "namespace", "name"],
  filters: { cluster: "cluster", namespace: "namespace", state: "state" },
  values: { state: workloadStates },
};

/** `GET /v1/exporters` */
export const exporterView: View<LiveRecord> = { member: "exporters", key: ["id"], filters: {} };

/** `GET /v1/services` */
export const serviceView: View<LiveRecord> = { member: "services", key: ["id"], filters: {} };

/** `GET /v1/guards` */
export const guardView: View<Hold> = {
  member: "guards",
  key: ["clusterId", "namespace"],
  filters: { cluster: "clusterId", namespace: "namespace" },
};

/** `GET /v1/approvals` */
export const approvalView: View<ApprovalRow> = {
  member: "approvals",
  key: ["id"],
  filters: { cluster: "cluster", namespace: "namespace", state: "state" },
  values: { state: approvalStates },
};

/** `GET /v1/autoscale` */
export const autoscaleView: View<AutoscaleRow> = {
  member: "autoscale",
  key: ["cluster", "namespace"],
  filters: { cluster: "cluster", namespace: "namespace" },
};
