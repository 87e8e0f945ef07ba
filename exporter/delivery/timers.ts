import type { Clock } from "../../core/runtime/env.ts";

/** Timers that end together. */
export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns what cancels it. */
  after(delayMs: number, act: () => void): () => void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#pending.delete(cancel);
      act();
    });
    this.#pending.add(cancel);
    return () => {
      cancel();
      this.#pending.delete(cancel);
    };
  }

  cancelAll(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
  }

  /** Whether the work ended within the time. Rejects when the work does. */
  async within(work: Promise<void>, limitMs: number): Promise<boolean> {
    const limit = Promise.withResolvers<boolean>();
    const cancel = this.#clock.after(limitMs, () => limit.resolve(false));
    try {
      return await Promise.race([work.then(() => true), limit.promise]);
    } finally {
      cancel();
    }
  }
}
