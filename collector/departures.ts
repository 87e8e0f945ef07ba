import type { Clock } from "../core/runtime/env.ts";
import type { LiveSeries, TargetScraper } from "./scrape/mod.ts";

/** How many of its intervals after its last scrape a removed target's series end, as in Prometheus. */
const intervalsBeforeEnd = 2.1;
/** The least to wait, in intervals, when that moment is near or over. */
const intervalsAtLeast = 0.1;

interface Departure {
  readonly scraper: TargetScraper;
  readonly cancel: () => void;
}

/**
 * Targets that are assigned to nobody here any more. Their series are marked stale after two intervals and a tenth,
 * unless the target comes back before. A collector that stops marks nothing: its targets live on.
 */
export class Departures {
  readonly #clock: Clock;
  readonly #onEnded: (series: number) => void;
  readonly #pending = new Map<string, Departure>();

  /** @param onEnded is told how many series of a target were marked. */
  constructor(clock: Clock, onEnded: (series: number) => void) {
    this.#clock = clock;
    this.#onEnded = onEnded;
  }

  /** Targets whose series have yet to be marked. */
  get size(): number {
    return this.#pending.size;
  }

  add(key: string, scraper: TargetScraper, frequencyMs: number): void {
    this.take(key);
    const lastMs = scraper.live()?.startedMs ?? this.#clock.wallMs();
    const leftMs = lastMs + intervalsBeforeEnd * frequencyMs - this.#clock.wallMs();
    // The wall clock may have jumped since the last scrape.
    const delayMs = Math.min(intervalsBeforeEnd * frequencyMs, Math.max(intervalsAtLeast * frequencyMs, leftMs));
    const cancel = this.#clock.after(delayMs, () => {
      this.#pending.delete(key);
      this.#onEnded(scraper.end());
    });
    this.#pending.set(key, { scraper, cancel });
  }

  /** Keeps a target that came back from being marked; what it had, or null when it was not among these. */
  take(key: string): (() => LiveSeries | null) | null {
    const departure = this.#pending.get(key);
    if (departure === undefined) return null;
    this.#pending.delete(key);
    departure.cancel();
    return () => departure.scraper.live();
  }

  /** Marks nothing any more. */
  close(): void {
    for (const { cancel } of this.#pending.values()) cancel();
    this.#pending.clear();
  }
}
