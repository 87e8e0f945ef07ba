import { messageOf } from "../../core/errors.ts";
import { RevisionConflictError, type Store, type StoreEvent } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Orchestrator, workloadPath } from "../orchestrator/orchestrator.ts";
import type { Plan } from "./view.ts";

export interface CarryOutDeps {
  readonly store: Pick<Store, "put" | "delete">;
  readonly orchestrator: Orchestrator;
  readonly log: Logger;
  /** Told of each change made, before the store's own watch tells of it. */
  onChange(event: StoreEvent): void;
}

export interface CarriedOut {
  readonly written: number;
  readonly removed: number;
  /** Steps that failed; each is logged. The others were done all the same. */
  readonly failures: number;
}

/**
 * Carries out a plan: collections before the workloads that read them, and what is gone last. A step that fails holds
 * up no other; the next reconciliation finds again what is left to do.
 *
 * @param mayRemove whether what the plan does not have may be taken for gone.
 */
export async function carryOut(plan: Plan, mayRemove: boolean, deps: CarryOutDeps): Promise<CarriedOut> {
  const { store, orchestrator, log } = deps;
  let [written, removed, failures] = [0, 0, 0];
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures += 1;
      if (error instanceof RevisionConflictError) log.info({ reason: error.message }, `${what}: tried again`);
      else log.error({ reason: messageOf(error) }, `${what} failed; it is tried again`);
    }
  };
  for (const { path, text, replaces } of plan.writes) {
    await attempt(`writing ${path}`, async () => {
      const revision = await store.put(path, text, replaces);
      written += 1;
      deps.onChange({ type: "put", entry: { path, text, revision } });
    });
  }
  for (const workload of plan.workloads) {
    await attempt(`applying workload ${workloadPath(workload)}`, () => orchestrator.apply(workload));
  }
  if (mayRemove) await attempt("removing workloads", () => removeWorkloads(plan, orchestrator));
  for (const { path, revision } of plan.removals) {
    await attempt(`removing ${path}`, async () => {
      await store.delete(path, revision ?? undefined);
      removed += 1;
      deps.onChange({ type: "delete", path });
    });
  }
  return { written, removed, failures };
}

async function removeWorkloads(plan: Plan, orchestrator: Orchestrator): Promise<void> {
  const wanted = new Set(plan.workloads.map(workloadPath));
  for (const workload of await orchestrator.list()) {
    if (!wanted.has(workloadPath(workload))) await orchestrator.delete(workload);
  }
}
