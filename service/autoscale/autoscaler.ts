import { Buffer } from "node:buffer";
import type { AutoscaleRule } from "../../core/config/autoscale.ts";
import { messageOf } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Store, StoreEvent } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { RunLoop } from "../run_loop.ts";
import { scopeOf } from "../targets/sources.ts";
import { type Approval, changedAtMs, isOpen } from "./approvals/approval.ts";
import type { Approvals } from "./approvals/approvals.ts";
import { transition } from "./approvals/transitions.ts";
import type { AutoscaleMetrics } from "./autoscale_metrics.ts";
import type { AutoscaleRow } from "./autoscale_row.ts";
import { Executor } from "./executor.ts";
import type { Delivery } from "./notify/delivery.ts";
import { hashOf, makePlan, namesOf, type ScaledNamespace } from "./plan/plan.ts";
import { forget, makeScaleMemory, type Observation, type ScaleMemory, step } from "./rules/step.ts";
import type { ScaleState } from "./scale_override.ts";
import type { AskedCollector, CollectorUsage, UsageSource } from "./usage/usage.ts";

/** A namespace as the service has planned it. */
export interface NamespaceNow extends Omit<ScaledNamespace, "rule"> {
  /** Null for a namespace that nobody scales. */
  readonly rule: AutoscaleRule | null;
  /** Those that there are in the registry or are run here. */
  readonly collectors: readonly AskedCollector[];
  /** Why it is not the moment to scale, such as targets that are being handed over; "" when it is. */
  readonly unsettled: string;
}

export interface NamespacesNow {
  readonly places: readonly NamespaceNow[];
  /** Scopes of those where it cannot be told now, since a change is held, or a document cannot be read. */
  readonly held: ReadonlySet<string>;
}

/** Who acts. */
export interface Acting {
  readonly mayAct: () => boolean;
  readonly epoch: number;
  /** Id of this service. */
  readonly name: string;
}

export interface AutoscalerDeps {
  readonly mode: "propose" | "auto";
  readonly store: Pick<Store, "put" | "delete">;
  readonly approvals: Approvals;
  readonly scales: ScaleState;
  readonly usage: UsageSource;
  readonly delivery: Delivery;
  readonly clock: Clock;
  readonly random: Pick<Random, "bytes">;
  readonly log: Logger;
  readonly metrics: AutoscaleMetrics;
  /** Between two looks at the usage. */
  readonly lookMs: number;
  /** How long a plan waits for a decision. */
  readonly expiryMs: number;
  /** Null while not everything is known. */
  readonly namespaces: () => Promise<NamespacesNow | null>;
  readonly acting: () => Acting;
  /** Takes a change that was made, before the store's own watch tells of it. */
  readonly apply: (event: StoreEvent) => void;
}

/** Closed approvals that are kept; beyond, the oldest go, with their trails. */
export const closedMax = 300;

/**
 * Watches how loaded the collectors are, proposes other numbers of them, and carries out what was approved. Only the
 * leader does something; everything that has to outlive it is in the store.
 */
export class Autoscaler {
  readonly #deps: AutoscalerDeps;
  readonly #executor: Executor;
  readonly #loop: RunLoop;
  readonly #memories = new Map<string, ScaleMemory>();
  #rows: readonly AutoscaleRow[] = [];
  #usageProblem = "";

