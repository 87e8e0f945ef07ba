import type { FileStatus } from "../../core/config/catalog.ts";
import type { ConfigProblem } from "../../core/config/document.ts";
import type { Hold } from "../guards/hold.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetHealth, TargetRow } from "../health/target_rows.ts";
import type { LeadershipStatus } from "../leader/leader.ts";
import type { Notice } from "../reconcile/notices.ts";
import type { UnreadSource } from "../targets/sources.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";

/** The system at a glance, as `GET /v1/status` shows it. */
export interface ServiceStatus {
  /** Whether the store can be read; `reason` says why not. */
  readonly store: { readonly synced: boolean; readonly reason: string };
  /** Sources that have not been read since this service started: the namespaces of their clusters stay as they are. */
  readonly unread: readonly UnreadSource[];
  /** Who reconciles: whether this service does, the epoch, and the leader's id ("" while none is known). */
  readonly leader: LeadershipStatus;
  /** Changes that are held until somebody confirms them. */
  readonly guards: readonly Hold[];
  /** Number of files by state: `ok`, `invalid`, `stale-version`, `conflict`. */
  readonly documents: Readonly<Record<string, number>>;
  /** Everything that keeps a file from taking effect as it stands, and what has no effect beside another file. */
  readonly problems: readonly ConfigProblem[];
  readonly targets: Readonly<Record<TargetHealth, number>>;
  readonly collectors: readonly Pick<
    CollectorRow,
    "cluster" | "namespace" | "name" | "state" | "alive" | "restarts" | "targets"
  >[];
  readonly workloads: readonly WorkloadRow[];
}

export function countDocuments(files: readonly FileStatus[]): Record<string, number> {
  const counts: Record<string, number> = { ok: 0, invalid: 0, "stale-version": 0, conflict: 0 };
  for (const { state } of files) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

export function countTargets(rows: readonly TargetRow[]): Record<TargetHealth, number> {
  const counts = { up: 0, down: 0, unknown: 0, unresolved: 0 };
  for (const { health } of rows) counts[health] += 1;
  return counts;
}

export function serviceStatus(inputs: {
  readonly store: ServiceStatus["store"];
  /** None by default. */
  readonly unread?: readonly UnreadSource[];
  readonly leader: LeadershipStatus;
  readonly guards: readonly Hold[];
  readonly files: readonly FileStatus[];
  /** Documents without effect; none by default. */
  readonly ignored?: readonly Notice[];
  readonly targets: readonly TargetRow[];
  readonly collectors: readonly CollectorRow[];
  /** None by default. */
  readonly workloads?: readonly WorkloadRow[];
}): ServiceStatus {
  const { store, unread = [], leader, guards, files, ignored = [], targets, collectors, workloads = [] } = inputs;
  return {
    store,
    unread,
    leader,
    guards,
    documents: countDocuments(files),
    problems: [
      ...files.flatMap((file) => file.problems),
      ...ignored.map(({ name, detail }) => ({ path: name, line: 1, column: 1, message: detail })),
    ],
    targets: countTargets(targets),
    collectors: collectors.map((row) => ({
      cluster: row.cluster,
      namespace: row.namespace,
      name: row.name,
      state: row.state,
      alive: row.alive,
      restarts: row.restarts,
      targets: row.targets,
    })),
    workloads,
  };
}
