import { messageOf } from "../core/errors.ts";
import type { Registry } from "../core/registry/records.ts";
import type { Clock } from "../core/runtime/env.ts";
import type { Store } from "../core/store/store.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { type AddressSource, registryAddresses } from "./send/mod.ts";

/** How long to wait before a store that could not be opened is tried again. */
const retryMs = 5000;

/** A store that may be out of reach when the collector starts. */
export class LateStore {
  /** Resolves when the store is open; it never rejects. */
  readonly opened: Promise<Store>;
  readonly #open: () => Promise<Store>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #resolveOpened: (store: Store) => void;
  #store: Store | null = null;
  #closed = false;
  #cancelRetry = () => {};
  #trying: Promise<void> = Promise.resolve();

  constructor(open: () => Promise<Store>, clock: Clock, log: Logger) {
    this.#open = open;
    this.#clock = clock;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<Store>();
    this.opened = promise;
    this.#resolveOpened = resolve;
  }

  get isOpen(): boolean {
    return this.#store !== null;
  }

  /**
   * Opens the store.
   * @param mayWait Whether a failure is only logged, and opening is tried again in the background until it succeeds.
   * @throws What opening threw, when it may not wait.
   */
  async start(mayWait: boolean): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      if (!mayWait) throw error;
      this.#log.warn({ reason: messageOf(error) }, "going on without the volume until it can be opened");
      this.#retryLater();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#trying;
    await this.#store?.close();
  }

  async #take(): Promise<void> {
    const store = await this.#open();
    if (this.#closed) {
      await store.close();
      return;
    }
    this.#store = store;
    this.#resolveOpened(store);
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
export function lateAddresses(registry: Promise<Pick<Registry, "watch">>): AddressSource {
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
