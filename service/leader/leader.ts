import { messageOf } from "../../core/errors.ts";
import type { Now } from "../../core/registry/lease_table.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Claims } from "./claims.ts";
import { type HolderProcesses, unknownProcesses } from "./holder_process.ts";
import { type LeaseEffect, type LeaseEvent, makeLeaseState, mayAct, nextWakeMs, step } from "./leader_lease.ts";

/** How long a leader's lease lasts without renewal. */
export const leaseMsDefault = 10_000;

export interface LeadershipStatus {
  /** Whether this service may act as the leader now. */
  readonly leading: boolean;
  /** The epoch in force, as far as it is known; 0 before anything is. */
  readonly epoch: number;
  /** Id of the service that has it; "" while nobody is known to. */
  readonly leader: string;
}

/** Told of what becomes of this service's leadership; they must not throw. */
export interface LeadershipHandlers {
  /** It leads, with an epoch higher than every one before. */
  onLead(epoch: number): void;
  /** It may act no more, and nobody else is known to lead: what it runs goes on. */
  onLapse(): void;
  /** Another leads: what it runs is to end. */
  onSuperseded(): void;
}

/** Who may act on the world in the name of all services. */
export interface Leadership {
  start(handlers: LeadershipHandlers): void;
  /** Whether this service may act now. To be asked right before every effect: it may change at any moment. */
  mayAct(): boolean;
  status(): LeadershipStatus;
  /** Ends it; another may lead from then on. What was done as the leader has to have ended. */
  close(): Promise<void>;
}

export interface LeaderOptions {
  readonly claims: Claims;
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of this service in the registry. */
  readonly holder: string;
  /** Random for each start of the process. */
  readonly instance: string;
  /** By default nothing is known of processes. */
  readonly processes?: HolderProcesses;
  /** {@link leaseMsDefault} by default. */
  readonly leaseMs?: number;
}

/** One candidate for the leadership: carries out what {@link step} decides. Trouble with the store never gets out. */
export function makeLeader(options: LeaderOptions): Leadership {
  return new Leader(options);
}

type StoreEffect = Extract<LeaseEffect, { type: "read" | "claim" | "renew" | "release" }>;

const noHandlers: LeadershipHandlers = { onLead() {}, onLapse() {}, onSuperseded() {} };

class Leader implements Leadership {
  readonly #options: LeaderOptions;
  readonly #state;
  readonly #processes: HolderProcesses;
  #handlers = noHandlers;
  #cancelWake = () => {};
  #busy: Promise<void> = Promise.resolve();
  #closing = false;
  /** Why the store could not be asked last time; "" when it could. */
  #trouble = "";

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { holder, instance, processes = unknownProcesses, leaseMs = leaseMsDefault } = options;
    this.#processes = processes;
    this.#state = makeLeaseState({ holder, instance, process: processes.self, leaseMs });
  }

  start(handlers: LeadershipHandlers): void {
    this.#handlers = handlers;
    this.#step({ type: "wake" });
  }

  mayAct(): boolean {
    return mayAct(this.#state, this.#now());
  }

  status(): LeadershipStatus {
    const { seen, epoch, holder } = this.#state;
    if (this.mayAct()) return { leading: true, epoch, leader: holder };
    return { leading: false, epoch: seen?.epoch ?? 0, leader: seen === null || seen.released ? "" : seen.holder };
  }

  async close(): Promise<void> {
    this.#handlers = noHandlers;
    this.#closing = true;
    // What is under way may still win the leadership, which is then to be released.
    await this.#busy;
    this.#step({ type: "stop" });
    await this.#busy;
  }

  #step(event: LeaseEvent): void {
    const effects = step(this.#state, event, this.#now());
    for (const effect of effects) this.#carryOut(effect);
    this.#planWake();
  }

  #planWake(): void {
    this.#cancelWake();
    const wakeMs = nextWakeMs(this.#state);
    if (wakeMs === null) return;
    const { clock } = this.#options;
    this.#cancelWake = clock.after(Math.max(0, wakeMs - clock.monotonicMs()), () => this.#step({ type: "wake" }));
  }

  #carryOut(effect: LeaseEffect): void {
    const { log } = this.#options;
    switch (effect.type) {
      case "lead":
        log.info({ epoch: effect.epoch }, "leading");
        this.#handlers.onLead(effect.epoch);
        return;
      case "lapse":
        log.warn({ reason: effect.reason }, "no longer leading; what runs goes on");
        this.#handlers.onLapse();
        return;
      case "superseded":
        log.warn({ leader: effect.by }, "another service leads");
        this.#handlers.onSuperseded();
        return;
      case "read":
      case "claim":
      case "renew":
      case "release":
        if (this.#closing && effect.type !== "release") return;
        this.#busy = this.#ask(effect);
        inBackground(log, "asking for the leadership", this.#busy);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Does what concerns the store; the answer is the next event. */
  async #ask(effect: StoreEffect): Promise<void> {
    const event = await this.#answerTo(effect);
    this.#noteTrouble("reason" in event ? event.reason : "");
    this.#step(event);
  }

  async #answerTo(effect: StoreEffect): Promise<LeaseEvent> {
    const { claims } = this.#options;
    const startedAt = this.#now();
    try {
      switch (effect.type) {
        case "read": {
          const claim = await claims.highest();
          const isHolderGone = claim !== null && this.#processes.hasEnded(claim.process);
          return { type: "read", claim, isHolderGone, startedAt };
        }
        case "claim":
          return { ...effect, type: "claimed", won: await claims.claim(effect.claim, effect.after), startedAt };
        case "renew":
        case "release":
          return { type: "renewed", held: await claims.renew(effect.claim), startedAt };
        default:
          return effect satisfies never;
      }
    } catch (error) {
      return { type: "failed", isRead: effect.type === "read", reason: messageOf(error) };
    }
  }

  /** Each trouble is told once, not at each attempt. */
  #noteTrouble(reason: string): void {
    const { log } = this.#options;
    if (reason !== "" && reason !== this.#trouble) log.warn({ reason }, "the lease of the leader is out of reach");
    if (reason === "" && this.#trouble !== "") log.info("the lease of the leader is in reach again");
    this.#trouble = reason;
  }

  #now(): Now {
    return { monotonicMs: this.#options.clock.monotonicMs(), wallMs: this.#options.clock.wallMs() };
  }
}
