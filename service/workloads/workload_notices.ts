import type { Notice } from "../reconcile/notices.ts";
import type { WorkloadRow } from "./workload_rows.ts";

/** What an operator should know of the workloads: what was changed by hand, and what is not as it is wished, and why. */
export function workloadNotices(rows: readonly WorkloadRow[]): Notice[] {
  return rows.flatMap((row): Notice[] => {
    const place = { clusterId: row.cluster, namespace: row.namespace, name: row.name };
    const drift = row.drift.map(({ field, applied, found }) => `${field} ${shown(applied)} is ${shown(found)}`);
    const fate = row.driftPolicy === "repair" ? "it is repaired" : "it is accepted";
    return [
      ...drift.length === 0
        ? []
        : [{ type: "workload.drift" as const, ...place, detail: `somebody changed it: ${drift.join(", ")}; ${fate}` }],
      ...row.state !== "failed" && row.state !== "held" && row.state !== "stray"
        ? []
        : [{ type: "workload.problem" as const, ...place, detail: `${row.state}: ${row.problem}` }],
    ];
  });
}

function shown(value: string): string {
  return value === "" ? "(none)" : value;
}
