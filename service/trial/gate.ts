/** Trials under way at once, of all callers. */
export const trialsMax = 8;

/** Lets each caller make one trial at a time, and all of them a few: a trial makes this process fetch and parse. */
export class TrialGate {
  readonly #callers = new Set<string>();

  /** Null when the caller has to wait; else what is to be called when the trial has ended. */
  enter(caller: string): (() => void) | null {
    if (this.#callers.has(caller) || this.#callers.size >= trialsMax) return null;
    this.#callers.add(caller);
    return () => void this.#callers.delete(caller);
  }
}
