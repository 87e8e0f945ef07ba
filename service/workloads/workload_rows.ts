import { type Difference, type WorkloadKey, workloadPath, type WorkloadStatus } from "../orchestrator/workload.ts";
import type { Care, Failure } from "./care.ts";
import type { DriftPolicy } from "./next_record.ts";
import { appliedOf, unlistedHold, type Wish } from "./wish.ts";

/**
 * How a workload stands. `ok`: as it is wished. `changing`: it is being made so, or its collectors start. `drifted`:
 * somebody changed it by hand, and that is accepted. `failed`: it cannot be made so, or its collectors do not start.
 * `held`: it is left as it is. `unknown`: nobody can be asked. `stray`: nobody here wishes for it, and it is left alone.
 */
export const workloadStates = ["ok", "changing", "drifted", "failed", "held", "unknown", "stray"] as const;
export type WorkloadState = (typeof workloadStates)[number];

/** A workload as `GET /v1/workloads` shows it. */
export interface WorkloadRow {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: WorkloadState;
  /** That it is to have; "" for the orchestrator's default. */
  readonly image: string;
  /** Null when nobody here wishes for it. */
  readonly replicasWished: number | null;
  /** As it was applied last; null when it never was. */
  readonly replicasApplied: number | null;
  /** As it is there; null when it is not, or not known. */
  readonly replicasFound: number | null;
  readonly driftPolicy: DriftPolicy;
  /** What somebody changed by hand since it was applied. */
  readonly drift: readonly Difference[];
  /** Whether somebody else made it. */
  readonly adopted: boolean;
  /** Why it is not as it is wished; "" when nothing is wrong. */
  readonly problem: string;
  /** Unix milliseconds since when an attempt fails; 0 when none has. */
  readonly sinceMs: number;
  /** To make it as it is wished, since it last was for a while. */
  readonly attempts: number;
  /** Unix milliseconds of the next attempt; 0 when none is due. */
  readonly nextTryMs: number;
}

export interface RowInputs {
  readonly wishes: ReadonlyMap<string, Wish>;
  readonly found: readonly WorkloadStatus[] | null;
  /** Why the workloads of a cluster cannot be listed; null when they can. */
  unlisted(clusterId: string): Failure | null;
  readonly cares: ReadonlyMap<string, Care>;
  /** Unix milliseconds of a monotonic time. */
  wallOf(monotonicMs: number): number;
}

/** Sorted by path. */
export function workloadRows(inputs: RowInputs): WorkloadRow[] {
  const found = new Map((inputs.found ?? []).map((one) => [workloadPath(one), one]));
  return [...new Set([...inputs.wishes.keys(), ...found.keys()])].toSorted().flatMap((path) => {
    const key = inputs.wishes.get(path)?.workload ?? found.get(path);
    return key === undefined
      ? []
      : rowOf(key, inputs.wishes.get(path), found.get(path), inputs.cares.get(path), inputs);
  });
}

function rowOf(
  { clusterId: cluster, namespace, name }: WorkloadKey,
  wish: Wish | undefined,
  found: WorkloadStatus | undefined,
  care: Care | undefined,
  inputs: RowInputs,
): WorkloadRow {
  const drift = found === undefined ? [] : driftOf(found);
  const isDue = care !== undefined && care.need !== null && !care.busy && care.attempts > 0;
  const unlisted = inputs.unlisted(cluster);
  const [state, problem] = standing(wish, found, care, drift, unlisted);
  return {
    cluster,
    namespace,
    name,
    state,
    image: wish?.workload.image ?? "",
    replicasWished: wish === undefined ? null : appliedOf(wish).replicas,
    replicasApplied: found?.replicasApplied ?? null,
    replicasFound: found?.replicas ?? null,
    driftPolicy: wish?.rule.drift ?? "repair",
    drift,
    adopted: wish?.rule.adopted ?? false,
    problem,
    sinceMs: care?.failure?.sinceMs ?? unlisted?.sinceMs ?? 0,
    attempts: care?.attempts ?? 0,
    nextTryMs: isDue ? Math.round(inputs.wallOf(care.nextTryMs)) : 0,
  };
}

/** What somebody changed by hand, the number of replicas included. */
export function driftOf({ drift, fingerprint, replicas, replicasApplied }: WorkloadStatus): readonly Difference[] {
  if (fingerprint === "" || replicasApplied === null || replicas === replicasApplied) return drift;
  return [{ field: "replicas", applied: String(replicasApplied), found: String(replicas) }, ...drift];
}

function standing(
  wish: Wish | undefined,
  found: WorkloadStatus | undefined,
  care: Care | undefined,
  drift: readonly Difference[],
  unlisted: Failure | null,
): [WorkloadState, string] {
  if (care !== undefined && care.failure !== null) return ["failed", care.failure.reason];
  if (unlisted !== null) return ["unknown", `it cannot be looked at: ${unlisted.reason}`];
  if (wish === undefined) {
    return care?.need === "remove" ? ["changing", "it is to be removed"] : ["stray", "nothing here asks for it"];
  }
  const { hold } = wish.rule;
  if (hold !== null) return [hold === unlistedHold ? "changing" : "held", hold.reason];
  if (found !== undefined && found.problem !== "") return ["failed", found.problem];
  const { warning } = wish.rule;
  if (care === undefined || care.need !== null || found === undefined) return ["changing", warning];
  return [drift.length > 0 ? "drifted" : "ok", warning];
}
