import { assign } from "../../assign/assign.ts";
import { assignByCost } from "../../assign/assign_by_cost.ts";
import type { Balance } from "../../reconcile/workloads.ts";

/** The targets of a namespace, and what their division looks at. */
export interface Division {
  /** Collector of each target, which is named as `metric address`. */
  readonly owners: ReadonlyMap<string, string>;
  readonly balance: Balance;
  /** By target, where the balance is by cost and something is known. */
  readonly costs: ReadonlyMap<string, number>;
}

/** Who will have each target once these are the collectors: by the functions that the reconciliation itself uses. */
export function divideAnew({ owners, balance, costs }: Division, collectors: readonly string[]): Map<string, string[]> {
  const targets = [...owners.keys()];
  if (balance === "count") return assign(targets, collectors, owners);
  const known = [...costs.values()];
  const mean = known.length === 0 ? 1 : known.reduce((sum, cost) => sum + cost, 0) / known.length;
  return assignByCost(targets, collectors, owners, (target) => costs.get(target) ?? mean, ({ hasIdle }) => hasIdle)
    .held;
}
