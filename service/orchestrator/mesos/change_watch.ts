import { messageOf } from "../../../core/errors.ts";
import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";

export interface ChangeWatchOptions {
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  /** What is watched, as JSON. */
  look(): Promise<unknown>;
  onChange(): void;
  /** Between two looks, with jitter; 10 s by default. */
  readonly pollMs?: number;
}

const pollMsDefault = 10_000;
/** Several events of one change are one look. */
const gatherMs = 100;
/** While something has just changed more is to come, such as an instance that begins to run: looks follow faster. */
const livelyMs = 1000;

/**
 * Tells of changes of what can only be listed: looks now and then, and soon after a hint. A look that fails is a change
 * when the one before did not, since whoever is told may then show that nothing is known.
 */
export class ChangeWatch {
  readonly #options: ChangeWatchOptions;
  readonly #abort = new AbortController();
  #cancel: () => void;
  #last: string | null = null;
  #work: Promise<void> | null = null;
  #again = false;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
    this.#cancel = options.clock.after(0, () => this.#look());
  }

  /** Is aborted when the watch is closed. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something may have changed. */
  lookSoon(): void {
    if (this.#work !== null) this.#again = true;
    else this.#wait(gatherMs);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#cancel();
    await this.#work;
  }

  #look(): void {
    this.#again = false;
    this.#work = this.#compare().then((changed) => {
      this.#work = null;
      if (this.#again) return this.#wait(gatherMs);
      const { pollMs = pollMsDefault, random } = this.#options;
      this.#wait(changed ? Math.min(livelyMs, pollMs) : pollMs * (0.75 + random.float() / 2));
    });
  }

  async #compare(): Promise<boolean> {
    let now: string;
    try {
      now = JSON.stringify(await this.#options.look());
    } catch (error) {
      now = "";
      if (this.#last !== "") {
        this.#options.log.warn({ reason: messageOf(error) }, "cannot look at the collector workloads; trying again");
      }
    }
    const changed = now !== this.#last;
    // The first look tells, too: what has changed since whoever watches has listed cannot be known.
    this.#last = now;
    if (changed && !this.#abort.signal.aborted) this.#options.onChange();
    return changed;
  }

  #wait(ms: number): void {
    if (this.#abort.signal.aborted) return;
    this.#cancel();
    this.#cancel = this.#options.clock.after(ms, () => this.#look());
  }
}
