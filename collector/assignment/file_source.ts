import { messageOf } from "../../core/errors.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Store, StoreEvent, Watch } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { AssignmentSource, SourceEvent } from "./source.ts";

/** How long to wait before looking again whether an empty store has filled. */
const recheckMs = 5000;

export interface FileSourceOptions {
  readonly store: Store;
  /** Of the collection, such as `BCS-K8S-00001/collection/shop/bcs-collector-shop-0.yaml`. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Follows a collection in the store.
 *
 * A collection that is not there at the start says nothing as long as the store holds nothing of the cluster: a
 * volume that is not mounted looks like that.
 */
export class FileSource implements AssignmentSource {
  readonly #options: FileSourceOptions;
  #onEvent: (event: SourceEvent) => void = () => {};
  #watch: Watch | null = null;
  #seen = false;
  #present = false;
  #closed = false;
  #cancelRecheck = () => {};

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  async start(onEvent: (event: SourceEvent) => void): Promise<void> {
    this.#onEvent = (event) => {
      if (!this.#closed) onEvent(event);
    };
    this.#watch = await this.#options.store.watch(this.#options.path, (event) => this.#take(event));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRecheck();
    await this.#watch?.close();
  }

  #take(event: StoreEvent): void {
    switch (event.type) {
      case "put":
        if (event.entry.path !== this.#options.path) return;
        this.#seen = this.#present = true;
        this.#onEvent({ type: "document", text: event.entry.text });
        return;
      case "delete":
        if (event.path !== this.#options.path) return;
        this.#present = false;
        this.#onEvent({ type: "absent" });
        return;
      case "unreadable":
        if (event.path !== this.#options.path) return;
        this.#seen = this.#present = true;
        this.#onEvent({ type: "unreadable", reason: event.reason });
        return;
      case "synced":
        this.#onEvent({ type: "available" });
        if (this.#seen && !this.#present) this.#onEvent({ type: "absent" });
        else if (!this.#seen) this.#recheck();
        return;
      case "unavailable":
        this.#onEvent({ type: "unavailable", reason: event.reason });
        return;
    }
  }

  /** Finds out whether a collection that was never seen is absent, or everything is. */
  #recheck(): void {
    this.#cancelRecheck();
    inBackground(this.#options.log, "looking for the collection", this.#lookAround());
  }

  async #lookAround(): Promise<void> {
    const { store, path, clock } = this.#options;
    const cluster = path.slice(0, path.indexOf("/") + 1);
    let reason = `the store holds nothing of "${cluster}" yet`;
    let holdsSomething = false;
    try {
      holdsSomething = (await store.list(cluster)).length > 0;
    } catch (error) {
      reason = messageOf(error);
    }
    if (this.#closed || this.#seen) return;
    if (holdsSomething) {
      this.#onEvent({ type: "absent" });
      return;
    }
    this.#onEvent({ type: "unavailable", reason });
    this.#cancelRecheck = clock.after(recheckMs, () => this.#recheck());
  }
}