  constructor(deps: AutoscalerDeps) {
    this.#deps = deps;
    this.#executor = new Executor(deps);
    this.#loop = new RunLoop({
      ...deps,
      what: "looking at the collectors' usage",
      periodMs: deps.lookMs,
      run: () => this.look().then(() => true),
    });
  }

  start(): void {
    this.#loop.changed();
  }

  /** Something changed that it may have to act on. */
  changed(): void {
    this.#loop.changed();
  }

  async close(): Promise<void> {
    await this.#loop.close();
    await this.#deps.delivery.close();
  }

  /** What was found at the last look; empty while another service leads. */
  rows(): readonly AutoscaleRow[] {
    return this.#rows;
  }

  /** One look at everything. */
  async look(): Promise<void> {
    const now = this.#deps.acting().mayAct() ? await this.#deps.namespaces() : null;
    if (now === null) {
      this.#rows = [];
      this.#memories.clear();
      return;
    }
    await this.#executor.tend(now);
    this.#rows = await this.#observe(now.places);
    this.#deps.metrics.namespaces(this.#rows.map(({ state }) => state));
    await this.#trim();
    // Whoever is told may take long, and nothing waits for that.
    inBackground(this.#deps.log, "telling people of plans", this.#deps.delivery.run());
  }

  async #observe(places: readonly NamespaceNow[]): Promise<AutoscaleRow[]> {
    const ruled = places.flatMap((place) => {
      const { rule } = place;
      return rule === null || place.replicas === 0 ? [] : [{ ...place, rule }];
    });
    for (const scope of this.#memories.keys()) {
      if (!ruled.some((place) => scopeOf(place) === scope)) this.#memories.delete(scope);
    }
    if (ruled.length === 0) return [];
    const asked = ruled.map(askedOf);
    const { usages, problem } = await this.#deps.usage.read(asked.flat());
    this.#noteUsage(problem);
    const rows: AutoscaleRow[] = [];
    let from = 0;
    for (const [index, place] of ruled.entries()) {
      const count = asked[index]?.length ?? 0;
      rows.push(await this.#decide(place, usages.slice(from, from + count)));
      from += count;
    }
    return rows;
  }

  async #decide(
    place: ScaledNamespace & Pick<NamespaceNow, "unsettled">,
    usages: readonly CollectorUsage[],
  ): Promise<AutoscaleRow> {
    const { clock } = this.#deps;
    const { rule, replicas } = place;
    const memory = this.#memories.get(scopeOf(place)) ?? makeScaleMemory();
    this.#memories.set(scopeOf(place), memory);
    const own = this.#deps.approvals.all().filter((one) => scopeOf(one) === scopeOf(place));
    const observation: Observation = {
      rule,
      replicas,
      targets: place.division.owners.size,
      usages,
      blocked: blockedBy(place, own, clock.wallMs()),
    };
    const decision = step(memory, observation, clock.monotonicMs());
    if (decision.proposal !== null) {
      forget(memory);
      await this.#propose(place, decision.proposal, usages);
    }
    const open = this.#deps.approvals.open().find((one) => scopeOf(one) === scopeOf(place));
    return {
      cluster: place.clusterId,
      namespace: place.namespace,
      state: decision.state,
      detail: decision.detail,
      replicas,
      declared: place.declared,
      min: rule.min,
      max: rule.max,
      approval: open?.id ?? "",
      source: this.#deps.usage.name,
    };
  }

  async #propose(
    place: ScaledNamespace,
    { to, reasons }: { readonly to: number; readonly reasons: readonly string[] },
    usages: readonly CollectorUsage[],
  ): Promise<void> {
    const { clock, random, approvals, expiryMs, log, mode, acting } = this.#deps;
    const nowMs = clock.wallMs();
    const plan = makePlan(place, to, { reasons, usages, nowMs });
    const hash = hashOf(plan);
    const { mayAct, epoch, name } = acting();
    const deed = { by: name, how: "service" as const, from: "", detail: reasons.join("; ").slice(0, 500), epoch };
    const approval: Approval = {
      id: `${Math.floor(nowMs).toString(36)}-${hash.slice(0, 12)}`,
      clusterId: place.clusterId,
      namespace: place.namespace,
      state: "proposed",
      plan,
      hash,
      nonce: Buffer.from(random.bytes(16)).toString("hex"),
      createdAtMs: nowMs,
      expiresAtMs: Math.floor(nowMs + expiryMs),
      trail: [{ ...deed, state: "proposed", atMs: nowMs }],
      notices: {},
    };
    if (!mayAct()) return;
    try {
      await approvals.add(approval);
      if (mode === "propose") return;
      const auto = { by: name, how: "auto" as const, from: "", detail: "--autoscale auto", epoch };
      await approvals.change(approval.id, (present) => transition(present, "approved", auto, clock.wallMs()));
      this.#loop.changed();
    } catch (error) {
      log.error({ approval: approval.id, reason: messageOf(error) }, "writing a plan failed; it is made anew");
    }
  }

  /** Each trouble is told once. */
  #noteUsage(problem: string): void {
    const { log, metrics, usage } = this.#deps;
    metrics.usageRead(problem === "");
    if (problem !== "" && problem !== this.#usageProblem) {
      log.warn({ source: usage.name, reason: problem }, "usage cannot be read; without it nothing is decided");
    }
    if (problem === "" && this.#usageProblem !== "") log.info({ source: usage.name }, "usage can be read again");
    this.#usageProblem = problem;
  }

  async #trim(): Promise<void> {
    const { approvals, log, acting } = this.#deps;
    const closed = approvals.all().filter((one) => !isOpen(one));
    for (const approval of closed.slice(closedMax)) {
      if (!acting().mayAct()) return;
      try {
        await approvals.remove(approval);
      } catch (error) {
        log.warn({ approval: approval.id, reason: messageOf(error) }, "removing an old approval failed; tried again");
        return;
      }
    }
  }
}

/** The collectors that there are to be; one that is not there is asked for too, and nothing is known of it. */
function askedOf({ clusterId, namespace, workload, replicas, collectors }: NamespaceNow): AskedCollector[] {
  const known = new Map(collectors.map((collector) => [collector.name, collector]));
  return namesOf(workload, replicas).map((name) =>
    known.get(name) ?? { clusterId, namespace, name, id: "", metricsAddress: "", load: {} }
  );
}

/** Why nothing may be proposed now; "" when something may. */
function blockedBy(
  { rule, unsettled }: Pick<ScaledNamespace, "rule"> & Pick<NamespaceNow, "unsettled">,
  own: readonly Approval[],
  nowMs: number,
): string {
  const open = own.find(isOpen);
  if (open !== undefined) return `plan ${open.id} is ${open.state}`;
  if (unsettled !== "") return unsettled;
  // A plan that became void was decided by nobody.
  const last = Math.max(-Infinity, ...own.filter(({ state }) => state !== "void").map(changedAtMs));
  const waitMs = last + rule.cooldownSeconds * 1000 - nowMs;
  return waitMs > 0 ? `cooling down for another ${Math.ceil(waitMs / 1000)} s` : "";
}
