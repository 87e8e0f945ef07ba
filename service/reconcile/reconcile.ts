import type { Kind, MetricDocument } from "../../core/config/schema.ts";
import { scopeOf } from "../targets/sources.ts";
import { type HandoverTiming, handoverTimingDefault } from "./handover.ts";
import { type NamespaceOutcome, planNamespace } from "./namespace.ts";
import { scrapePlans } from "./scrape_plan.ts";
import type { Plan, StoredCollection, View } from "./view.ts";
import { balanceOf, workloadOf } from "./workloads.ts";

/**
 * What is to be done so that the world becomes as the documents want it; done again, it is nothing. While the store
 * cannot be read nothing is written or removed, and the workloads stay as the last good documents have them.
 *
 * @param nowMs Unix milliseconds.
 */
export function reconcile(view: View, nowMs: number, timing: HandoverTiming = handoverTimingDefault): Plan {
  const world = groupByScope(view);
  const outcomes: NamespaceOutcome[] = [];
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
    namespaces: outcomes.map((outcome) => outcome.plan),
    nextLookMs: outcomes.reduce((first, outcome) => Math.min(first, outcome.nextLookMs), Infinity),
  };
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
): NamespaceOutcome | null {
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
  const workload = workloadOf({
    ...placeOf(scope),
    metrics,
    collectors: world.collectors.get(scope) ?? [],
    unreadableCollectors,
    replicasKept: unreadableMetrics.size + unreadableCollectors.length > 0 ? present.length : 0,
  });
  return planNamespace({
    ...time,
    workload,
    plans,
    present,
    previous: world.previous.get(scope),
    balance: balanceOf(world.collectors.get(scope) ?? []),
    lastGeneration: lastGeneration(view, scope, present),
    reports: view.reports,
  });
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
