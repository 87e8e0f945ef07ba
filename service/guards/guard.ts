import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/config/canonical.ts";
import { keyOfPath } from "../../core/config/key.ts";
import { type Workload, workloadPath } from "../orchestrator/workload.ts";
import { keyOf } from "../reconcile/collections.ts";
import { storedPlan, storedTargets } from "../reconcile/stored_plan.ts";
import type { Plan, PlannedTarget, StoredCollection, View } from "../reconcile/view.ts";
import { workloadOf } from "../reconcile/workloads.ts";
import { placeIn, scopeOf } from "../targets/sources.ts";
import { plainRule, type WorkloadHold } from "../workloads/wish.ts";
import type { HeldChange, Hold } from "./hold.ts";

export interface GuardSettings {
  /** Share of a namespace's targets, 0 to 1, that may be removed in one change. */
  readonly share: number;
  /** Fewer removed targets than this are never held. */
  readonly targetsMin: number;
  /** A namespace's last metric is held when at least so many metrics vanish in one change, in whatever namespaces. */
  readonly metricsMin: number;
}

export const guardDefaults: GuardSettings = { share: 0.5, targetsMin: 10, metricsMin: 3 };

export interface GuardInputs {
  readonly plan: Plan;
  /** What the plan was made of. */
  readonly view: View;
  /** The changes that are held already, by scope. */
  readonly holds: ReadonlyMap<string, Hold>;
  /** The workloads as they were applied last, by scope. */
  readonly workloads: ReadonlyMap<string, readonly Workload[]>;
}

export interface Guarded {
  readonly plan: Plan;
  readonly held: readonly HeldChange[];
}

/**
 * Takes out of a plan what removes suspiciously much: in the namespaces held, everything stays as it is. What is
 * there before is what the collections say, so that a restart forgets nothing; else what was planned last.
 * Replaced targets are no removed ones: only what makes the namespace smaller counts. What is held of a cluster that
 * has not been read yet stays held, with the confirmation that it may have.
 */
export function guard({ plan, view, holds, workloads }: GuardInputs, settings: GuardSettings): Guarded {
  const changes = changesOf(plan, view);
  const vanished = changes.reduce((sum, change) => sum + change.metricsGone.length, 0);
  const held = new Map<string, HeldChange>();
  for (const change of changes) {
    const hold = holds.get(change.scope);
    const reason = suspicion(change, vanished, settings)
      ?? (hold !== undefined && isStillGone(change) ? hold.reason : null);
    if (reason === null) continue;
    const hash = hashOf(change);
    if (hold?.confirmed === hash) continue;
    const { clusterId, namespace, before, after, metricsGone } = change;
    const counts = { targetsBefore: before.size, targetsAfter: after.size };
    held.set(change.scope, { clusterId, namespace, reason, ...counts, metricsGone, hash });
  }
  const waiting = [...holds.values()].filter(({ clusterId }) => view.sources.problemOf(clusterId) !== "");
  const all = [...held.values(), ...waiting];
  return { plan: held.size === 0 ? plan : without(plan, new Set(held.keys()), view, workloads), held: all };
}

interface Change {
  readonly scope: string;
  readonly clusterId: string;
  readonly namespace: string;
  /** Targets as `metric address`. */
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
  readonly metricsGone: readonly string[];
  /** Whether the namespace is to have no metric any more. */
  readonly ends: boolean;
}

function changesOf(plan: Plan, view: View): Change[] {
  const planned = new Map(plan.namespaces.map((one) => [scopeOf(one), one]));
  const stored = Map.groupBy(view.collections, scopeOf);
  const previous = new Map(view.previous.map((one) => [scopeOf(one), one]));
  const wanted = new Set([
    ...view.metrics.map(({ metadata }) => `${scopeOf(metadata)}/${metadata.name}`),
    ...view.unreadable.filter(({ kind }) => kind === "Metric").map((key) => `${scopeOf(key)}/${key.name}`),
  ]);
  // Nothing happens to the namespaces of a cluster that has not been read.
  const scopes = [...new Set([...stored.keys(), ...previous.keys()])]
    .filter((scope) => view.sources.problemOf(placeIn(scope).clusterId) === "");
  return scopes.toSorted().map((scope) => {
    const inFiles = keysIn(storedTargets(stored.get(scope) ?? []));
    const before = inFiles.size > 0 ? inFiles : keysIn(previous.get(scope)?.targets ?? []);
    const metrics = new Set([...before].map((key) => key.slice(0, key.indexOf(" "))));
    return {
      scope,
      ...placeIn(scope),
      before,
      after: keysIn(planned.get(scope)?.targets ?? []),
      metricsGone: [...metrics].filter((metric) => !wanted.has(`${scope}/${metric}`)).toSorted(),
      ends: !planned.has(scope),
    };
  });
}

