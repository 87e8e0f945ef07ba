import { messageOf } from "../core/errors.ts";
import type { Clock } from "../core/runtime/env.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { type AddressSource, type ExporterRegistry, registryAddresses } from "./send/mod.ts";

/** How long to wait before what could not be opened is tried again. */
const retryMs = 5000;

/** Something, such as a store, that may be out of reach when the collector starts. */
export class Late<T extends { close(): Promise<void> }> {
  /** Resolves when it is open; it never rejects. */
  readonly opened: Promise<T>;
  readonly #open: () => Promise<T>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #resolveOpened: (opened: T) => void;
  #present: T | null = null;
  #closed = false;
  #cancelRetry = () => {};
  #trying: Promise<void> = Promise.resolve();

  constructor(open: () => Promise<T>, clock: Clock, log: Logger) {
    this.#open = open;
    this.#clock = clock;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<T>();
    this.opened = promise;
    this.#resolveOpened = resolve;
  }

  get isOpen(): boolean {
    return this.#present !== null;
  }

  /**
   * Opens it.
   * @param mayWait Whether a failure is only logged, and opening is tried again in the background until it succeeds.
   * @throws What opening threw, when it may not wait.
   */
  async start(mayWait: boolean): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      if (!mayWait) throw error;
      this.#log.warn({ reason: messageOf(error) }, "going on with the last assignment until the store can be opened");
      this.#retryLater();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#trying;
    await this.#present?.close();
  }

  async #take(): Promise<void> {
    const opened = await this.#open();
    if (this.#closed) {
      await opened.close();
      return;
    }
    this.#present = opened;
    this.#resolveOpened(opened);
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#cancelRetry = this.#clock.after(retryMs, () => {
      // The first failure was logged, and the next ones are the same until it is open.
      this.#trying = this.#take().catch(() => this.#retryLater());
    });
  }
}

/** The exporters of a registry that may be known only later. */
export function lateAddresses(registry: Promise<ExporterRegistry>): AddressSource {
  return {
    subscribe(onChange, onFailure) {
      let ended = false;
      let unsubscribe = () => {};
      void registry.then((known) => {
        if (!ended) unsubscribe = registryAddresses(known).subscribe(onChange, onFailure);
      });
      return () => {
        ended = true;
        unsubscribe();
      };
    },
  };
}
