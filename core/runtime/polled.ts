import { isDeepStrictEqual } from "node:util";
import { messageOf } from "../errors.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Clock } from "./env.ts";

export interface PolledOptions<T> {
  readonly clock: Clock;
  readonly log: Logger;
  /** How often it is looked at. */
  readonly everyMs: number;
  /** For the log when loading fails, such as "the tokens stay as they were". */
  readonly keptMessage: string;
  /** Tells the log of a new value; by default nothing is said. */
  tellRenewed?(value: T): void;
}

/**
 * Something that files hold, loaded anew from time to time. What cannot be loaded changes nothing: the last good value
 * stays, and the log says why, once. Files are read whole each time, so that a Secret's symbolic links are followed.
 */
export class Polled<T> {
  readonly #load: () => Promise<T>;
  readonly #options: PolledOptions<T>;
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;
  #problem: string | null = null;
  #failures = 0;
  #closed = false;
  #cancel: () => void;

  private constructor(load: () => Promise<T>, options: PolledOptions<T>, value: T) {
    this.#load = load;
    this.#options = options;
    this.#value = value;
    this.#cancel = this.#schedule();
  }

  /** Loads it a first time. @throws what `load` throws then. */
  static async open<T>(load: () => Promise<T>, options: PolledOptions<T>): Promise<Polled<T>> {
    return new Polled(load, options, await load());
  }

  /** The last good one. */
  get value(): T {
    return this.#value;
  }

  /** Why it could not be loaded the last time; null when it could. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Problems that came up since the start; one that stays counts once. */
  get failures(): number {
    return this.#failures;
  }

  /** Calls back with each new value. Returns what ends it. */
  onChange(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Loads it now. */
  async reload(): Promise<void> {
    let value: T;
    try {
      value = await this.#load();
    } catch (error) {
      this.#keep(messageOf(error));
      return;
    }
    this.#problem = null;
    if (isDeepStrictEqual(value, this.#value)) return;
    this.#value = value;
    this.#options.tellRenewed?.(value);
    for (const listener of this.#listeners) listener(value);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #keep(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#failures++;
    this.#options.log.error({ reason: problem }, this.#options.keptMessage);
  }

  #schedule(): () => void {
    return this.#options.clock.after(this.#options.everyMs, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    await this.reload();
    if (!this.#closed) this.#cancel = this.#schedule();
  }
}
