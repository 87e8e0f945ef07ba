import { messageOf } from "../../core/errors.ts";
import { RevisionConflictError, StoreUnavailableError } from "../../core/store/store.ts";
import { scopeOf } from "../targets/sources.ts";
import { type Approval, type ApprovalState, changedAtMs } from "./approvals/approval.ts";
import { transition } from "./approvals/transitions.ts";
import type { AutoscalerDeps, NamespaceNow, NamespacesNow } from "./autoscaler.ts";
import { changeSince, namesOf, type ScaledNamespace } from "./plan/plan.ts";
import { overridePath, type ScaleOverride, writeOverride } from "./scale_override.ts";

/** Collectors that are not as planned so long after the number was written make an execution a failed one. */
export const completionMsMax = 600_000;

type ExecutorDeps = Pick<
  AutoscalerDeps,
  "store" | "approvals" | "scales" | "clock" | "log" | "acting" | "apply"
>;

/**
 * Brings open approvals forward. Each step looks at what is in the store, so that whoever leads next goes on where the
 * last one ended, and does nothing twice: the number is written once for an approval, with the approval's id, and only
 * in place of what was there when it was planned.
 */
export class Executor {
  readonly #deps: ExecutorDeps;
  /** Unix milliseconds when the namespace of an open approval was last held back, by id. */
  #heldMs: ReadonlyMap<string, number> = new Map();

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  /** One step for each open approval; a failed one is logged, and tried again at the next look. */
  async tend({ places, held }: NamespacesNow): Promise<void> {
    const byScope = new Map(places.map((place) => [scopeOf(place), place]));
    for (const place of places) await this.#attempt("forgetting a number", () => this.#dropSuperseded(place));
    // What was approved first is carried out first; it makes the others void.
    const open = this.#deps.approvals.open().toSorted((a, b) => changedAtMs(a) - changedAtMs(b));
    const nowMs = this.#deps.clock.wallMs();
    this.#heldMs = new Map(open.map((approval) => [
      approval.id,
      held.has(scopeOf(approval)) ? nowMs : this.#heldMs.get(approval.id) ?? 0,
    ]));
    for (const approval of open) {
      // Of a namespace that is held back nothing is known: its plans wait.
      const step = held.has(scopeOf(approval))
        ? () => this.#expire(approval)
        : () => this.#tendOne(approval, byScope.get(scopeOf(approval)));
      await this.#attempt(`plan ${approval.id}`, step);
    }
  }

  async #tendOne(approval: Approval, place: NamespaceNow | undefined): Promise<void> {
    const { scales } = this.#deps;
    const isWritten = scales.find(approval)?.approval === approval.id;
    if (approval.state === "executing" && isWritten) {
      await this.#complete(approval, place);
      return;
    }
    const now = place?.rule === null || place === undefined ? undefined : { ...place, rule: place.rule };
    const change = changeSince(approval.plan, now);
    if (change !== "") {
      await this.#move(approval, "void", change);
    } else if (approval.state === "proposed") {
      await this.#expire(approval);
    } else {
      if (approval.state === "approved" && !await this.#move(approval, "executing", "")) return;
      await this.#write(approval);
    }
  }

  async #expire(approval: Approval): Promise<void> {
    if (approval.state !== "proposed" || this.#deps.clock.wallMs() < approval.expiresAtMs) return;
    await this.#move(approval, "expired", "nobody decided in time");
  }

  /** Writes the number: from then on it is what the reconciliation wishes. */
  async #write({ id, clusterId, namespace, plan }: Approval): Promise<void> {
    const { store, scales, acting, apply, log } = this.#deps;
    const { mayAct, epoch } = acting();
    const place = { clusterId, namespace };
    const override: ScaleOverride = {
      ...place,
      replicas: plan.to,
      declared: plan.inputs.declared,
      approval: id,
      epoch,
    };
    const path = overridePath(place);
    const text = writeOverride(override);
    if (!mayAct()) return;
    const revision = await store.put(path, text, scales.revisionOf(place));
    apply({ type: "put", entry: { path, text, revision } });
    log.info(
      { approval: id, clusterId, namespace, from: plan.from, to: plan.to, epoch },
      "an approved plan is carried out",
    );
  }

  async #complete(approval: Approval, place: NamespaceNow | undefined): Promise<void> {
    const missing = place === undefined ? "the namespace has no collectors any more" : missingOf(approval, place);
    if (missing === "") await this.#move(approval, "done", `${approval.plan.to} collectors have the targets`);
    else if (this.#deps.clock.wallMs() - this.#beganMs(approval) > completionMsMax) {
      await this.#move(approval, "failed", `${completionMsMax / 60_000} minutes after its start ${missing}`);
    }
  }

  /** When its time began: a namespace that was held back gets all of it again. */
  #beganMs(approval: Approval): number {
    return Math.max(changedAtMs(approval), this.#heldMs.get(approval.id) ?? 0);
  }

  /** Returns whether it is in that state now, by us. */
  async #move(approval: Approval, state: ApprovalState, detail: string): Promise<boolean> {
    const { approvals, clock, acting } = this.#deps;
    const { mayAct, epoch, name } = acting();
    if (!mayAct()) return false;
    const deed = { by: name, how: "service" as const, from: "", detail, epoch };
    return (await approvals.change(approval.id, (present) => transition(present, state, deed, clock.wallMs()))).ok;
  }

  /**
   * A number that was approved for something else than the documents say now has no effect any more. It is removed, so
   * that it does not come back when they say the old again.
   */
  async #dropSuperseded(place: Pick<ScaledNamespace, "clusterId" | "namespace" | "declared">): Promise<void> {
    const { scales, store, acting, apply, log } = this.#deps;
    const override = scales.find(place);
    if (override === undefined || override.declared === place.declared || !acting().mayAct()) return;
    const path = overridePath(place);
    await store.delete(path, scales.revisionOf(place) ?? undefined);
    apply({ type: "delete", path });
    const { clusterId, namespace, replicas, approval } = override;
    log.info(
      { clusterId, namespace, approval, replicas, declared: place.declared },
      "the documents ask for another number of collectors since the approval; theirs counts",
    );
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    const { log } = this.#deps;
    try {
      await work();
    } catch (error) {
      if (error instanceof RevisionConflictError) log.info({ reason: error.message }, `${what}: tried again`);
      else if (error instanceof StoreUnavailableError) log.warn({ reason: error.message }, `${what}: tried again`);
      else log.error({ reason: messageOf(error) }, `${what} failed; it is tried again`);
    }
  }
}

/** What is not yet as planned, in a few words; "" when everything is. */
function missingOf({ plan }: Approval, place: NamespaceNow): string {
  const wanted = namesOf(plan.workload, plan.to);
  const alive = new Set(place.collectors.filter(({ id }) => id !== "").map(({ name }) => name));
  const absent = wanted.filter((name) => !alive.has(name));
  if (absent.length > 0) return `${absent.length} of ${wanted.length} collectors are not there, such as ${absent[0]}`;
  const elsewhere = [...place.division.owners.values()].filter((owner) => !wanted.includes(owner)).length;
  return elsewhere > 0 ? `${elsewhere} targets are still with collectors that are to go` : place.unsettled;
}
