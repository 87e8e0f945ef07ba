import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import { type ApprovalState, approvalStates, type Notice } from "./approvals/approval.ts";
import { type ScaleState, scaleStates } from "./rules/step.ts";

const prefix = "bcs_metric_service";

export interface AutoscaleMetrics {
  /** The namespaces with a rule, by what was found at the last look. */
  namespaces(states: readonly ScaleState[]): void;
  /** Counts a read of usage. */
  usageRead(ok: boolean): void;
  /** Counts an attempt to tell somebody. */
  notified(notifier: string, outcome: Notice["outcome"]): void;
  /** Counts a transition that this service saw. */
  changed(state: ApprovalState): void;
}

/** @param notifiers their names. */
export function makeAutoscaleMetrics(
  registry: Registry,
  readings: { readonly notifiers: readonly string[]; approvals(): readonly { readonly state: ApprovalState }[] },
): AutoscaleMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter<Label>({ name: `${prefix}_${name}`, help, labelNames, registers });
  const reads = counter("usage_reads_total", "Reads of the collectors' usage.", "outcome");
  const changes = counter("approval_changes_total", "Plans that came to a state, as this service saw it.", "state");
  const notices = counter(
    "notifications_total",
    "Attempts to tell people of plans; failed is not tried again.",
    "notifier",
    "outcome",
  );
  for (const outcome of ["ok", "failed"]) reads.inc({ outcome }, 0);
  for (const state of approvalStates) changes.inc({ state }, 0);
  for (const notifier of readings.notifiers) {
    for (const outcome of ["sent", "retrying", "failed"]) notices.inc({ notifier, outcome }, 0);
  }
  const namespaces = new Gauge({
    name: `${prefix}_autoscale_namespaces`,
    help: "Namespaces with a rule, by what this service found of them as the leader.",
    labelNames: ["state"],
    registers,
  });
  for (const state of scaleStates) namespaces.set({ state }, 0);
  new Gauge({
    name: `${prefix}_approvals`,
    help: "Plans that are kept, by state.",
    labelNames: ["state"],
    registers,
    collect() {
      const present = readings.approvals();
      for (const state of approvalStates) this.set({ state }, present.filter((one) => one.state === state).length);
    },
  });
  return {
    namespaces(states) {
      for (const state of scaleStates) namespaces.set({ state }, states.filter((one) => one === state).length);
    },
    usageRead: (ok) => reads.inc({ outcome: ok ? "ok" : "failed" }),
    notified: (notifier, outcome) => notices.inc({ notifier, outcome }),
    changed: (state) => changes.inc({ state }),
  };
}
