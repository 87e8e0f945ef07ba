import type { Clock } from "../../core/runtime/env.ts";
import { NotTakenError } from "./export_route.ts";

/** How long a record may take to become durable before its sender is told to try again. */
const waitMaxMs = 30_000;

interface Waiter {
  readonly index: number;
  settle(problem: string | null): void;
}

/** Those who wait for a record of theirs to be durable, oldest first. */
export class DurableWaiters {
  readonly #clock: Clock;
  #waiters: Waiter[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws NotTakenError after 30 s, or when it is given up. */
  wait(index: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(waitMaxMs, () => reject(new NotTakenError("the log is too slow")));
    const settle = (problem: string | null) => {
      cancel();
      if (problem === null) resolve();
      else reject(new NotTakenError(problem));
    };
    this.#waiters.push({ index, settle });
    return promise;
  }

  /** All up to this index of the log are durable. */
  durable(index: number): void {
    const done = this.#waiters.findIndex((waiter) => waiter.index > index);
    for (const waiter of this.#waiters.splice(0, done === -1 ? this.#waiters.length : done)) waiter.settle(null);
  }

  giveUp(problem: string): void {
    for (const waiter of this.#waiters.splice(0)) waiter.settle(problem);
  }
}
