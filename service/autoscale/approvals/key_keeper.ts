import { messageOf } from "../../../core/errors.ts";
import type { Clock } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Secret } from "../../../core/secrets/secret.ts";
import type { Logger } from "../../../core/telemetry/log.ts";

const retryMs = 5000;

/** The key of links, which may be in a store that cannot be reached yet: then it is tried again until it is there. */
export class KeyKeeper {
  readonly #open: () => Promise<Secret>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #key: Secret | null = null;
  #reason = "";
  #closed = false;
  #cancel = () => {};
  #opening: Promise<void> = Promise.resolve();

  constructor(open: () => Promise<Secret>, clock: Clock, log: Logger) {
    this.#open = open;
    this.#clock = clock;
    this.#log = log;
  }

  /** Null while it is not there; then there are no links, and none is good. */
  current(): Secret | null {
    return this.#key;
  }

  start(): void {
    this.#opening = this.#try();
    inBackground(this.#log, "getting the key of links", this.#opening);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#opening;
  }

  async #try(): Promise<void> {
    try {
      this.#key = await this.#open();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#reason) this.#log.warn({ reason }, "no key for the links of plans yet; it is tried again");
      this.#reason = reason;
      if (!this.#closed) this.#cancel = this.#clock.after(retryMs, () => this.start());
    }
  }
}
