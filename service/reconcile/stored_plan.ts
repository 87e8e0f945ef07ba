import { keyOf } from "./collections.ts";
import { asTarget } from "./scrape_plan.ts";
import type { NamespacePlan, PlannedTarget, StoredCollection } from "./view.ts";

/** The plan that a namespace's collections carry out; null where there are none. */
export function storedPlan(present: readonly StoredCollection[]): NamespacePlan | null {
  const [first] = present;
  if (first === undefined) return null;
  const generation = Math.max(0, ...present.map(({ document }) => document?.spec.generation ?? 0));
  return { clusterId: first.clusterId, namespace: first.namespace, generation, targets: storedTargets(present) };
}

/** Each target once: one that is being handed over is in two collections, and shown with the first of them. */
export function storedTargets(present: readonly StoredCollection[]): PlannedTarget[] {
  const targets = new Map<string, PlannedTarget>();
  for (const { name: collector, document } of present) {
    for (const metric of document?.spec.metrics ?? []) {
      for (const target of metric.targets) {
        const key = keyOf(metric.name, target);
        if (targets.has(key)) continue;
        targets.set(key, {
          ...asTarget(target),
          metric: metric.name,
          collector,
          generation: document?.spec.generation ?? 0,
        });
      }
    }
  }
  return [...targets.values()];
}
