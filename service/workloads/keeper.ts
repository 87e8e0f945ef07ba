import type { Clock, Random } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { workloadPath, type WorkloadStatus } from "../orchestrator/workload.ts";
import { scopeOf } from "../targets/sources.ts";
import { type Action, actionEnded, type CareState, type Failure, look, makeCareState, nextLookMs } from "./care.ts";
import { failureOf, Listing } from "./listing.ts";
import type { Wish } from "./wish.ts";
import { type WorkloadRow, workloadRows } from "./workload_rows.ts";

/** Changes that come together are looked at together. */
const gatherMs = 20;
/** Everything is looked at anew so often: a change may have been missed. */
const periodMs = 30_000;
/** Calls under way at once. */
const actionsMax = 8;
const listRetryMs = { first: 1000, max: 30_000 } as const;

export interface KeeperDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  /** Whether this service still leads; asked right before each effect. */
  mayAct(): boolean;
  /** What was found is another than before: a reconciliation is to look at it. */
  onFound(): void;
  /** An action has ended. */
  onAction?(type: Action["type"], failure: Failure["kind"] | null): void;
  /** The workloads could not be listed. */
  onListFailure?(): void;
  /** What the rows show may have changed. */
  onRows?(rows: readonly WorkloadRow[]): void;
}

/**
 * Makes the workloads be as they are wished, in the background: a call that is slow or fails holds up neither the
 * reconciliation nor other workloads. While the workloads cannot be listed nothing is removed.
 */
export class WorkloadKeeper {
  readonly #deps: KeeperDeps;
  #state: CareState = makeCareState();
  #orchestrator: Orchestrator | null = null;
  #watch = { close() {} };
  #wishes: ReadonlyMap<string, Wish> = new Map();
  #removable: ReadonlySet<string> = new Set();
  #wishText = "";
  #listing = new Listing();
  #cancelTimer = () => {};
  #dueMs = Infinity;
  #running: Promise<void> | null = null;
  #isDirty = false;
  readonly #waiting: Action[] = [];
  readonly #acting = new Set<Promise<void>>();
  #closed = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** As they were found last; null while that is not known. */
  get found(): readonly WorkloadStatus[] | null {
    return this.#listing.found;
  }

  /** Clusters of which nothing was found yet, since they cannot be listed. */
  get unseen(): ReadonlySet<string> {
    return this.#listing.unseen;
  }

