import { messageOf } from "../../core/errors.ts";
import { RevisionConflictError, type Store, type StoreEvent, UnreadableEntryError } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { workloadPath } from "../orchestrator/workload.ts";
import { scopeOf } from "../targets/sources.ts";
import { plainRule, type Wish, type WorkloadHold } from "../workloads/wish.ts";
import type { Plan } from "./view.ts";

export interface CarryOutDeps {
  readonly store: Pick<Store, "get" | "put" | "delete">;
  readonly log: Logger;
  /** Whether this service still leads; asked right before each effect. */
  mayAct(): boolean;
  /** Told of each change made, before the store's own watch tells of it. */
  onChange(event: StoreEvent): void;
  /** Takes what workloads there are to be; they are made so in the background. */
  wish(wishes: readonly Wish[]): void;
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
 */
export async function carryOut(plan: Plan, deps: CarryOutDeps): Promise<CarriedOut> {
  const { store, log } = deps;
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
  const unrecorded = new Set(plan.records.map(({ scope }) => scope));
  for (const { scope, path, text, replaces } of plan.records) {
    await attempt(`remembering the workload of ${scope}`, async () => {
      const revision = await store.put(path, text, replaces);
      unrecorded.delete(scope);
      deps.onChange({ type: "put", entry: { path, text, revision } });
    });
  }
  for (const { path, text, replaces } of plan.writes) {
    await attempt(`writing ${path}`, async () => {
      if (replaces === undefined) await requireUnreadable(store, path);
      const revision = await store.put(path, text, replaces);
      written += 1;
      deps.onChange({ type: "put", entry: { path, text, revision } });
    });
  }
  fenced ||= !deps.mayAct();
  if (!fenced) deps.wish(wishesOf(plan, unrecorded));
  for (const { path, revision } of plan.removals) {
    await attempt(`removing ${path}`, async () => {
      if (revision === null) await requireUnreadable(store, path);
      await store.delete(path, revision ?? undefined);
      removed += 1;
      deps.onChange({ type: "delete", path });
    });
  }
  for (const { scope, path, revision } of plan.recordRemovals) {
    await attempt(`forgetting the workload of ${scope}`, async () => {
      await store.delete(path, revision);
      deps.onChange({ type: "delete", path });
    });
  }
  return { written, removed, failures, fenced };
}

const unrecordedHold: WorkloadHold = { reason: "the store could not be written", creates: false };

/** A workload that nobody would remember is not touched yet. */
function wishesOf({ workloads, rules }: Plan, unrecorded: ReadonlySet<string>): Wish[] {
  return workloads.map((workload) => {
    const rule = rules.get(workloadPath(workload)) ?? plainRule;
    return { workload, rule: unrecorded.has(scopeOf(workload)) ? { ...rule, hold: unrecordedHold } : rule };
  });
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
