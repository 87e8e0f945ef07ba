import type { CollectionDocument, CollectionMetric, MetricDocument } from "../../core/config/schema.ts";
import { endpointOf } from "../../core/scrape/endpoint.ts";
import type { Target, Unresolved } from "../targets/candidate.ts";
import { resolveTargets } from "../targets/resolve.ts";
import type { Sources } from "../targets/sources.ts";

/** How a target is scraped: what a collection copies from the metric. */
export type ScrapeSettings = Omit<CollectionMetric, "targets">;

/** A metric with everything that is to be scraped for it. */
export interface ScrapePlan {
  readonly settings: ScrapeSettings;
  readonly targets: readonly Target[];
  readonly unresolved: readonly Unresolved[];
}

export interface Unreadable {
  /** Names of metrics whose documents have no valid version. */
  readonly metrics: ReadonlySet<string>;
  /** Whether an Application or Task of the namespace has none, so that some of its targets are not known. */
  readonly sources: boolean;
}

/**
 * The plans of one namespace, sorted by metric. Where a document has no valid version, what the present collections
 * say of it stays in force, so that a service which restarts over a broken file forgets nothing.
 *
 * @param present the namespace's collections as they are.
 */
export function scrapePlans(
  metrics: readonly MetricDocument[],
  sources: Sources,
  unreadable: Unreadable,
  present: readonly CollectionDocument[],
): ScrapePlan[] {
  const former = formerPlans(present);
  const plans = metrics.map((metric) => planOf(metric, sources, unreadable.sources ? former : new Map()));
  const kept = [...unreadable.metrics].flatMap((name) => former.get(name) ?? []);
  return [...plans, ...kept].toSorted((a, b) => a.settings.name < b.settings.name ? -1 : 1);
}

function planOf(
  metric: MetricDocument,
  sources: Sources,
  former: ReadonlyMap<string, ScrapePlan>,
): ScrapePlan {
  const settings = settingsOf(metric);
  const { targets, unresolved } = resolveTargets(metric, sources);
  const known = new Set(targets.map(endpointOf));
  const kept = (former.get(settings.name)?.targets ?? []).filter((target) => !known.has(endpointOf(target)));
  return { settings, targets: [...targets, ...kept], unresolved };
}

/** What a collection says of a metric, besides its targets. */
export function settingsOf(metric: MetricDocument): ScrapeSettings {
  const { clusterType: _type, selector: _selector, port: _port, network: _network, collector: _collector, ...scrape } =
    metric.spec;
  return { name: metric.metadata.name, ...scrape };
}

function formerPlans(present: readonly CollectionDocument[]): Map<string, ScrapePlan> {
  const plans = new Map<string, ScrapePlan>();
  for (const { targets, ...settings } of present.flatMap((collection) => collection.spec.metrics)) {
    const before = plans.get(settings.name)?.targets ?? [];
    // A target that is being handed over is in two collections.
    const known = new Set(before.map(endpointOf));
    const added = targets.filter((target) => !known.has(endpointOf(target))).map(asTarget);
    plans.set(settings.name, { settings, targets: [...before, ...added], unresolved: [] });
  }
  return plans;
}

/** A target as it was before it was assigned. */
export function asTarget(
  { address, pod, scheme, uri, parameters, labels }: CollectionMetric["targets"][number],
): Target {
  return {
    address,
    pod,
    labels,
    ...(scheme === undefined ? {} : { scheme }),
    ...(uri === undefined ? {} : { uri }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}
