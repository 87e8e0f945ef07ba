import type { Clock } from "../core/runtime/env.ts";
import { inBackground } from "../core/runtime/process.ts";
import type { Logger } from "../core/telemetry/log.ts";

/** Changes are gathered for so long, since they seldom come alone. */
export const gatherMs = 100;
const retryMsMin = 1000;
const retryMsMax = 30_000;

export interface RunLoopOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** For the log, such as `reconciliation`. */
  readonly what: string;
  /** Everything is looked at anew this often, whether or not a change was seen. */
  readonly periodMs: number;
  /** Returns whether everything was done; if not, or if it throws, it is tried again soon. */
  run(): Promise<boolean>;
}

/** Runs the same thing again and again, never twice at once: soon after each change or failure, and every period. */
export class RunLoop {
  readonly #options: RunLoopOptions;
  #cancelTimer = () => {};
  /** Monotonic time of the next run; Infinity while none is planned. */
  #dueMs = Infinity;
  #running: Promise<void> | null = null;
  #changedMeanwhile = false;
  #failures = 0;
  #closed = false;

  constructor(options: RunLoopOptions) {
    this.#options = options;
  }

  /** Something changed: a run follows within {@link gatherMs}, or after the one that runs now. */
  changed(): void {
    if (this.#running !== null) this.#changedMeanwhile = true;
    else this.#plan(gatherMs);
  }

  /** Another run is due after so long, unless one comes earlier: then it is to be asked for again. */
  wakeAfter(delayMs: number): void {
    if (delayMs < this.#options.periodMs) this.#plan(Math.max(gatherMs, delayMs));
  }

  /** Waits for the run that is under way and starts no other. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#running;
  }

  /** Plans the next run, unless an earlier one is planned already. */
  #plan(delayMs: number): void {
    const { clock, log, what } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#closed || dueMs >= this.#dueMs) return;
    this.#cancelTimer();
    this.#dueMs = dueMs;
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      this.#running = this.#run();
      inBackground(log, what, this.#running);
    });
  }

  async #run(): Promise<void> {
    this.#changedMeanwhile = false;
    const done = await this.#runOnce();
    this.#failures = done ? 0 : this.#failures + 1;
    this.#running = null;
    const { periodMs } = this.#options;
    const retryMs = Math.min(periodMs, retryMsMax, retryMsMin * 2 ** (this.#failures - 1));
    this.#plan(this.#changedMeanwhile ? gatherMs : done ? periodMs : retryMs);
  }

  async #runOnce(): Promise<boolean> {
    const { what, log } = this.#options;
    try {
      return await this.#options.run();
    } catch (error) {
      log.error({ err: error }, `${what} failed; it is tried again`);
      return false;
    }
  }
}
