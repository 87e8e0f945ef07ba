import type { NamespacePlan, StoredCollection } from "../reconcile/view.ts";
import { scopeOf } from "../targets/sources.ts";

/**
 * A plan that another service carries out, with the generations that the collections have, since what this service
 * would give them says nothing: 0 for a collector that has no collection yet.
 */
export function asStored(
  namespaces: readonly NamespacePlan[],
  collections: readonly StoredCollection[],
): NamespacePlan[] {
  const stored = Map.groupBy(collections, scopeOf);
  return namespaces.map((plan) => {
    const generations = new Map(
      (stored.get(scopeOf(plan)) ?? []).map(({ name, document }) => [name, document?.spec.generation ?? 0]),
    );
    return {
      ...plan,
      generation: Math.max(0, ...generations.values()),
      targets: plan.targets.map((target) =>
        "collector" in target ? { ...target, generation: generations.get(target.collector) ?? 0 } : target
      ),
    };
  });
}
