import { workloadPath } from "../orchestrator/workload.ts";
import { placeIn, scopeOf } from "../targets/sources.ts";
import type { ScopeOutcome } from "./namespace.ts";
import { storedPlan } from "./stored_plan.ts";
import type { StoredCollection, View } from "./view.ts";
import { wishedWorkload } from "./wished_workload.ts";
import type { WorkloadInputs } from "./workloads.ts";

/**
 * A namespace that is left as it is, since a source of its cluster has not been read and what is missing there would be
 * taken for gone: no collection is written or removed, and the workload is not changed. One that was made before and is
 * missing is made again, so that what the collections say goes on being scraped.
 *
 * @param reason why it is left so.
 * @param present the namespace's collections.
 */
export function keptNamespace(
  inputs: Omit<WorkloadInputs, "settings" | "createdWith" | "adopted" | "replicasKept">,
  reason: string,
  present: readonly StoredCollection[],
  view: View,
): ScopeOutcome {
  const { clusterId, namespace } = inputs;
  const wished = wishedWorkload({ ...inputs, replicasKept: present.length }, view);
  const { rule } = wished;
  const workload = { ...wished.workload, replicas: Math.max(wished.workload.replicas, present.length) };
  const wasMade = present.length > 0 && view.records?.get(scopeOf(inputs))?.record.name === workload.name;
  return {
    plan: storedPlan(present) ?? { clusterId, namespace, generation: 0, targets: [] },
    workloads: [workload],
    rules: [[
      workloadPath(workload),
      { ...rule, accepted: null, hold: { reason, creates: wasMade && (rule.hold?.creates ?? true) } },
    ]],
    record: null,
    writes: [],
    paths: present.map(({ path }) => path),
    nextLookMs: Infinity,
  };
}

/**
 * Where workloads that nobody wishes for are removed.
 *
 * @param remembered scopes in which one was made or taken over.
 */
export function removableScopes(
  remembered: Iterable<string>,
  { synced, sources }: Pick<View, "synced" | "sources">,
): Set<string> {
  if (!synced) return new Set();
  return new Set([...remembered].filter((scope) => sources.problemOf(placeIn(scope).clusterId) === ""));
}
