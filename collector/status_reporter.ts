import { messageOf } from "../core/errors.ts";
import { type CollectorStatus, writeStatus } from "../core/registry/status.ts";
import type { Clock } from "../core/runtime/env.ts";
import type { Store } from "../core/store/store.ts";
import type { Logger } from "../core/telemetry/log.ts";

/** How often the status is written, at most. */
export const reportMs = 2000;

export interface StatusReporterOptions {
  readonly store: Store;
  readonly place: { readonly clusterId: string; readonly namespace: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly status: () => CollectorStatus;
}

/** Writes a collector's status into the store whenever something in it changed, but no more often than every 2 s. */
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
    const { store, place, status, log } = this.#options;
    try {
      await writeStatus(store, place, status());
      this.#lastFailure = "";
    } catch (error) {
      this.#hasChanged = true;
      const reason = messageOf(error);
      if (reason !== this.#lastFailure) log.warn({ reason }, "cannot write the status; it is tried again");
      this.#lastFailure = reason;
    }
  }
}
