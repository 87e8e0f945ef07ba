import type { MetricDocument } from "../../core/config/schema.ts";
import { endpointOf } from "../../core/scrape/endpoint.ts";
import type { Found, Target, Unresolved } from "./candidate.ts";
import { componentCandidates } from "./components.ts";
import { podCandidates } from "./pods.ts";
import { relabelCandidates } from "./relabel.ts";
import { scopeOf, type Sources } from "./sources.ts";
import { taskCandidates } from "./tasks.ts";

export interface Resolution {
  /** Sorted by endpoint ({@link endpointOf}); no two have the same. */
  readonly targets: readonly Target[];
  readonly unresolved: readonly Unresolved[];
}

/**
 * The targets of a metric, and what it selects but cannot scrape, with the reason. What a task supplies overrides
 * what was discovered at the same endpoint; both are compared as the metric's relabelings leave them.
 */
export function resolveTargets(metric: MetricDocument, sources: Sources): Resolution {
  const scope = scopeOf(metric.metadata);
  const { spec } = metric;
  const byEndpoint = new Map<string, Target>();
  const unresolved: Unresolved[] = [];
  for (const candidate of relabelCandidates(metric, discovered(metric, sources, scope))) {
    if ("reason" in candidate) unresolved.push(candidate);
    else addDiscovered(candidate, byEndpoint, unresolved);
  }
  for (const candidate of relabelCandidates(metric, taskCandidates(spec, sources.suppliedIn(scope)))) {
    if ("reason" in candidate) unresolved.push(candidate);
    else byEndpoint.set(endpointOf(candidate), candidate);
  }
  return withinLimit(spec.limits.targets, sortedByEndpoint(byEndpoint), unresolved);
}

function discovered(metric: MetricDocument, sources: Sources, scope: string): Found[] {
  const { spec, metadata } = metric;
  return spec.clusterType === "bcs-components"
    ? componentCandidates(spec, metadata.clusterId, sources.components)
    : podCandidates(spec, sources.podsIn(scope));
}

/** Pods in the host's network may share an address: it is scraped once. */
function addDiscovered(target: Target, byEndpoint: Map<string, Target>, unresolved: Unresolved[]): void {
  const endpoint = endpointOf(target);
  const first = byEndpoint.get(endpoint);
  if (first === undefined) byEndpoint.set(endpoint, target);
  else unresolved.push({ pod: target.pod, reason: `${endpoint} is already scraped for pod ${first.pod}` });
}

function sortedByEndpoint(byEndpoint: ReadonlyMap<string, Target>): Target[] {
  return [...byEndpoint].toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([, target]) => target);
}

/** Above its limit a metric is not scraped at all, as Prometheus has it: a part of the targets would look whole. */
function withinLimit(max: number, targets: readonly Target[], unresolved: readonly Unresolved[]): Resolution {
  if (max === 0 || targets.length <= max) return { targets, unresolved };
  const reason = `the metric selects ${targets.length} targets, its limit is ${max}`;
  return { targets: [], unresolved: [...unresolved, ...targets.map(({ pod }) => ({ pod, reason }))] };
}
