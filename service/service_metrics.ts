import { Counter, Gauge, Histogram, type Registry } from "../core/telemetry/metrics.ts";

import { type WorkloadRow, workloadStates } from "./workloads/workload_rows.ts";

const prefix = "bcs_metric_service";

export interface ServiceMetrics {
  /** Counts a reconciliation that has ended. */
  reconciled(durationMs: number, failures: number): void;
  /** Counts collection files that were written or removed. */
  changed(written: number, removed: number): void;
  /** Counts a collector that was started anew after it ended. */
  restarted(): void;
  /** Counts collectors that were to go and did not confirm for too long. */
  givenUp(count: number): void;
  /** Counts a call that was to make a workload as it is wished. */
  workloadAction(action: "apply" | "delete", result: string): void;
  workloadListFailed(): void;
}

/** What is counted elsewhere and read when somebody asks. */
export interface ServiceReadings {
  /** Number of targets by health. */
  targets(): Readonly<Record<string, number>>;
  /** Number of files by state. */
  documents(): Readonly<Record<string, number>>;
  leadership(): { readonly leading: boolean; readonly epoch: number };
  /** Number of changes that wait for a confirmation. */
  heldChanges(): number;
  workloads(): readonly WorkloadRow[];
  /** Number of sources that have not been read, by cluster. */
  unreadSources(): Readonly<Record<string, number>>;
}

/** The service's own metrics. */
export function makeServiceMetrics(registry: Registry, readings: ServiceReadings): ServiceMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name: `${prefix}_${name}`, help, registers });
  const reconciliations = counter("reconcile_total", "Reconciliations that have ended.");
  const failures = counter("reconcile_errors_total", "Steps of reconciliations that failed and are tried again.");
  const written = counter("collections_written_total", "Collection files written.");
  const removed = counter("collections_removed_total", "Collection files removed.");
  const restarts = counter("collector_restarts_total", "Collectors that were started anew after they ended.");
  const givenUp = counter("collectors_given_up_total", "Collectors that were to go and did not confirm for too long.");
  const duration = new Histogram({
    name: `${prefix}_reconcile_duration_seconds`,
    help: "How long a reconciliation takes.",
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  gauge(registry, "targets", "Targets by health.", "health", () => readings.targets());
  gauge(registry, "documents", "Configuration files by state.", "state", () => readings.documents());
  single(registry, "leading", "Whether this service leads: 1 or 0.", () => readings.leadership().leading ? 1 : 0);
  single(registry, "leader_epoch", "The leader's epoch, as far as it is known.", () => readings.leadership().epoch);
  single(registry, "held_changes", "Changes held until somebody confirms them.", () => readings.heldChanges());
  const unread = "Sources of instances that have not been read since the service started.";
  gauge(registry, "unread_sources", unread, "cluster", () => readings.unreadSources());
  const actions = new Counter({
    name: `${prefix}_workload_actions_total`,
    help: "Calls that change collector workloads, by action and result.",
    labelNames: ["action", "result"],
    registers,
  });
  const listFailures = counter("workload_list_errors_total", "Times that the workloads could not be listed.");
  gauge(registry, "workloads", "Collector workloads by state.", "state", () => countStates(readings.workloads()));
  single(
    registry,
    "workloads_drifted",
    "Collector workloads that somebody has changed by hand.",
    () => readings.workloads().filter(({ drift }) => drift.length > 0).length,
  );
  return {
    workloadAction: (action, result) => actions.inc({ action, result }),
    workloadListFailed: () => listFailures.inc(),
    reconciled(durationMs, failureCount) {
      reconciliations.inc();
      failures.inc(failureCount);
      duration.observe(durationMs / 1000);
    },
    changed(writtenCount, removedCount) {
      written.inc(writtenCount);
      removed.inc(removedCount);
    },
    restarted: () => restarts.inc(),
    givenUp: (count) => givenUp.inc(count),
  };
}

function countStates(rows: readonly WorkloadRow[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(workloadStates.map((state) => [state, 0]));
  for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): void {
  new Gauge({
    name: `${prefix}_${name}`,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count);
    },
  });
}

function single(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: `${prefix}_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
