import type { Now } from "../../core/registry/lease_table.ts";
import type { Claim } from "./claim.ts";

/**
 * Decides who leads, for one service among several over one store. It does no I/O and looks at no clock.
 *
 * - A leader may act until {@link actingShare} of the lease has passed since it *began* its last successful renewal,
 *   by its own clocks. Others claim the next epoch only when they have not seen the claim change for the whole lease,
 *   by theirs. The difference is what clocks may drift apart, and what an effect that is under way may take.
 * - A leader whose process has provably ended, as one of this machine may have, is not waited for.
 * - A leader that could not renew in time stops acting and never takes that term up again: it claims a new epoch,
 *   at once, provided that nobody else has.
 * - The wall clock counts too, but only against acting: it runs on while a machine sleeps.
 * - A store that cannot be read tells nothing: once it can be read again, the lease begins anew for whoever watches.
 */
export interface LeaseState {
  readonly holder: string;
  readonly instance: string;
  readonly process: string;
  readonly leaseMs: number;
  /** `lapsed`: it led, may act no more, and has not seen anybody take its place. */
  role: "follower" | "leader" | "lapsed" | "stopped";
  /** The epoch that was led last; 0 before the first. */
  epoch: number;
  /** The epoch that was won last, be it too late to lead with it; 0 before the first. */
  wonEpoch: number;
  renewals: number;
  /** When the last renewal that succeeded was begun. */
  renewedAt: Now;
  /** The claim in force, as it was seen last; null when there was none. */
  seen: Claim | null;
  /** Monotonic time at which `seen` was seen to change; null before the store was read. */
  seenAtMs: number | null;
  /** The highest epoch that was ever seen. */
  highestEpoch: number;
  /** Whether the store could not be read last time. */
  isBlind: boolean;
  /** Whether an effect on the store is under way; there is never more than one. */
  isBusy: boolean;
  /** Monotonic time of the next effect on the store. */
  dueMs: number;
}

export type LeaseEvent =
  /** Time has passed; see {@link nextWakeMs}. */
  | { readonly type: "wake" }
  /** The answer to `read`; `isHolderGone` when the process that holds the claim has provably ended. */
  | { readonly type: "read"; readonly claim: Claim | null; readonly isHolderGone?: boolean; readonly startedAt: Now }
  /** The answer to `claim`; `won` when the epoch is ours, none is higher, and none lies between it and `after`. */
  | { readonly type: "claimed"; readonly claim: Claim; readonly won: boolean; readonly startedAt: Now }
  /** The answer to `renew`; not `held` when the claim is gone, or another one is higher. */
  | { readonly type: "renewed"; readonly held: boolean; readonly startedAt: Now }
  /** The store could not be asked. */
  | { readonly type: "failed"; readonly isRead: boolean; readonly reason: string }
  /** The service ends; what it was doing as the leader has ended. */
  | { readonly type: "stop" };

export type LeaseEffect =
  | { readonly type: "read" }
  /** `after` is the epoch that the decision rests on; 0 for none. */
  | { readonly type: "claim"; readonly claim: Claim; readonly after: number }
  | { readonly type: "renew"; readonly claim: Claim }
  | { readonly type: "release"; readonly claim: Claim }
  /** This service leads from now on. */
  | { readonly type: "lead"; readonly epoch: number }
  /** It may act no more, and nobody else is known to: what it runs goes on. */
  | { readonly type: "lapse"; readonly reason: string }
  /** Somebody else has the next epoch: what it runs is to end. */
  | { readonly type: "superseded"; readonly by: string };

/** How much of a lease its holder uses. */
export const actingShare = 0.8;

export function makeLeaseState(
  options: {
    readonly holder: string;
    readonly instance: string;
    /** "" by default: nobody can know of the process. */
    readonly process?: string;
    readonly leaseMs: number;
  },
): LeaseState {
  return {
    process: "",
    ...options,
    role: "follower",
    epoch: 0,
    wonEpoch: 0,
    renewals: 0,
    renewedAt: { monotonicMs: 0, wallMs: 0 },
    seen: null,
    seenAtMs: null,
    highestEpoch: 0,
    isBlind: false,
    isBusy: false,
    dueMs: -Infinity,
  };
}

/** Whether this service may act as the leader now. To be asked right before every effect. */
export function mayAct(state: LeaseState, now: Now): boolean {
  return state.role === "leader" && isInTerm(state, state.renewedAt, now);
}

/** Monotonic time of the next `wake`, or null when only an answer can bring anything new. */
export function nextWakeMs(state: LeaseState): number | null {
  if (state.role === "stopped") return null;
  const due = state.isBusy ? Infinity : state.dueMs;
  const end = state.role === "leader" ? state.renewedAt.monotonicMs + actingShare * state.leaseMs : Infinity;
  const next = Math.min(due, end);
  return Number.isFinite(next) || next === -Infinity ? next : null;
}

export function step(state: LeaseState, event: LeaseEvent, now: Now): LeaseEffect[] {
  if (state.role === "stopped") return [];
  // Whatever happened: first of all the term may be over.
  const over = lapseIfOver(state, now);
  if (event.type === "stop") return [...over, ...stop(state)];
  if (event.type !== "wake") state.isBusy = false;
  return [...over, ...take(state, event, now), ...wake(state, now)];
}

function take(state: LeaseState, event: Exclude<LeaseEvent, { type: "stop" }>, now: Now): LeaseEffect[] {
  switch (event.type) {
    case "wake":
      return [];
    case "read":
      return see(state, event, now);
    case "claimed":
      return claimed(state, event.claim, event.won, event.startedAt, now);
    case "renewed":
      return renewed(state, event.held, event.startedAt, now);
    case "failed":
      if (event.isRead) state.isBlind = true;
      state.dueMs = now.monotonicMs + pollMs(state);
      return [];
    default:
      return event satisfies never;
  }
}

