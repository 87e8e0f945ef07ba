import type { Difference } from "../workload.ts";
import { appliedOf, driftOf, isStopped, missingNetworks, needsAnother } from "./applied.ts";
import type { FoundContainer } from "./engine_schema.ts";
import { labelNames, placeOf } from "./labels.ts";
import type { Recipe } from "./recipe.ts";

/** One thing to be done to a workload's containers. */
export type Step =
  | { readonly type: "create"; readonly recipe: Recipe }
  /** What is there goes first. */
  | { readonly type: "replace"; readonly found: FoundContainer; readonly recipe: Recipe }
  | { readonly type: "mend"; readonly found: FoundContainer; readonly mend: Mend }
  | { readonly type: "remove"; readonly found: FoundContainer };

/** What can be put right without another container. */
export interface Mend {
  readonly join: readonly string[];
  readonly limits: { readonly memory: number; readonly nanoCpus: number } | null;
  readonly start: boolean;
}

/**
 * What makes the containers of a workload equal to its recipes, sorted by ordinal. What runs as it should is left
 * alone. What is missing comes first, since nothing is lost by it; then one container after the other is replaced.
 */
export function planSteps(recipes: readonly Recipe[], containers: readonly FoundContainer[]): Step[] {
  const create: Step[] = [];
  const mend: Step[] = [];
  const replace: Step[] = [];
  const { kept, surplus } = byOrdinal(containers, recipes.length);
  for (const recipe of recipes) {
    const found = kept.get(recipe.ordinal);
    if (found === undefined) create.push({ type: "create", recipe });
    else if (isAnother(found, recipe)) replace.push({ type: "replace", found, recipe });
    else {
      const what = mendOf(found);
      if (what !== null) mend.push({ type: "mend", found, mend: what });
    }
  }
  return [...create, ...mend, ...replace, ...surplus.map((found): Step => ({ type: "remove", found }))];
}

/** The container of each ordinal, and those that nobody wants: a second one of an ordinal among them. */
export function byOrdinal(
  containers: readonly FoundContainer[],
  replicas = Infinity,
): { kept: Map<number, FoundContainer>; surplus: FoundContainer[] } {
  const kept = new Map<number, FoundContainer>();
  const surplus: FoundContainer[] = [];
  for (const found of containers) {
    const ordinal = placeOf(found.Config.Labels)?.ordinal ?? Infinity;
    if (ordinal >= replicas || kept.has(ordinal)) surplus.push(found);
    else kept.set(ordinal, found);
  }
  return { kept, surplus };
}

function isAnother(found: FoundContainer, recipe: Recipe): boolean {
  const { Labels } = found.Config;
  if (Labels[labelNames.fingerprint] !== recipe.fingerprint || Labels[labelNames.recipe] !== recipe.hash) return true;
  const applied = appliedOf(found);
  return applied === null || needsAnother(driftOf(found, applied));
}

function mendOf(found: FoundContainer): Mend | null {
  const applied = appliedOf(found);
  if (applied === null) return null;
  const fields = new Set(driftOf(found, applied).map((one: Difference) => one.field));
  const join = missingNetworks(found, applied);
  const limits = fields.has("memory") || fields.has("cpus")
    ? { memory: applied.memory, nanoCpus: applied.nanoCpus }
    : null;
  const start = isStopped(found);
  return join.length > 0 || limits !== null || start ? { join, limits, start } : null;
}
