import type { Clock } from "../../core/runtime/env.ts";
import {
  makeSchedule,
  type Moment,
  type ScheduledTarget,
  type ScheduleEvent,
  type ScheduleState,
  stepSchedule,
} from "./scheduler.ts";

/** How many scrapes run at once, by default; more wait in order. */
export const concurrencyMaxDefault = 200;

export interface ScheduleLoopOptions {
  readonly clock: Clock;
  readonly concurrencyMax: number;
  /**
   * Scrapes the target; the promise ends the scrape, and must not reject.
   * @param latenessMs From the end of the tick's slot to now.
   */
  readonly scrape: (key: string, scheduledMs: number, latenessMs: number) => Promise<void>;
}

/** Runs a schedule by a real clock: one timer, and a scrape for every start. */
export class ScheduleLoop {
  readonly #options: ScheduleLoopOptions;
  readonly #state: ScheduleState;
  #cancelTimer = () => {};
  #stopped = false;

  constructor(options: ScheduleLoopOptions) {
    this.#options = options;
    this.#state = makeSchedule(options.concurrencyMax);
  }

  /** Ticks at which a target was not scraped, and jumps of the wall clock, since the start. */
  get counts(): { readonly missedTicks: number; readonly clockJumps: number } {
    return this.#state;
  }

  /** Scrapes that run, and that are due but wait for one of those to end. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#state.running.size, waiting: this.#state.waiting.size };
  }

  /** These are the targets from now on. */
  assign(targets: readonly ScheduledTarget[]): void {
    this.#step({ type: "assigned", targets });
  }

  /** Starts nothing any more; scrapes that run are the caller's to end. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  #step(event: ScheduleEvent): void {
    if (this.#stopped) return;
    for (const effect of stepSchedule(this.#state, event, this.#now())) {
      if (effect.type === "arm") {
        this.#cancelTimer();
        this.#cancelTimer = this.#options.clock.after(effect.delayMs, () => this.#step({ type: "timer" }));
        continue;
      }
      const { key, scheduledMs, latenessMs } = effect;
      void this.#options.scrape(key, scheduledMs, latenessMs).then(() => this.#step({ type: "finished", key }));
    }
  }

  #now(): Moment {
    return { wallMs: this.#options.clock.wallMs(), monotonicMs: this.#options.clock.monotonicMs() };
  }
}