  /** Namespaces, by scope, where workloads are looked after, or may still show up. */
  get scopes(): ReadonlySet<string> {
    return new Set([...this.#state.cares.keys()].map((path) => path.slice(0, path.lastIndexOf("/"))));
  }

  /** How each workload stands. */
  rows(): WorkloadRow[] {
    return workloadRows({
      wishes: this.#wishes,
      found: this.#listing.found,
      unlisted: (clusterId) => this.#listing.failureIn(clusterId),
      cares: this.#state.cares,
      wallOf: (monotonicMs) => this.#deps.clock.wallMs() + (monotonicMs - this.#deps.clock.monotonicMs()),
    });
  }

  /** From now on the workloads of this orchestrator are looked after; null: nobody's. */
  serve(orchestrator: Orchestrator | null): void {
    if (orchestrator === this.#orchestrator) return;
    this.#watch.close();
    this.#orchestrator = orchestrator;
    this.#state = makeCareState();
    this.#listing = new Listing();
    this.#waiting.length = 0;
    this.#wishText = "";
    this.#watch = orchestrator?.watch(() => this.#changed()) ?? { close() {} };
    if (orchestrator !== null) this.#changed();
  }

  /**
   * What there is to be.
   *
   * @param removable scopes in which what was applied once, and nobody wishes for any more, is removed.
   */
  wish(wishes: readonly Wish[], removable: ReadonlySet<string>): void {
    this.#wishes = new Map(wishes.map((one) => [workloadPath(one.workload), one]));
    this.#removable = removable;
    const text = JSON.stringify([wishes, [...removable]]);
    if (text === this.#wishText) return;
    this.#wishText = text;
    this.#changed();
  }

  /** Begins nothing more, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    this.#cancelTimer();
    this.#waiting.length = 0;
    await this.#running;
    await Promise.all(this.#acting);
  }

  #changed(): void {
    if (this.#running === null) this.#plan(gatherMs);
    else this.#isDirty = true;
  }

  #plan(delayMs: number): void {
    const dueMs = this.#deps.clock.monotonicMs() + delayMs;
    if (this.#closed || this.#orchestrator === null || dueMs >= this.#dueMs) return;
    this.#cancelTimer();
    this.#dueMs = dueMs;
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      const { log } = this.#deps;
      const orchestrator = this.#orchestrator;
      if (orchestrator === null || this.#closed || this.#running !== null) return;
      this.#running = this.#run(orchestrator);
      inBackground(log, "looking after the workloads", this.#running);
    });
  }

  async #run(orchestrator: Orchestrator): Promise<void> {
    const { clock } = this.#deps;
    this.#isDirty = false;
    const beganMs = clock.monotonicMs();
    const result = await orchestrator.list().then((found) => ({ found }), (error: unknown) => ({ error }));
    this.#running = null;
    if (this.#closed) return;
    if (orchestrator !== this.#orchestrator) return this.#changed();
    this.#take(result, beganMs);
    this.#look();
    const waitMs = Math.min(periodMs, this.#retryMs(), nextLookMs(this.#state) - clock.monotonicMs());
    this.#plan(this.#isDirty ? gatherMs : Math.max(gatherMs, waitMs));
  }

  #take(result: { readonly found: readonly WorkloadStatus[] } | { readonly error: unknown }, beganMs: number): void {
    const { clock, log } = this.#deps;
    const before = this.#listing.problem;
    const isOther = "found" in result
      ? this.#listing.take(result.found, beganMs)
      : this.#listing.fail(result.error, { beganMs, wallMs: clock.wallMs() });
    const { problem } = this.#listing;
    if (problem === null) {
      if (before !== null) log.info("the workloads can be listed again");
    } else {
      this.#deps.onListFailure?.();
      if (problem.reason !== before?.reason) {
        log.error({ reason: problem.reason }, "workloads cannot be listed; none is removed there until they can");
      }
    }
    if (isOther) this.#deps.onFound();
  }

  #look(): void {
    const { found } = this.#listing;
    if (found !== null && this.#deps.mayAct()) {
      const seen = {
        wishes: this.#wishes,
        mayRemove: (one: WorkloadStatus) => one.fingerprint !== "" && this.#removable.has(scopeOf(one)),
        found,
        listed: (clusterId: string) => this.#listing.of(clusterId),
      };
      this.#waiting.push(...look(this.#state, seen, this.#deps.clock.monotonicMs()));
      this.#act();
    }
    this.#deps.onRows?.(this.rows());
  }

  #act(): void {
    while (this.#acting.size < actionsMax) {
      const action = this.#waiting.shift();
      const orchestrator = this.#orchestrator;
      if (action === undefined || orchestrator === null) return;
      const acting = this.#carryOut(orchestrator, action).finally(() => {
        this.#acting.delete(acting);
        this.#act();
      });
      this.#acting.add(acting);
      inBackground(this.#deps.log, `changing workload ${action.path}`, acting);
    }
  }

  async #carryOut(orchestrator: Orchestrator, action: Action): Promise<void> {
    const { clock, random } = this.#deps;
    const state = this.#state;
    let failure: Omit<Failure, "sinceMs"> | null = null;
    const mayAct = this.#deps.mayAct() && !this.#closed && orchestrator === this.#orchestrator;
    try {
      if (!mayAct) return;
      if (action.type === "apply") await orchestrator.apply(action.workload);
      else await orchestrator.delete(action.key);
    } catch (error) {
      failure = failureOf(error);
    } finally {
      const time = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
      actionEnded(state, action.path, failure, time, random.float());
      this.#changed();
    }
    this.#deps.onAction?.(action.type, failure?.kind ?? null);
    // What failed is told with the rows, once for as long as it lasts.
    if (failure === null) this.#tell(action);
  }

  #tell(action: Action): void {
    const { log } = this.#deps;
    const workload = action.path;
    if (action.type === "delete") log.info({ workload }, "workload removed");
    else log.info({ workload, need: action.need, replicas: action.workload.replicas }, "workload applied");
  }

  #retryMs(): number {
    const { problem } = this.#listing;
    if (problem === null) return Infinity;
    const { first, max } = listRetryMs;
    return Math.min(max, first * 2 ** Math.min(30, problem.failures - 1)) * (0.8 + 0.4 * this.#deps.random.float());
  }
}
