import type { Kind, MetricDocument } from "../../core/config/schema.ts";
import { workloadPath } from "../orchestrator/workload.ts";
import { placeIn, scopeOf } from "../targets/sources.ts";
import { recordPath } from "../workloads/record.ts";
import { type HandoverTiming, handoverTimingDefault } from "./handover.ts";
import { keptNamespace } from "./kept_namespace.ts";
import { planNamespace, type ScopeOutcome } from "./namespace.ts";
import { scrapePlans } from "./scrape_plan.ts";
import type { Plan, RecordRemoval, StoredCollection, View } from "./view.ts";
import { wishedWorkload } from "./wished_workload.ts";
import { balanceOf } from "./workloads.ts";

/** A service reconciles so often, whether or not a change was seen: a watch can miss one. */
export const reconcilePeriodMs = 30_000;

/**
 * What is to be done so that the world becomes as the documents want it; done again, it is nothing. While the store
 * cannot be read nothing is written or removed, and the workloads stay as the last good documents have them. The
 * namespaces of a cluster that has not been read yet stay as they are.
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

/** Of namespaces that are to have no workload, and have none any more. */
function endedRecords(
  { records, found, unseen, unsettled = new Set(), sources }: View,
  scopes: ReadonlySet<string>,
): RecordRemoval[] {
  if (records === undefined || found === undefined || found === null) return [];
  const present = new Set([...found.map(scopeOf), ...unsettled]);
  return [...records].filter(([scope]) => !scopes.has(scope) && !present.has(scope))
    .filter(([, { record: { clusterId } }]) => unseen?.has(clusterId) !== true && sources.problemOf(clusterId) === "")
    .map(([scope, { record, revision }]) => ({ scope, path: recordPath(record), revision }));
}

type World = ReturnType<typeof groupByScope>;

function groupByScope(view: View) {
  const metrics = Map.groupBy(view.metrics, (document) => scopeOf(document.metadata));
  const unreadable = Map.groupBy(view.unreadable, scopeOf);
  const kept = view.collections.filter(({ clusterId }) => view.sources.problemOf(clusterId) !== "");
  return {
    metrics,
    unreadable,
    collectors: Map.groupBy(view.collectors, (document) => scopeOf(document.metadata)),
    collections: Map.groupBy(view.collections, scopeOf),
    previous: new Map(view.previous.map((plan) => [scopeOf(plan), plan])),
    scopes: new Set([...metrics.keys(), ...unreadable.keys(), ...kept.map(scopeOf)]),
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
  const inputs = {
    ...placeIn(scope),
    metrics,
    collectors: world.collectors.get(scope) ?? [],
    unreadableCollectors: unreadable("Collector"),
  };
  const unread = view.sources.problemOf(inputs.clusterId);
  if (unread !== "") return keptNamespace(inputs, unread, present, view);
  const unreadableMetrics = new Set(unreadable("Metric"));
  const sourcesUnreadable = unreadable("Application").length + unreadable("Task").length > 0;
  const documents = present.flatMap((collection) => collection.document ?? []);
  const held = { metrics: unreadableMetrics, sources: sourcesUnreadable };
  const plans = scrapePlans(metrics, view.sources, held, documents);
  if (plans.length === 0) return null;
  // A document that cannot be read may ask for another number than the one that is known.
  const isKnown = unreadableMetrics.size + inputs.unreadableCollectors.length === 0;
  const wished = wishedWorkload({ ...inputs, replicasKept: isKnown ? 0 : present.length }, view);
  const outcome = planNamespace({
    ...time,
    workload: wished.workload,
    plans,
    present,
    previous: world.previous.get(scope),
    balance: balanceOf(inputs.collectors),
    lastGeneration: lastGeneration(view, scope, present),
    reports: view.reports,
  });
  const rules = outcome.workloads.map((workload) => {
    const isFormer = workload.name !== wished.workload.name;
    return [workloadPath(workload), isFormer ? { ...wished.rule, accepted: null } : wished.rule] as const;
  });
  const plan = isKnown ? { ...outcome.plan, scale: wished.scale } : outcome.plan;
  return { ...outcome, plan, rules, record: wished.record };
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
