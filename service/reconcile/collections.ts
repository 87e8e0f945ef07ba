import { writeCollection } from "../../core/config/collection.ts";
import { documentPath } from "../../core/config/key.ts";
import type { CollectionMetric } from "../../core/config/schema.ts";
import type { Target } from "../targets/candidate.ts";
import type { Custody, Holding } from "./handover.ts";
import type { ScrapePlan } from "./scrape_plan.ts";
import type { CollectionWrite, StoredCollection } from "./view.ts";

/** A target's name within its namespace; metric names hold no space. */
export function keyOf(metric: string, address: string): string {
  return `${metric} ${address}`;
}

/** What the intact collections say of each target. */
export function holdingsIn(present: readonly StoredCollection[]): Map<string, Holding[]> {
  const holdings = new Map<string, Holding[]>();
  for (const { name: collector, document } of present) {
    for (const metric of document?.spec.metrics ?? []) {
      for (const { address, fromMs = null, untilMs = null } of metric.targets) {
        const key = keyOf(metric.name, address);
        const holding = { collector, fromMs, untilMs };
        const known = holdings.get(key);
        if (known === undefined) holdings.set(key, [holding]);
        else known.push(holding);
      }
    }
  }
  return holdings;
}

/** What each collector's collection is to say; collectors without targets are not in it. */
export function sharesOf(
  plans: readonly ScrapePlan[],
  custodies: ReadonlyMap<string, Custody>,
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
      const custody = custodies.get(keyOf(settings.name, target.address));
      if (custody === undefined) continue;
      const { owner, handover } = custody;
      if (handover !== null) add(handover.from, { ...asCollectionTarget(target), untilMs: handover.atMs });
      add(owner, { ...asCollectionTarget(target), ...(handover === null ? {} : { fromMs: handover.atMs }) });
    }
    for (const [collector, own] of byCollector) {
      const metrics = shares.get(collector);
      if (metrics === undefined) shares.set(collector, [{ ...settings, targets: own }]);
      else metrics.push({ ...settings, targets: own });
    }
  }
  return shares;
}

function asCollectionTarget({ address, pod, scheme, labels }: Target): CollectionMetric["targets"][number] {
  return { address, pod, ...(scheme === undefined ? {} : { scheme }), labels: { ...labels } };
}

export interface Rendered {
  readonly name: string;
  readonly path: string;
  readonly generation: number;
  /** How many targets more it has than before. */
  readonly gained: number;
  readonly write: CollectionWrite | null;
}

/** Keeps a stored collection, with its generation, when it is exactly what is wanted; else renders a new one. */
export function renderCollection(
  place: { readonly clusterId: string; readonly namespace: string },
  name: string,
  metrics: readonly CollectionMetric[],
  stored: StoredCollection | undefined,
  nextGeneration: number,
): Rendered {
  const key = { clusterId: place.clusterId, namespace: place.namespace, name };
  const path = documentPath({ ...key, kind: "Collection" });
  const present = stored?.document?.spec.generation;
  if (present !== undefined && textOf(key, metrics, present) === stored?.text) {
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
