import type { Clock } from "./env.ts";

/** Aborts its signal when its time has passed, unless it is cancelled or begun anew before. */
export class Deadline {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #cancel: () => void;
  ms: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.ms = ms;
    this.#cancel = clock.after(ms, () => this.#abort.abort());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get passed(): boolean {
    return this.#abort.signal.aborted;
  }

  restart(ms: number): void {
    this.#cancel();
    this.ms = ms;
    this.#cancel = this.#clock.after(ms, () => this.#abort.abort());
  }

  cancel(): void {
    this.#cancel();
  }
}
