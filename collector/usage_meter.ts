import type { Clock } from "../core/runtime/env.ts";

/** What a process uses, as the system tells it. */
export interface ProcessUsage {
  /** CPU time of user and system since its start. */
  cpuSeconds(): number;
  residentBytes(): number;
}

/** That of this process. */
export const ownUsage: ProcessUsage = {
  cpuSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
  residentBytes: () => process.memoryUsage().rss,
};

/** Rates over less than this say little. */
const windowMsMin = 1000;

/** How loaded a collector is, over the time between two readings: what autoscaling looks at. */
export class UsageMeter {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #process: ProcessUsage;
  #sinceMs: number;
  #cpuSeconds: number;
  #scrapes = 0;
  #latenessMs = 0;
  #last: { readonly cpuPercent?: number; readonly lagMs?: number } = {};

  constructor(clock: Pick<Clock, "monotonicMs">, usage: ProcessUsage = ownUsage) {
    this.#clock = clock;
    this.#process = usage;
    this.#sinceMs = clock.monotonicMs();
    this.#cpuSeconds = usage.cpuSeconds();
  }

  /** Notes by how much a scrape started late. */
  started(latenessMs: number): void {
    this.#scrapes += 1;
    this.#latenessMs += latenessMs;
  }

  /**
   * `cpuPercent` of one core and the mean `lagMs` since the last reading, and `residentBytes` now. What is not known
   * yet is left out: the CPU at the very first, the lag before the first scrape. Within a second of the last reading
   * its rates are told again.
   */
  read(): Record<string, number> {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= windowMsMin) {
      const cpuSeconds = this.#process.cpuSeconds();
      const cpuPercent = Math.round((cpuSeconds - this.#cpuSeconds) / elapsedMs * 1e6) / 10;
      const lagMs = this.#scrapes === 0 ? this.#last.lagMs : Math.round(this.#latenessMs / this.#scrapes * 10) / 10;
      this.#last = { cpuPercent, ...lagMs === undefined ? {} : { lagMs } };
      this.#sinceMs = nowMs;
      this.#cpuSeconds = cpuSeconds;
      this.#scrapes = 0;
      this.#latenessMs = 0;
    }
    return { ...this.#last, residentBytes: this.#process.residentBytes() };
  }
}
