import { messageOf } from "../../core/errors.ts";
import { RevisionConflictError, type Store, type StoreEvent, UnreadableEntryError } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { type WorkloadKey, workloadPath } from "../orchestrator/workload.ts";
import type { Plan } from "./view.ts";

export interface CarryOutDeps {
  readonly store: Pick<Store, "get" | "put" | "delete">;
  readonly orchestrator: Orchestrator;
  readonly log: Logger;
  /** Whether this service still leads; asked right before each effect. */
  mayAct(): boolean;
  /** Told of each change made, before the store's own watch tells of it. */
  onChange(event: StoreEvent): void;
}

export interface CarriedOut {
  readonly written: number;
  readonly removed: number;
  /** Steps that failed; each is logged. The others were done all the same. */
  readonly failures: number;
  /** Whether it was broken off, because this service leads no more. */
  readonly fenced: boolean;
}

/**
 * Carries out a plan: collections before the workloads that read them, and what is gone last. A step that fails holds
 * up no other; the next reconciliation finds again what is left to do. Once this service leads no more nothing is done;
 * what another leader has written meanwhile is never overwritten, since every write is for the revision that was read.
 *
 * @param mayRemove whether what the plan does not have may be taken for gone.
 */
export async function carryOut(plan: Plan, mayRemove: boolean, deps: CarryOutDeps): Promise<CarriedOut> {
  const { store, orchestrator, log } = deps;
  let [written, removed, failures, fenced] = [0, 0, 0, false];
  const attempt = async (what: string, work: () => Promise<void>) => {
    fenced ||= !deps.mayAct();
    if (fenced) return;
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
      if (replaces === undefined) await requireUnreadable(store, path);
      const revision = await store.put(path, text, replaces);
      written += 1;
      deps.onChange({ type: "put", entry: { path, text, revision } });
    });
  }
  for (const workload of plan.workloads) {
    await attempt(`applying workload ${workloadPath(workload)}`, () => orchestrator.apply(workload));
  }
  const unwanted = mayRemove && deps.mayAct() ? await unwantedWorkloads(plan, orchestrator) : [];
  for (const workload of unwanted) {
    await attempt(`removing workload ${workloadPath(workload)}`, () => orchestrator.delete(workload));
  }
  for (const { path, revision } of plan.removals) {
    await attempt(`removing ${path}`, async () => {
      if (revision === null) await requireUnreadable(store, path);
      await store.delete(path, revision ?? undefined);
      removed += 1;
      deps.onChange({ type: "delete", path });
    });
  }
  return { written, removed, failures, fenced };
}

async function unwantedWorkloads(plan: Plan, orchestrator: Orchestrator): Promise<WorkloadKey[]> {
  const wanted = new Set(plan.workloads.map(workloadPath));
  return (await orchestrator.list()).filter((workload) => !wanted.has(workloadPath(workload)));
}

/** A file without a revision may be overwritten only as long as nobody can read it: then nobody else has written it. */
async function requireUnreadable(store: Pick<Store, "get">, path: string): Promise<void> {
  try {
    if (await store.get(path) === null) return;
  } catch (error) {
    if (error instanceof UnreadableEntryError) return;
    throw error;
  }
  throw new RevisionConflictError(`Cannot change entry "${path}": it can be read again`);
}