/** Begins what is due. */
function wake(state: LeaseState, now: Now): LeaseEffect[] {
  if (state.isBusy || now.monotonicMs < state.dueMs) return [];
  state.isBusy = true;
  return state.role === "leader"
    ? [{ type: "renew", claim: { ...claimOf(state), renewals: state.renewals + 1 } }]
    : [{ type: "read" }];
}

function lapseIfOver(state: LeaseState, now: Now): LeaseEffect[] {
  if (state.role !== "leader" || isInTerm(state, state.renewedAt, now)) return [];
  return lapse(state, now, "the lease could not be renewed in time");
}

function lapse(state: LeaseState, now: Now, reason: string): LeaseEffect[] {
  state.role = "lapsed";
  state.dueMs = now.monotonicMs;
  return [{ type: "lapse", reason }];
}

function see(state: LeaseState, read: Extract<LeaseEvent, { type: "read" }>, now: Now): LeaseEffect[] {
  const { claim, isHolderGone = false, startedAt } = read;
  if (state.seenAtMs === null || state.isBlind || !isSame(state.seen, claim)) state.seenAtMs = now.monotonicMs;
  state.isBlind = false;
  state.seen = claim;
  state.dueMs = now.monotonicMs + pollMs(state);
  const superseded = supersede(state, claim);
  if (!isHolderGone && !mayClaim(state, claim, startedAt)) {
    state.highestEpoch = Math.max(state.highestEpoch, claim?.epoch ?? 0);
    return superseded;
  }
  const { holder, instance, process, leaseMs } = state;
  const epoch = (claim?.epoch ?? state.highestEpoch) + 1;
  state.highestEpoch = Math.max(state.highestEpoch, epoch);
  state.isBusy = true;
  const next = { epoch, holder, instance, process, leaseMs, renewals: 0, released: false };
  return [...superseded, { type: "claim", claim: next, after: claim?.epoch ?? 0 }];
}

function supersede(state: LeaseState, claim: Claim | null): LeaseEffect[] {
  // A claim whose text was never written, as on a full disk, may be our own.
  if (state.role !== "lapsed" || claim === null || claim.instance === "" || claim.instance === state.instance) {
    return [];
  }
  state.role = "follower";
  return [{ type: "superseded", by: claim.holder }];
}

/** Whether the claim, as it was found by a read that began at `startedAt`, leaves the next epoch free to us. */
function mayClaim(state: LeaseState, claim: Claim | null, startedAt: Now): boolean {
  // Nobody has ever led here, as far as anybody can know.
  if (claim === null && state.highestEpoch === 0) return true;
  // Of our own term we know that it is over: who asks this does not lead.
  const isOwn = claim !== null && claim.instance === state.instance && claim.epoch === state.wonEpoch;
  if (claim !== null && (claim.released || isOwn)) return true;
  const leaseMs = claim === null || claim.leaseMs === 0 ? state.leaseMs : claim.leaseMs;
  // The read has to have begun when the lease was over: a renewal during a slow one would have gone unseen.
  return state.seenAtMs !== null && startedAt.monotonicMs - state.seenAtMs >= leaseMs;
}

function claimed(state: LeaseState, claim: Claim, won: boolean, startedAt: Now, now: Now): LeaseEffect[] {
  state.dueMs = now.monotonicMs;
  if (!won) {
    // Somebody else moved, whether or not we can see it: the lease begins anew.
    state.seenAtMs = now.monotonicMs;
    return [];
  }
  state.wonEpoch = claim.epoch;
  if (!isInTerm(state, startedAt, now)) return [];
  state.role = "leader";
  state.epoch = claim.epoch;
  state.renewals = 0;
  state.renewedAt = startedAt;
  state.dueMs = startedAt.monotonicMs + state.leaseMs / 3;
  return [{ type: "lead", epoch: state.epoch }];
}

function renewed(state: LeaseState, held: boolean, startedAt: Now, now: Now): LeaseEffect[] {
  if (state.role !== "leader") return [];
  if (!held) return lapse(state, now, "the lease is no longer ours");
  state.renewals += 1;
  state.renewedAt = startedAt;
  state.dueMs = startedAt.monotonicMs + state.leaseMs / 3;
  return lapseIfOver(state, now);
}

function stop(state: LeaseState): LeaseEffect[] {
  const held = state.role === "leader" || state.role === "lapsed";
  state.role = "stopped";
  if (!held) return [];
  return [{ type: "release", claim: { ...claimOf(state), renewals: state.renewals + 1, released: true } }];
}

function claimOf({ epoch, holder, instance, process, leaseMs, renewals }: LeaseState): Claim {
  return { epoch, holder, instance, process, leaseMs, renewals, released: false };
}

function isInTerm(state: LeaseState, since: Now, now: Now): boolean {
  const termMs = actingShare * state.leaseMs;
  return now.monotonicMs - since.monotonicMs < termMs && now.wallMs - since.wallMs < termMs;
}

function isSame(a: Claim | null, b: Claim | null): boolean {
  return a?.epoch === b?.epoch && a?.instance === b?.instance && a?.renewals === b?.renewals
    && a?.released === b?.released;
}

/** How often a claim is looked at, which adds to the time that nobody leads. */
function pollMs(state: LeaseState): number {
  return Math.min(1000, Math.max(25, state.leaseMs / 20));
}
