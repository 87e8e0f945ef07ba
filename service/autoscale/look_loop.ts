import type { Clock } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";

/** Changes are gathered for so long. */
const gatherMs = 200;

export interface LookLoopOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly periodMs: number;
  run(): Promise<void>;
}

/** Runs one look after another: every period, and soon after a change. */
export class LookLoop {
  readonly #options: LookLoopOptions;
  #cancel = () => {};
  #dueMs = Infinity;
  #running: Promise<void> | null = null;
  #changedMeanwhile = false;
  #closed = false;

  constructor(options: LookLoopOptions) {
    this.#options = options;
  }

  changed(): void {
    if (this.#running !== null) this.#changedMeanwhile = true;
    else this.#plan(gatherMs);
  }

  /** Waits for the look that runs now and starts no other. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
  }

  #plan(delayMs: number): void {
    const { clock, log } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#closed || dueMs >= this.#dueMs) return;
    this.#cancel();
    this.#dueMs = dueMs;
    this.#cancel = clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      this.#running = this.#run();
      inBackground(log, "looking at the collectors' usage", this.#running);
    });
  }

  async #run(): Promise<void> {
    this.#changedMeanwhile = false;
    try {
      await this.#options.run();
    } catch (error) {
      this.#options.log.error({ err: error }, "looking at the collectors' usage failed; it is tried again");
    }
    this.#running = null;
    this.#plan(this.#changedMeanwhile ? gatherMs : this.#options.periodMs);
  }
}
