import type { Kind, MetricDocument } from "../../core/config/schema.ts";
import { workloadPath } from "../orchestrator/workload.ts";
import { scopeOf } from "../targets/sources.ts";
import { recordPath } from "../workloads/record.ts";
import type { WorkloadRule } from "../workloads/wish.ts";
import { type HandoverTiming, handoverTimingDefault } from "./handover.ts";
import { type NamespaceOutcome, planNamespace } from "./namespace.ts";
import { scrapePlans } from "./scrape_plan.ts";
import type { Plan, RecordRemoval, StoredCollection, View } from "./view.ts";
import { type WishedWorkload, wishedWorkload } from "./wished_workload.ts";
import { balanceOf } from "./workloads.ts";

/**
 * What is to be done so that the world becomes as the documents want it; done again, it is nothing. While the store
 * cannot be read nothing is written or removed, and the workloads stay as the last good documents have them.
 *
 * @param nowMs Unix milliseconds.
 */
export function reconcile(view: View, nowMs: number, timing: HandoverTiming = handoverTimingDefault): Plan {
  const world = groupByScope(view);
  const outcomes: ScopeOutcome[] = [];
  for (const scope of [...world.scopes].toSorted()) {
    const outcome = planScope(scope, world, view, { nowMs, timing });
    if (outcome !== null) outcomes.push(outcome);
  }
  const wanted = new Set(outcomes.flatMap((outcome) => outcome.paths));
  const gone = view.collections.filter((collection) => !wanted.has(collection.path));
  return {
    writes: view.synced ? outcomes.flatMap((outcome) => outcome.writes) : [],
    removals: view.synced ? gone.map(({ path, revision }) => ({ path, revision })) : [],
    workloads: outcomes.flatMap((outcome) => outcome.workloads),
    rules: new Map(outcomes.flatMap((outcome) => outcome.rules)),
    records: view.synced ? outcomes.flatMap((outcome) => outcome.record ?? []) : [],
    recordRemovals: view.synced ? endedRecords(view, new Set(outcomes.map(({ plan }) => scopeOf(plan)))) : [],
    namespaces: outcomes.map((outcome) => outcome.plan),
    nextLookMs: outcomes.reduce((first, outcome) => Math.min(first, outcome.nextLookMs), Infinity),
  };
}

type ScopeOutcome = NamespaceOutcome & Pick<WishedWorkload, "record"> & {
  readonly rules: readonly (readonly [path: string, rule: WorkloadRule])[];
};

/** Of namespaces that are to have no workload, and have none any more. */
function endedRecords({ records, found, unsettled = new Set() }: View, scopes: ReadonlySet<string>): RecordRemoval[] {
  if (records === undefined || found === undefined || found === null) return [];
  const present = new Set([...found.map(scopeOf), ...unsettled]);
  return [...records].filter(([scope]) => !scopes.has(scope) && !present.has(scope))
    .map(([scope, { record, revision }]) => ({ scope, path: recordPath(record), revision }));
}

type World = ReturnType<typeof groupByScope>;

function groupByScope(view: View) {
  const metrics = Map.groupBy(view.metrics, (document) => scopeOf(document.metadata));
  const unreadable = Map.groupBy(view.unreadable, scopeOf);
  return {
    metrics,
    unreadable,
    collectors: Map.groupBy(view.collectors, (document) => scopeOf(document.metadata)),
    collections: Map.groupBy(view.collections, scopeOf),
    previous: new Map(view.previous.map((plan) => [scopeOf(plan), plan])),
    scopes: new Set([...metrics.keys(), ...unreadable.keys()]),
  };
}

function planScope(
  scope: string,
  world: World,
  view: View,
  time: { readonly nowMs: number; readonly timing: HandoverTiming },
): ScopeOutcome | null {
  const metrics = (world.metrics.get(scope) ?? []).toSorted(byName);
  const present = world.collections.get(scope) ?? [];
  const unreadable = (kind: Kind) =>
    (world.unreadable.get(scope) ?? []).filter((key) => key.kind === kind).map((key) => key.name).toSorted();
  const unreadableMetrics = new Set(unreadable("Metric"));
  const unreadableCollectors = unreadable("Collector");
  const sourcesUnreadable = unreadable("Application").length + unreadable("Task").length > 0;
  const documents = present.flatMap((collection) => collection.document ?? []);
  const held = { metrics: unreadableMetrics, sources: sourcesUnreadable };
  const plans = scrapePlans(metrics, view.sources, held, documents);
  if (plans.length === 0) return null;
  const wished = wishedWorkload(
    {
      ...placeOf(scope),
      metrics,
      collectors: world.collectors.get(scope) ?? [],
      unreadableCollectors,
      replicasKept: unreadableMetrics.size + unreadableCollectors.length > 0 ? present.length : 0,
    },
    view,
  );
  const outcome = planNamespace({
    ...time,
    workload: wished.workload,
    plans,
    present,
    previous: world.previous.get(scope),
    balance: balanceOf(world.collectors.get(scope) ?? []),
    lastGeneration: lastGeneration(view, scope, present),
    reports: view.reports,
  });
  const rules = outcome.workloads.map((workload) => {
    const isFormer = workload.name !== wished.workload.name;
    return [workloadPath(workload), isFormer ? { ...wished.rule, accepted: null } : wished.rule] as const;
  });
  // A document that cannot be read may ask for another number than the one that is known.
  const isKnown = unreadableMetrics.size + unreadableCollectors.length === 0;
  const plan = isKnown ? { ...outcome.plan, scale: wished.scale } : outcome.plan;
  return { ...outcome, plan, rules, record: wished.record };
}

function placeOf(scope: string): { clusterId: string; namespace: string } {
  const slash = scope.indexOf("/");
  return { clusterId: scope.slice(0, slash), namespace: scope.slice(slash + 1) };
}

function byName(a: MetricDocument, b: MetricDocument): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function lastGeneration(view: View, scope: string, present: readonly StoredCollection[]): number {
  return Math.max(
    view.generations.get(scope) ?? 0,
    ...present.map((collection) => collection.document?.spec.generation ?? 0),
  );
}
