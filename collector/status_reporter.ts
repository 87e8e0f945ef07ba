import { messageOf } from "../core/errors.ts";
import type { CollectorStatus } from "../core/registry/status.ts";
import type { Clock } from "../core/runtime/env.ts";
import type { Logger } from "../core/telemetry/log.ts";

/** How often the status is told, at most. */
export const reportMs = 2000;

export interface StatusReporterOptions {
  /** Puts the status where the services see it. */
  readonly write: (status: CollectorStatus) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly status: () => CollectorStatus;
}

/** Tells a collector's status whenever something in it changed, but no more often than every 2 s. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  #hasChanged = true;
  #lastFailure = "";
  #closed = false;
  #writing: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  /** Begins to report; resolves after the first report. */
  start(): Promise<void> {
    this.#writing = this.#report();
    return this.#writing;
  }

  /** Something changed: the next report tells of it. */
  changed(): void {
    this.#hasChanged = true;
  }

  /** Writes what has changed, a last time. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#writing;
    await this.#write();
  }

  async #report(): Promise<void> {
    await this.#write();
    if (this.#closed) return;
    this.#cancelTimer = this.#options.clock.after(reportMs, () => {
      this.#writing = this.#report();
    });
  }

  async #write(): Promise<void> {
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    const { write, status, log } = this.#options;
    try {
      await write(status());
      this.#lastFailure = "";
    } catch (error) {
      this.#hasChanged = true;
      const reason = messageOf(error);
      if (reason !== this.#lastFailure) log.warn({ reason }, "cannot write the status; it is tried again");
      this.#lastFailure = reason;
    }
  }
}
