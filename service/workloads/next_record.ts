import type { WorkloadStatus } from "../orchestrator/workload.ts";
import type { AcceptedReplicas, WorkloadRecord } from "./record.ts";

/**
 * What becomes of a change that somebody makes to a workload by hand. `repair`: it is undone. `accept`: it stays, until
 * the documents want something else; a number of replicas becomes the one that is wished for.
 */
export type DriftPolicy = "repair" | "accept";

export const driftPolicies = ["repair", "accept"] as const satisfies readonly DriftPolicy[];

export interface RecordInputs {
  readonly clusterId: string;
  readonly namespace: string;
  /** Of the workload. */
  readonly name: string;
  /** Names of the namespace's metrics, sorted. */
  readonly metrics: readonly string[];
  /** Replicas that the documents ask for. */
  readonly declared: number;
  /** Whether a document says that number, and not just a default. */
  readonly isExplicit: boolean;
  readonly policy: DriftPolicy;
  /** Id of the approved plan whose number `declared` is; "" when it is no such number. */
  readonly approval: string;
  /** The workload as it is there; null when there is none, undefined while that is not known. */
  readonly found: WorkloadStatus | null | undefined;
}

/** The record of a namespace after a look at its workload; null while nothing is known of it, and nothing remembered. */
export function nextRecord(before: WorkloadRecord | null, inputs: RecordInputs): WorkloadRecord | null {
  const { clusterId, namespace, name, metrics, found } = inputs;
  const known = before?.name === name ? before : null;
  if (known === null && found === undefined) return before;
  const isFromOutside = found?.fingerprint === "";
  const isNewer = isApprovedSince(known, inputs);
  // Once it is gone, what is made in its place is our own.
  const adopted = isFromOutside || (known?.adopted === true && found !== null);
  return {
    clusterId,
    namespace,
    name,
    metric: before?.metric ?? metrics[0] ?? "",
    adopted,
    accepted: isNewer ? null : acceptedIn(known?.accepted ?? null, inputs),
    approval: isNewer ? known?.approval ?? "" : inputs.approval,
  };
}

/**
 * Whether a plan was approved whose number the workload has not had yet. Then that number counts, and not the one that
 * somebody set before: the plan was made with it in view.
 */
function isApprovedSince(known: WorkloadRecord | null, { approval, declared, found }: RecordInputs): boolean {
  return approval !== "" && approval !== known?.approval && found?.replicas !== declared;
}

/** Replicas that are to run: as the documents say, unless another number was taken over since. */
export function replicasOf(declared: number, accepted: AcceptedReplicas | null): number {
  return accepted?.declared === declared ? accepted.replicas : declared;
}

function acceptedIn(before: AcceptedReplicas | null, inputs: RecordInputs): AcceptedReplicas | null {
  const { declared, isExplicit, policy, found } = inputs;
  const stillCounts = before !== null && before.declared === declared
    && (before.by === "adoption" || policy === "accept");
  const accepted = stillCounts ? before : null;
  if (found === undefined) return accepted;
  // A deleted workload is made again as the documents want it.
  if (found === null) return null;
  if (found.fingerprint === "") {
    const keeps = policy === "accept" || !isExplicit;
    return keeps && found.replicas !== declared ? { declared, replicas: found.replicas, by: "adoption" } : accepted;
  }
  if (policy === "repair" || !isByHand(accepted, declared, found)) return accepted;
  return found.replicas === declared ? null : { declared, replicas: found.replicas, by: "drift" };
}

/**
 * Whether somebody else has set the number that is found. While nothing was taken over, the number that was applied
 * last may be an older wish than the documents': then it is the documents that have changed.
 */
function isByHand(accepted: AcceptedReplicas | null, declared: number, found: WorkloadStatus): boolean {
  if (accepted !== null) return found.replicas !== accepted.replicas;
  return found.replicasApplied === declared && found.replicas !== declared;
}
