import { makeSchedule, type Moment, type ScheduledTarget, type ScheduleEvent, stepSchedule } from "../scheduler.ts";

export const startMs = 1_800_000_000_000;

interface Start {
  readonly key: string;
  readonly scheduledMs: number;
  readonly atMs: number;
  readonly latenessMs: number;
}

/** Runs a schedule in virtual time: timers fire exactly, scrapes take as long as `durationMs` says. */
export class ScheduleSimulation {
  wallMs = startMs;
  monotonicMs = 0;
  runningMost = 0;
  readonly starts: Start[] = [];
  readonly state;
  readonly #durationMs: (key: string) => number;
  #pending: { atMs: number; event: ScheduleEvent }[] = [];

  constructor(concurrencyMax = 200, durationMs: (key: string) => number = () => 5) {
    this.state = makeSchedule(concurrencyMax);
    this.#durationMs = durationMs;
  }

  assign(targets: readonly ScheduledTarget[]): void {
    this.#step({ type: "assigned", targets });
  }

  /** Lets time pass, firing what falls due. */
  advance(ms: number): void {
    const endMs = this.monotonicMs + ms;
    for (;;) {
      const next = this.#pending.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pending = this.#pending.filter((one) => one !== next);
      this.#moveTo(next.atMs);
      this.#step(next.event);
    }
    this.#moveTo(endMs);
  }

  /** The process stands still: time passes, nothing fires before its end. */
  stall(ms: number): void {
    this.#moveTo(this.monotonicMs + ms);
  }

  jumpWall(ms: number): void {
    this.wallMs += ms;
  }

  #moveTo(monotonicMs: number): void {
    if (monotonicMs <= this.monotonicMs) return;
    this.wallMs += monotonicMs - this.monotonicMs;
    this.monotonicMs = monotonicMs;
  }

  #step(event: ScheduleEvent): void {
    const now: Moment = { wallMs: this.wallMs, monotonicMs: this.monotonicMs };
    for (const effect of stepSchedule(this.state, event, now)) {
      if (effect.type === "arm") {
        this.#pending = this.#pending.filter((one) => one.event.type !== "timer");
        this.#pending.push({ atMs: this.monotonicMs + effect.delayMs, event: { type: "timer" } });
        continue;
      }
      const { key, scheduledMs, latenessMs } = effect;
      this.starts.push({ key, scheduledMs, latenessMs, atMs: this.wallMs });
      this.runningMost = Math.max(this.runningMost, this.state.running.size);
      this.#pending.push({ atMs: this.monotonicMs + this.#durationMs(key), event: { type: "finished", key } });
    }
  }
}