/** Why the change is not to be trusted; null when it is. */
function suspicion(change: Change, vanished: number, settings: GuardSettings): string | null {
  const { before, after, ends, metricsGone } = change;
  const removed = before.size - after.size;
  if (removed >= settings.targetsMin && removed > settings.share * before.size) {
    return `it removes ${removed} of ${before.size} targets at once`;
  }
  if (ends && metricsGone.length > 0 && vanished >= settings.metricsMin) {
    return `the namespace's last metric is gone, with ${vanished - 1} others at once`;
  }
  return null;
}

/** Of several namespaces that vanished together one may be confirmed; the others stay suspicious. */
function isStillGone({ before, ends }: Change): boolean {
  return ends && before.size > 0;
}

function hashOf({ scope, before, after }: Change): string {
  const removed = [...before].filter((key) => !after.has(key)).toSorted();
  const text = canonicalJson({ scope, removed, remaining: after.size });
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function without(
  plan: Plan,
  held: ReadonlySet<string>,
  view: View,
  workloads: ReadonlyMap<string, readonly Workload[]>,
): Plan {
  const isFree = (path: string) => {
    const key = keyOfPath(path);
    return key === null || !held.has(scopeOf(key));
  };
  const planned = Map.groupBy(plan.workloads, scopeOf);
  const stored = Map.groupBy(view.collections, scopeOf);
  const kept = [...held].map((scope) => {
    const present = stored.get(scope) ?? [];
    const namespace = view.previous.find((one) => scopeOf(one) === scope) ?? storedPlan(present);
    const own = workloads.get(scope) ?? workloadsFor(scope, present, planned.get(scope) ?? [], view);
    return { namespace, workloads: own };
  });
  return {
    ...plan,
    writes: plan.writes.filter(({ path }) => isFree(path)),
    removals: plan.removals.filter(({ path }) => isFree(path)),
    // A namespace whose workload is still to be has its record, too.
    recordRemovals: plan.recordRemovals.filter(({ scope }) => !held.has(scope)),
    rules: new Map([
      ...plan.rules,
      ...kept.flatMap((one) => one.workloads).map((workload) => {
        const path = workloadPath(workload);
        return [path, { ...plan.rules.get(path) ?? plainRule, hold: heldWorkload }] as const;
      }),
    ]),
    workloads: [...plan.workloads.filter((one) => !held.has(scopeOf(one))), ...kept.flatMap((one) => one.workloads)],
    namespaces: [
      ...plan.namespaces.filter((one) => !held.has(scopeOf(one))),
      ...kept.flatMap((one) => one.namespace ?? []),
    ].toSorted((a, b) => scopeOf(a) < scopeOf(b) ? -1 : 1),
  };
}

/** What was made of the namespace's documents before is not known any more, but for what runs. */
const heldWorkload: WorkloadHold = {
  reason: "a change of the namespace is held until somebody confirms it",
  creates: true,
};

/** After a restart nobody knows the workload any more: it is made up anew, with a collector for each collection. */
function workloadsFor(
  scope: string,
  present: readonly StoredCollection[],
  planned: readonly Workload[],
  view: View,
): readonly Workload[] {
  const [only, ...others] = planned;
  if (others.length > 0) return planned;
  if (only !== undefined) return [{ ...only, replicas: Math.max(only.replicas, present.length) }];
  const inputs = {
    ...placeIn(scope),
    metrics: [],
    collectors: view.collectors.filter((document) => scopeOf(document.metadata) === scope),
    unreadableCollectors: [],
    replicasKept: present.length,
  };
  return [workloadOf(inputs)];
}

function keysIn(targets: readonly PlannedTarget[]): Set<string> {
  return new Set(
    targets.flatMap((target) =>
      target.address === undefined ? [] : [keyOf(target.metric, { ...target, address: target.address })]
    ),
  );
}
