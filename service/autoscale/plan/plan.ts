import { createHash } from "node:crypto";
import type { AutoscaleRule } from "../../../core/config/autoscale.ts";
import { canonicalJson } from "../../../core/config/canonical.ts";
import { instanceName } from "../../orchestrator/names.ts";
import type { CollectorUsage } from "../usage/usage.ts";
import { divideAnew, type Division } from "./divide_anew.ts";

/** A namespace as it is when a plan is made, or looked at again. */
export interface ScaledNamespace {
  readonly clusterId: string;
  readonly namespace: string;
  /** Name of the collector workload. */
  readonly workload: string;
  /** Collectors that it is to have: what is approved, else what is declared. */
  readonly replicas: number;
  /** Collectors that the documents ask for. */
  readonly declared: number;
  readonly rule: AutoscaleRule;
  /** Of the collections. */
  readonly generation: number;
  readonly division: Division;
}

/** A change of the number of collectors, with all that it means. */
export interface ScalePlan {
  readonly clusterId: string;
  readonly namespace: string;
  readonly workload: string;
  readonly from: number;
  readonly to: number;
  readonly reasons: readonly string[];
  /** The first {@link movesShownMax} of the targets that change their collector. */
  readonly moves: readonly Move[];
  readonly moveCount: number;
  readonly predicted: readonly PredictedLoad[];
  readonly inputs: PlanInputs;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
}

export interface Move {
  readonly metric: string;
  readonly address: string;
  readonly from: string;
  readonly to: string;
}

/** What a collector will have; null where nobody knows what it has now. */
export interface PredictedLoad {
  readonly collector: string;
  readonly targetsBefore: number;
  readonly targets: number;
  readonly cpuPercent: number | null;
  readonly memoryMiB: number | null;
}

/** What a plan was made of: it is void when one of these is another one. Long ones as SHA-256. */
export interface PlanInputs {
  readonly workload: string;
  readonly replicas: number;
  readonly declared: number;
  readonly generation: number;
  readonly targets: string;
  readonly moves: string;
  readonly rule: string;
}

/** More moves are counted, and in the hash, but not listed. */
export const movesShownMax = 200;

/** Plans the change to `to` collectors. */
export function makePlan(
  place: ScaledNamespace,
  to: number,
  why: { readonly reasons: readonly string[]; readonly usages: readonly CollectorUsage[]; readonly nowMs: number },
): ScalePlan {
  const { clusterId, namespace, workload, replicas, division } = place;
  const before = heldBefore(place);
  const after = divideAnew(division, namesOf(workload, to));
  const moves = movesOf(division, after);
  return {
    clusterId,
    namespace,
    workload,
    from: replicas,
    to,
    reasons: why.reasons,
    moves: moves.slice(0, movesShownMax),
    moveCount: moves.length,
    predicted: predict(before, after, why.usages),
    inputs: inputsOf(place, to),
    createdAtMs: why.nowMs,
  };
}

/** Of everything that an approver was shown, and of what it was made of. */
export function hashOf(plan: ScalePlan): string {
  return sha256(plan);
}

/** What has changed since the plan was made, in a few words; "" when nothing has. */
export function changeSince(
  { inputs, to }: Pick<ScalePlan, "inputs" | "to">,
  now: ScaledNamespace | undefined,
): string {
  if (now === undefined) return "the namespace has no collectors to scale any more";
  const present = inputsOf(now, to);
  const { workload, replicas, declared, generation } = inputs;
  if (present.workload !== workload) return `the collector workload is "${present.workload}" now, not "${workload}"`;
  if (present.declared !== declared) return `the documents ask for ${present.declared} collectors now, not ${declared}`;
  if (present.replicas !== replicas) return `there are ${present.replicas} collectors to be now, not ${replicas}`;
  if (present.rule !== inputs.rule) return "the rule is another one now";
  if (present.targets !== inputs.targets) return "the targets are others now, or have other collectors";
  if (present.generation !== generation) {
    return `the assignment has generation ${present.generation} now, not ${generation}`;
  }
  return present.moves === inputs.moves ? "" : "other targets would move now";
}

/** The collectors of a workload with so many replicas. */
export function namesOf(workload: string, replicas: number): string[] {
  return Array.from({ length: replicas }, (_, ordinal) => instanceName(workload, ordinal));
}

function inputsOf(place: ScaledNamespace, to: number): PlanInputs {
  const { workload, replicas, declared, generation, rule, division } = place;
  const targets = [...division.owners].toSorted(([a], [b]) => a < b ? -1 : 1);
  const moves = movesOf(division, divideAnew(division, namesOf(workload, to)));
  return {
    workload,
    replicas,
    declared,
    generation,
    targets: sha256(targets),
    moves: sha256(moves),
    rule: sha256(rule),
  };
}

function heldBefore({ workload, replicas, division }: ScaledNamespace): Map<string, number> {
  const held = new Map(namesOf(workload, replicas).map((name) => [name, 0]));
  for (const owner of division.owners.values()) held.set(owner, (held.get(owner) ?? 0) + 1);
  return held;
}

function movesOf({ owners }: Division, after: ReadonlyMap<string, readonly string[]>): Move[] {
  const moves: Move[] = [];
  for (const [to, targets] of after) {
    for (const key of targets) {
      const from = owners.get(key) ?? "";
      const space = key.indexOf(" ");
      if (from !== to) moves.push({ metric: key.slice(0, space), address: key.slice(space + 1), from, to });
    }
  }
  const nameOf = ({ metric, address }: Move) => `${metric} ${address}`;
  return moves.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
}

/** What the collectors use now goes with their targets. That of memory is rather too much, since part of it is fixed. */
function predict(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, readonly string[]>,
  usages: readonly CollectorUsage[],
): PredictedLoad[] {
  const total = [...after.values()].reduce((sum, own) => sum + own.length, 0);
  const sum = (read: (usage: CollectorUsage) => number | null): number | null => {
    const values = usages.map(read);
    return values.length === 0 || values.includes(null)
      ? null
      : values.reduce<number>((all, one) => all + (one ?? 0), 0);
  };
  const [cpu, memory] = [sum((usage) => usage.cpuPercent), sum((usage) => usage.memoryMiB)];
  const share = (all: number | null, count: number) =>
    all === null || total === 0 ? null : Math.round(all * count / total * 10) / 10;
  return [...after].map(([collector, own]) => ({
    collector,
    targetsBefore: before.get(collector) ?? 0,
    targets: own.length,
    cpuPercent: share(cpu, own.length),
    memoryMiB: share(memory, own.length),
  }));
}

function sha256(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
