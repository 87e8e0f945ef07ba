import { writeCollection } from "../../core/config/collection.ts";
import { documentPath } from "../../core/config/key.ts";
import type { CollectionMetric } from "../../core/config/schema.ts";
import { type Endpoint, endpointOf } from "../../core/scrape/endpoint.ts";
import type { Target } from "../targets/candidate.ts";
import type { Custody, Holding } from "./handover.ts";
import type { ScrapePlan } from "./scrape_plan.ts";
import type { CollectionWrite, StoredCollection } from "./view.ts";

/** A target's name within its namespace, as in the reports of collectors; metric names hold no space. */
export function keyOf(metric: string, target: Endpoint): string {
  return `${metric} ${endpointOf(target)}`;
}

/** What the intact collections say of each target. */
export function holdingsIn(present: readonly StoredCollection[]): Map<string, Holding[]> {
  const holdings = new Map<string, Holding[]>();
  for (const { name: collector, document } of present) {
    for (const metric of document?.spec.metrics ?? []) {
      for (const target of metric.targets) {
        const { fromMs = null, untilMs = null } = target;
        const key = keyOf(metric.name, target);
        const holding = { collector, fromMs, untilMs };
        const known = holdings.get(key);
        if (known === undefined) holdings.set(key, [holding]);
        else known.push(holding);
      }
    }
  }
  return holdings;
}

/** The generation in which each target came, by {@link placeOf}, as far as the intact collections say. */
export function additionsIn(present: readonly StoredCollection[]): Map<string, number> {
  const additions = new Map<string, number>();
  for (const { name, document } of present) {
    for (const metric of document?.spec.metrics ?? []) {
      for (const target of metric.targets) {
        const { addedIn } = target;
        if (addedIn !== undefined) additions.set(placeOf(name, keyOf(metric.name, target)), addedIn);
      }
    }
  }
  return additions;
}

/** A target at a collector: at another one, to which it moves, it is no new one. */
export function placeOf(collector: string, key: string): string {
  return `${collector} ${key}`;
}

/**
 * What each collector's collection is to say; collectors without targets are not in it.
 *
 * @param additions the generation in which each target came, by {@link placeOf}; one that is not in it is no new one.
 */
export function sharesOf(
  plans: readonly ScrapePlan[],
  custodies: ReadonlyMap<string, Custody>,
  additions: ReadonlyMap<string, number>,
): Map<string, CollectionMetric[]> {
  const shares = new Map<string, CollectionMetric[]>();
  for (const { settings, targets } of plans) {
    const byCollector = new Map<string, CollectionMetric["targets"]>();
    const add = (collector: string, target: CollectionMetric["targets"][number]) => {
      const own = byCollector.get(collector);
      if (own === undefined) byCollector.set(collector, [target]);
      else own.push(target);
    };
    for (const target of targets) {
      const key = keyOf(settings.name, target);
      const custody = custodies.get(key);
      if (custody === undefined) continue;
      const { owner, handover } = custody;
      const at = (collector: string) => asCollectionTarget(target, additions.get(placeOf(collector, key)));
      if (handover !== null) add(handover.from, { ...at(handover.from), untilMs: handover.atMs });
      add(owner, { ...at(owner), ...(handover === null ? {} : { fromMs: handover.atMs }) });
    }
    for (const [collector, own] of byCollector) {
      const metrics = shares.get(collector);
      if (metrics === undefined) shares.set(collector, [{ ...settings, targets: own }]);
      else metrics.push({ ...settings, targets: own });
    }
  }
  return shares;
}

function asCollectionTarget(
  { address, pod, scheme, uri, parameters, labels }: Target,
  addedIn: number | undefined,
): CollectionMetric["targets"][number] {
  return {
    address,
    pod,
    ...(scheme === undefined ? {} : { scheme }),
    ...(uri === undefined ? {} : { uri }),
    ...(parameters === undefined ? {} : { parameters: { ...parameters } }),
    labels: { ...labels },
    ...(addedIn === undefined ? {} : { addedIn }),
  };
}

export interface Rendered {
  readonly name: string;
  readonly path: string;
  readonly generation: number;
  /** How many targets more it has than before. */
  readonly gained: number;
  readonly write: CollectionWrite | null;
}

/**
 * Keeps a stored collection, with its generation, when it is exactly what is wanted; else renders a new one.
 *
 * @param appliedGeneration what the collector has in force. It takes nothing older, as what a backup of the store holds
 * that was put back: that gets a new generation, whatever it says.
 */
export function renderCollection(
  place: { readonly clusterId: string; readonly namespace: string },
  name: string,
  metrics: readonly CollectionMetric[],
  stored: StoredCollection | undefined,
  appliedGeneration: number,
  nextGeneration: number,
): Rendered {
  const key = { clusterId: place.clusterId, namespace: place.namespace, name };
  const path = documentPath({ ...key, kind: "Collection" });
  const present = stored?.document?.spec.generation;
  const isTaken = present !== undefined && present >= appliedGeneration;
  if (isTaken && textOf(key, metrics, present) === stored?.text) {
    return { name, path, generation: present, gained: 0, write: null };
  }
  const text = textOf(key, metrics, nextGeneration);
  const replaces = stored === undefined ? null : stored.revision ?? undefined;
  const gained = countTargets(metrics) - countTargets(stored?.document?.spec.metrics ?? []);
  return { name, path, generation: nextGeneration, gained, write: { path, text, replaces } };
}

function countTargets(metrics: readonly CollectionMetric[]): number {
  return metrics.reduce((sum, metric) => sum + metric.targets.length, 0);
}

function textOf(
  key: { readonly clusterId: string; readonly namespace: string; readonly name: string },
  metrics: readonly CollectionMetric[],
  generation: number,
): string {
  return writeCollection({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: { ...key, labels: {}, annotations: {} },
    spec: { generation, metrics: [...metrics] },
  });
}
