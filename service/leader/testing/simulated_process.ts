import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";

/** What goes wrong around a simulated process. */
export interface Weather {
  /** Longest time that an operation takes before it happens, and again before its answer is there. */
  delayMsMax: number;
  /** Chance that an operation fails: half of them before it happens, half after. */
  failureChance: number;
}

/**
 * One process of a simulation: its clocks run a little fast or slow and are set otherwise than others', it may stand
 * still for a while, and what it asks of the outside takes its time or fails.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly #base: ManualClock;
  readonly #random: Random;
  readonly #weather: Weather;
  #wallSkewMs: number;
  #pausedUntilMs = 0;
  #killed = false;

  constructor(base: ManualClock, random: Random, weather: Weather) {
    this.#base = base;
    this.#random = random;
    this.#weather = weather;
    const rate = 0.98 + 0.04 * random.float();
    const offsetMs = random.float() * 1e9;
    this.#wallSkewMs = (random.float() - 0.5) * 1e7;
    this.clock = {
      monotonicMs: () => offsetMs + base.monotonicMs() * rate,
      wallMs: () => base.wallMs() + this.#wallSkewMs,
      after: (delayMs, run) => this.#after(delayMs / rate, run),
    };
  }

  get isKilled(): boolean {
    return this.#killed;
  }

  /** Stands still from now on; what it has asked for happens all the same. */
  pause(durationMs: number): void {
    this.#pausedUntilMs = this.#base.monotonicMs() + durationMs;
  }

  /** Stands still forever. */
  kill(): void {
    this.#killed = true;
  }

  setWallClock(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  /** The same object, reached from this process: every method takes time and may fail, and so do the objects it gives. */
  reach<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return async (...args: unknown[]) => {
          await this.#delay("before it happened");
          const result: unknown = await Reflect.apply(member, target, args);
          await this.#delay("after it happened");
          return isService(result) ? this.reach(result) : result;
        };
      },
    });
  }

  /** Resolves when something that comes from outside has reached this process. */
  async latency(): Promise<void> {
    const delayMs = this.#random.float() ** 4 * this.#weather.delayMsMax;
    await new Promise<void>((resolve) => this.#base.after(delayMs, () => this.#whenRunning(resolve)));
  }

  #after(delayMs: number, run: () => void): () => void {
    let cancelled = false;
    const cancel = this.#base.after(delayMs, () => this.#whenRunning(() => cancelled || run()));
    return () => {
      cancelled = true;
      cancel();
    };
  }

  #whenRunning(run: () => void): void {
    if (this.#killed) return;
    const restMs = this.#pausedUntilMs - this.#base.monotonicMs();
    if (restMs <= 0) run();
    else this.#base.after(restMs, () => this.#whenRunning(run));
  }

  async #delay(when: string): Promise<void> {
    const delayMs = this.#random.float() ** 4 * this.#weather.delayMsMax;
    const fails = this.#random.float() < this.#weather.failureChance / 2;
    // What has been asked for reaches the outside even when the process stands still; the answer does not reach it.
    if (delayMs > 0) {
      await new Promise<void>((resolve) => {
        this.#base.after(delayMs, when.startsWith("before") ? resolve : () => this.#whenRunning(resolve));
      });
    }
    if (fails) throw new Error(`the operation failed ${when}`);
  }
}

/** Whether a result is something with methods, such as an open file, and not data. */
function isService(value: unknown): value is object {
  return typeof value === "object" && value !== null && "close" in value;
}

/** Lets everything that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
