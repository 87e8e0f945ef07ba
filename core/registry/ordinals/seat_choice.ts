import { ordinalMax, type Seat } from "./seat.ts";

/**
 * Chooses a number for a collector among those of its workload. It does no I/O and looks at no clock.
 *
 * - A number is free when nobody ever had it, when its holder has given it back, or when nobody has seen its holder
 *   renew it for the holder's whole lease, by this process' own clock. It is taken when it was seen to be renewed.
 * - The lowest free number is claimed, provided that all below it are known to be taken: a collector that is started
 *   anew after a crash waits for its former number rather than to take one that nobody has targets for.
 * - A store that could not be read tells nothing: all leases begin anew for whoever watches.
 */
export interface SeatChoiceState {
  /** For seats whose lease is not known. */
  readonly leaseMs: number;
  /** The seats in force, by ordinal; null before the store was read. */
  watched: Map<number, Watched> | null;
}

interface Watched {
  readonly seat: Seat;
  /** Monotonic milliseconds. */
  readonly changedMs: number;
  /** Whether it was seen to change. */
  readonly isTaken: boolean;
}

export type SeatChoice =
  | { readonly type: "claim"; readonly ordinal: number; readonly epoch: number }
  /** Look again soon: the number may become free, or prove to be taken. */
  | { readonly type: "wait"; readonly ordinal: number }
  | { readonly type: "full" };

export function makeSeatChoiceState(leaseMs: number): SeatChoiceState {
  return { leaseMs, watched: null };
}

/** What the store has now; null when it could not be read. */
export function see(state: SeatChoiceState, seats: readonly Seat[] | null, nowMs: number): void {
  if (seats === null) {
    state.watched = null;
    return;
  }
  const { watched } = state;
  const now = new Map<number, Watched>();
  for (const seat of highestOf(seats)) {
    const before = watched?.get(seat.ordinal);
    if (before !== undefined && isSame(before.seat, seat)) now.set(seat.ordinal, before);
    // What has come or changed in our sight was done by somebody who lives.
    else now.set(seat.ordinal, { seat, changedMs: nowMs, isTaken: watched !== null });
  }
  state.watched = now;
}

/** To be asked right after {@link see}, with what the store has. */
export function choose(state: SeatChoiceState, nowMs: number): SeatChoice {
  for (let ordinal = 0; ordinal <= ordinalMax; ordinal++) {
    const watched = state.watched?.get(ordinal);
    if (watched === undefined) return { type: "claim", ordinal, epoch: 1 };
    const { seat, changedMs, isTaken } = watched;
    const leaseMs = seat.leaseMs === 0 ? state.leaseMs : seat.leaseMs;
    const isOver = seat.released || nowMs - changedMs >= leaseMs;
    if (isOver) return { type: "claim", ordinal, epoch: seat.epoch + 1 };
    if (!isTaken) return { type: "wait", ordinal };
  }
  return { type: "full" };
}

/** The seat in force of each number. */
export function highestOf(seats: readonly Seat[]): Seat[] {
  const highest = new Map<number, Seat>();
  for (const seat of seats) {
    if ((highest.get(seat.ordinal)?.epoch ?? 0) < seat.epoch) highest.set(seat.ordinal, seat);
  }
  return [...highest.values()];
}

function isSame(a: Seat, b: Seat): boolean {
  return a.epoch === b.epoch && a.instance === b.instance && a.renewals === b.renewals && a.released === b.released;
}
