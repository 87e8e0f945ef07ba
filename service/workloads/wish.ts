import { fingerprintOf, type Workload, workloadPath, type WorkloadStatus } from "../orchestrator/workload.ts";
import type { DriftPolicy } from "./next_record.ts";

/** How a workload is to be treated. */
export interface WorkloadRule {
  readonly drift: DriftPolicy;
  /** Replicas that were taken over from what was found; null when the workload's own number counts. */
  readonly accepted: number | null;
  /** Whether a number was approved that it has not had yet: what somebody set by hand before stands back. */
  readonly approved: boolean;
  /** Whether it may be taken over from whoever made it. */
  readonly adopted: boolean;
  /** Why it is left as it is there; null when nothing stands against changing it. */
  readonly hold: WorkloadHold | null;
  /** What is wrong without standing in the way; "" for nothing. */
  readonly warning: string;
}

export interface WorkloadHold {
  readonly reason: string;
  /** Whether it is made where it is missing all the same. */
  readonly creates: boolean;
}

/** For the moment before the first listing. */
export const unlistedHold: WorkloadHold = {
  reason: "the workloads that there are have not been listed yet",
  creates: false,
};

export interface Wish {
  readonly workload: Workload;
  readonly rule: WorkloadRule;
}

export const plainRule: WorkloadRule = {
  drift: "repair",
  accepted: null,
  approved: false,
  adopted: false,
  hold: null,
  warning: "",
};

/** What is to be applied: the workload, with the replicas that count. */
export function appliedOf({ workload, rule }: Wish): Workload {
  return rule.accepted === null ? workload : { ...workload, replicas: rule.accepted };
}

/**
 * Why a workload has to be applied. `missing`: it is not there. `adopt`: somebody else made it. `changed`, `scaled`:
 * the wish has. `repair`: somebody changed it by hand.
 */
export type Need = "missing" | "adopt" | "changed" | "scaled" | "repair";

/** Why the workload has to be applied; null when it may stay as it is found. */
export function needOf(wish: Wish, found: WorkloadStatus | undefined): Need | null {
  const { rule, workload } = wish;
  if (found === undefined) return rule.hold === null || rule.hold.creates ? "missing" : null;
  if (rule.hold !== null) return null;
  // Whether it is adopted, with its replicas, is decided and written down before.
  if (found.fingerprint === "") return rule.adopted ? "adopt" : null;
  if (found.fingerprint !== fingerprintOf(workload)) return "changed";
  const { replicas } = appliedOf(wish);
  if (found.replicas !== replicas) return scaleNeed(rule, replicas, found);
  return found.drift.length > 0 && rule.drift === "repair" ? "repair" : null;
}

function scaleNeed(rule: WorkloadRule, replicas: number, found: WorkloadStatus): Need | null {
  if (rule.approved) return "scaled";
  const isByHand = found.replicas !== found.replicasApplied && found.replicasApplied === replicas;
  if (rule.drift === "repair") return isByHand ? "repair" : "scaled";
  // What is found becomes what is wished for, at the next reconciliation.
  return isByHand || rule.accepted !== null ? null : "scaled";
}

/** Whether anything that a reconciliation looks at differs between two listings. */
export function isSameListing(a: readonly WorkloadStatus[] | null, b: readonly WorkloadStatus[] | null): boolean {
  return digestOf(a) === digestOf(b);
}

function digestOf(found: readonly WorkloadStatus[] | null): string {
  const known = found?.map((one) => [workloadPath(one), one.fingerprint, one.replicas, one.replicasApplied]);
  return JSON.stringify(known ?? null);
}
