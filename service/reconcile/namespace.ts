import { writeCollection } from "../../core/config/collection.ts";
import { documentPath } from "../../core/config/key.ts";
import type { CollectionMetric } from "../../core/config/schema.ts";
import { assign } from "../assign/assign.ts";
import { instanceName } from "../orchestrator/names.ts";
import type { Workload } from "../orchestrator/orchestrator.ts";
import type { Target } from "../targets/candidate.ts";
import type { ScrapePlan } from "./scrape_plan.ts";
import type { CollectionWrite, NamespacePlan, PlannedTarget, StoredCollection } from "./view.ts";

export interface NamespaceOutcome {
  readonly plan: NamespacePlan;
  readonly writes: readonly CollectionWrite[];
  /** Paths of the collections that the namespace is to have. */
  readonly paths: readonly string[];
}

/**
 * Divides a namespace's targets over the instances of its workload and renders the collections that differ from
 * what is stored. Those that change share a new generation, one above every generation that the namespace has had.
 *
 * @param present the namespace's collection files.
 * @param previous what was planned last for the namespace.
 * @param lastGeneration the highest that the namespace is known to have had.
 */
export function planNamespace(
  workload: Workload,
  plans: readonly ScrapePlan[],
  present: readonly StoredCollection[],
  previous: NamespacePlan | undefined,
  lastGeneration: number,
): NamespaceOutcome {
  const instances = Array.from({ length: workload.replicas }, (_, ordinal) => instanceName(workload.name, ordinal));
  const owned = assign([...keysOf(plans)], instances, ownersOf(present, previous));
  const stored = new Map(present.map((collection) => [collection.name, collection]));
  const highest = Math.max(lastGeneration, ...present.map((one) => one.document?.spec.generation ?? 0));
  const rendered = instances.map((name) => {
    const mine = new Set(owned.get(name));
    return renderCollection(workload, name, shareOf(plans, mine), stored.get(name), highest + 1);
  });
  const generations = new Map(rendered.map((one) => [one.name, one.generation]));
  return {
    plan: {
      clusterId: workload.clusterId,
      namespace: workload.namespace,
      generation: Math.max(highest, ...generations.values()),
      targets: plannedTargets(plans, owned, generations),
    },
    writes: rendered.flatMap((one) => one.write ?? []),
    paths: rendered.map((one) => one.path),
  };
}

/** A target's name within its namespace; metric names hold no space. */
function keyOf(metric: string, address: string): string {
  return `${metric} ${address}`;
}

function* keysOf(plans: readonly ScrapePlan[]): Generator<string> {
  for (const { settings, targets } of plans) for (const { address } of targets) yield keyOf(settings.name, address);
}

/** Who scrapes each target by the files as they are, else, since a file may be changed or gone, by the last plan. */
function ownersOf(present: readonly StoredCollection[], previous: NamespacePlan | undefined): Map<string, string> {
  const owners = new Map<string, string>();
  for (const target of previous?.targets ?? []) {
    if ("collector" in target) owners.set(keyOf(target.metric, target.address), target.collector);
  }
  for (const { name, document } of present) {
    for (const metric of document?.spec.metrics ?? []) {
      for (const target of metric.targets) owners.set(keyOf(metric.name, target.address), name);
    }
  }
  return owners;
}

function shareOf(plans: readonly ScrapePlan[], mine: ReadonlySet<string>): CollectionMetric[] {
  return plans.flatMap(({ settings, targets }) => {
    const own = targets.filter((target) => mine.has(keyOf(settings.name, target.address)));
    return own.length === 0 ? [] : [{ ...settings, targets: own.map(asCollectionTarget) }];
  });
}

function asCollectionTarget({ address, pod, scheme, labels }: Target): CollectionMetric["targets"][number] {
  return { address, pod, ...(scheme === undefined ? {} : { scheme }), labels: { ...labels } };
}

interface Rendered {
  readonly name: string;
  readonly path: string;
  readonly generation: number;
  readonly write: CollectionWrite | null;
}

/** Keeps a stored collection, with its generation, when it is exactly what is wanted; else renders a new one. */
function renderCollection(
  workload: Workload,
  name: string,
  metrics: readonly CollectionMetric[],
  stored: StoredCollection | undefined,
  nextGeneration: number,
): Rendered {
  const key = { clusterId: workload.clusterId, namespace: workload.namespace, name };
  const path = documentPath({ ...key, kind: "Collection" });
  const present = stored?.document?.spec.generation;
  if (present !== undefined && textOf(key, metrics, present) === stored?.text) {
    return { name, path, generation: present, write: null };
  }
  const text = textOf(key, metrics, nextGeneration);
  const replaces = stored === undefined ? null : stored.revision ?? undefined;
  return { name, path, generation: nextGeneration, write: { path, text, replaces } };
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

function plannedTargets(
  plans: readonly ScrapePlan[],
  owned: ReadonlyMap<string, readonly string[]>,
  generations: ReadonlyMap<string, number>,
): PlannedTarget[] {
  const owners = new Map([...owned].flatMap(([name, keys]) => keys.map((key) => [key, name] as const)));
  return plans.flatMap(({ settings: { name: metric }, targets, unresolved }) => [
    ...targets.map((target): PlannedTarget => {
      const collector = owners.get(keyOf(metric, target.address));
      if (collector !== undefined) {
        return { ...target, metric, collector, generation: generations.get(collector) ?? 0 };
      }
      const { address, pod } = target;
      return { metric, address, pod, reason: "the namespace's collector workload has 0 replicas" };
    }),
    ...unresolved.map((one) => ({ ...one, metric })),
  ]);
}
