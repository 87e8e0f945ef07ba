import { messageOf } from "../../errors.ts";
import type { Clock } from "../../runtime/env.ts";
import { pause } from "../../runtime/pause.ts";
import { inBackground } from "../../runtime/process.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Seat } from "./seat.ts";
import { choose, makeSeatChoiceState, see } from "./seat_choice.ts";
import type { Seats } from "./stored_seats.ts";

export interface ClaimOptions {
  readonly seats: Seats;
  readonly clock: Clock;
  readonly log: Logger;
  /** Random for each start of the process. */
  readonly instance: string;
  /** How long others wait without seeing a renewal; 15 s by default. */
  readonly leaseMs?: number;
  /** Ends the search. */
  readonly signal: AbortSignal;
}

const leaseMsDefault = 15_000;
/** How much of a lease its holder uses. The rest is what clocks may drift apart, and what a scrape under way may take. */
export const actingShare = 0.8;

/** A number that is this process' own, as long as it is not lost. */
export interface ClaimedOrdinal {
  readonly ordinal: number;
  /** Is aborted when the number may be another's from now on: whoever uses it has to stop at once. */
  readonly lost: AbortSignal;
  /** Gives it back; whoever used it has stopped. */
  release(): Promise<void>;
}

/**
 * Claims the lowest free number among the collectors of a workload, and keeps it until it is released or lost. Waits as
 * long as it takes: while the store cannot be read nothing can be claimed. Null when the signal was aborted before.
 */
export async function claimOrdinal(options: ClaimOptions): Promise<ClaimedOrdinal | null> {
  const { seats, clock, log, leaseMs = leaseMsDefault, signal } = options;
  const state = makeSeatChoiceState(leaseMs);
  let told = "";
  const tell = (message: string, fields: Record<string, unknown>) => {
    if (message !== told) log.info(fields, message);
    told = message;
  };
  while (!signal.aborted) {
    let pauseMs = leaseMs / 10;
    try {
      see(state, await seats.list(), clock.monotonicMs());
      const chosen = choose(state, clock.monotonicMs());
      if (chosen.type === "claim") {
        const startedAt = now(clock);
        const { ordinal, epoch } = chosen;
        const seat: Seat = { ordinal, epoch, instance: options.instance, leaseMs, renewals: 0, released: false };
        if (await seats.claim(seat)) return new Holder(options, seat, leaseMs, startedAt);
        // Somebody else was faster: the next number may be free.
        pauseMs = leaseMs / 100;
      } else {
        tell("waiting for a number", chosen);
      }
    } catch (error) {
      see(state, null, clock.monotonicMs());
      tell("cannot ask the store for a number; trying again", { reason: messageOf(error) });
    }
    await pause(clock, pauseMs, signal);
  }
  return null;
}

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

function now(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

class Holder implements ClaimedOrdinal {
  readonly #options: ClaimOptions;
  readonly #leaseMs: number;
  readonly #lost = new AbortController();
  readonly #closed = new AbortController();
  readonly #work: Promise<void>;
  #seat: Seat;
  #renewedAt: Moment;
  #cancelEnd = () => {};

  constructor(options: ClaimOptions, seat: Seat, leaseMs: number, startedAt: Moment) {
    this.#options = options;
    this.#seat = seat;
    this.#leaseMs = leaseMs;
    this.#renewedAt = startedAt;
    this.#planEnd();
    this.#work = this.#keep();
    inBackground(options.log, "keeping the collector's number", this.#work);
  }

  get ordinal(): number {
    return this.#seat.ordinal;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    this.#closed.abort();
    this.#cancelEnd();
    await this.#work;
    if (this.#lost.signal.aborted) return;
    try {
      await this.#options.seats.renew({ ...this.#seat, renewals: this.#seat.renewals + 1, released: true });
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.warn({ reason }, "giving back the collector's number failed; its lease will run out");
    }
  }

  async #keep(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closed;
    while (true) {
      await pause(clock, this.#leaseMs / 5, signal);
      if (signal.aborted || this.#lost.signal.aborted) return;
      const startedAt = now(clock);
      const next = { ...this.#seat, renewals: this.#seat.renewals + 1 };
      try {
        if (!(await this.#options.seats.renew(next))) return this.#lose("another process has it");
      } catch (error) {
        // Whether it was written is not known; the next one is another in any case.
        log.debug({ reason: messageOf(error) }, "renewing the collector's number failed");
        this.#seat = next;
        if (this.#isOver()) return this.#lose(messageOf(error));
        continue;
      }
      this.#seat = next;
      // A renewal that came too late is no proof: meanwhile it may have been another's.
      if (this.#isOver()) return this.#lose("it was renewed too late");
      this.#renewedAt = startedAt;
      this.#planEnd();
    }
  }

  /** The wall clock counts too, since it runs on while a machine sleeps. */
  #isOver(): boolean {
    const { monotonicMs, wallMs } = now(this.#options.clock);
    const passedMs = Math.max(monotonicMs - this.#renewedAt.monotonicMs, wallMs - this.#renewedAt.wallMs);
    return passedMs >= actingShare * this.#leaseMs;
  }

  #planEnd(): void {
    this.#cancelEnd();
    this.#cancelEnd = this.#options.clock.after(actingShare * this.#leaseMs, () => this.#lose("it was not renewed"));
  }

  #lose(reason: string): void {
    this.#cancelEnd();
    if (this.#lost.signal.aborted || this.#closed.signal.aborted) return;
    this.#options.log.error({ ordinal: this.#seat.ordinal, reason }, "the collector's number is lost");
    this.#lost.abort();
  }
}
