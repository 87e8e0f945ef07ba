import type { CollectionMetric, CollectionTarget } from "../core/config/schema.ts";
import type { TargetStatus } from "../core/registry/status.ts";
import { ownEndpoint } from "../core/scrape/mod.ts";
import type { Assignment } from "./assignment/mod.ts";
import type { Departures } from "./departures.ts";
import { identityKey, type ScheduledTarget, type TargetIdentity } from "./schedule/mod.ts";
import type { LiveSeries, ScrapeResult, TargetScraper } from "./scrape/mod.ts";

export type MakeScraper = (
  identity: TargetIdentity,
  metric: CollectionMetric,
  target: CollectionTarget,
  /** What the scraper before this one had, if there was one. */
  predecessor: () => LiveSeries | null,
) => TargetScraper;

interface Entry {
  /** All that a scraper depends on: another one is made when it changes. */
  readonly signature: string;
  /** That of the metric alone. */
  readonly metricSignature: string;
  readonly scraper: TargetScraper;
  readonly frequencyMs: number;
  /** From when on another collector has the target; null for never. */
  untilMs: number | null;
  status: TargetStatus;
  isScraping: boolean;
  /** No longer in the table: its scraper is closed as soon as no scrape runs. */
  isRetired: boolean;
}

export interface TargetTableOptions {
  readonly place: { readonly cluster: string; readonly namespace: string };
  /** Number of this start of the collector, which its sequence numbers belong to. */
  readonly epoch: bigint;
  readonly makeScraper: MakeScraper;
  /** Told of a target that an assignment lists twice; the first one counts. */
  readonly onDuplicate: (key: string) => void;
  /** Where targets go that are assigned to nobody here any more; null leaves their series as they are. */
  readonly departures: Departures | null;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** The targets of the assignment in force, each with its scraper and how it fares. */
export class TargetTable {
  readonly #options: TargetTableOptions;
  #entries = new Map<string, Entry>();
  /** Of the assignment that the entries are from; null without one. */
  #generation: number | null = null;

  constructor(options: TargetTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Makes these the targets and returns them for the schedule. Whatever did not change keeps its scraper, with its
   * connection and what it knows of the target's series; a scrape under way ends as it would have.
   */
  replace(assignment: Assignment | null): ScheduledTarget[] {
    const entries = new Map<string, Entry>();
    const scheduled: ScheduledTarget[] = [];
    for (const metric of assignment?.metrics ?? []) {
      const { targets, ...settings } = metric;
      const metricSignature = JSON.stringify(settings);
      for (const target of targets) {
        const identity = this.#identityOf(metric, target);
        const key = identityKey(identity);
        if (entries.has(key)) {
          this.#options.onDuplicate(key);
          continue;
        }
        entries.set(key, this.#entryFor(key, identity, metric, target, metricSignature));
        const { fromMs = null, untilMs = null } = target;
        const atOnce = this.#isNews(key, target, metricSignature);
        scheduled.push({ key, frequencyMs: metric.frequency * 1000, fromMs, untilMs, atOnce });
      }
    }
    const before = this.#entries;
    this.#entries = entries;
    this.#generation = assignment?.generation ?? null;
    for (const [key, entry] of before) {
      if (entries.get(key) === entry) continue;
      retire(entry);
      if (!entries.has(key)) this.#depart(key, entry);
    }
    return scheduled;
  }

  /** Scrapes a target and notes how it fared; null when it is no longer in the table, or the scrape was cut off. */
  async scrape(key: string): Promise<ScrapeResult | null> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    entry.isScraping = true;
    try {
      const result = await entry.scraper.scrape();
      if (result !== null) entry.status = statusAfter(entry.status, result, this.#options.epoch);
      return result;
    } finally {
      entry.isScraping = false;
      if (entry.isRetired) entry.scraper.close();
    }
  }

  statuses(): TargetStatus[] {
    return Array.from(this.#entries.values(), (entry) => entry.status);
  }

  countByHealth(): Record<TargetStatus["health"], number> {
    const counts = { up: 0, down: 0, unknown: 0 };
    for (const { status } of this.#entries.values()) counts[status.health]++;
    return counts;
  }

  /** Closes every scraper at once; scrapes under way come to nothing, and no series ends. */
  close(): void {
    this.#options.departures?.close();
    for (const entry of this.#entries.values()) entry.scraper.close();
    this.#entries.clear();
  }

  /** One that moved to another collector is scraped there: its series go on. */
  #depart(key: string, { scraper, frequencyMs, untilMs, isScraping }: Entry): void {
    const hasMoved = untilMs !== null && untilMs <= this.#options.nowMs();
    if (!hasMoved && (isScraping || scraper.live() !== null)) this.#options.departures?.add(key, scraper, frequencyMs);
  }

  /**
   * Whether the target is to be scraped without waiting for its tick: its metric's definition is another one, or it came
   * after what was in force here. One that comes from another collector was there before, and keeps its ticks.
   */
  #isNews(key: string, { addedIn }: CollectionTarget, metricSignature: string): boolean {
    const known = this.#entries.get(key);
    if (known !== undefined) return known.metricSignature !== metricSignature;
    return this.#generation !== null && addedIn !== undefined && addedIn > this.#generation;
  }

  #identityOf(metric: CollectionMetric, target: CollectionTarget): TargetIdentity {
    const { address, pod } = target;
    return { ...this.#options.place, metric: metric.name, address, pod, ...ownEndpoint(target) };
  }

  #entryFor(
    key: string,
    identity: TargetIdentity,
    metric: CollectionMetric,
    target: CollectionTarget,
    metricSignature: string,
  ): Entry {
    // From when and until when it is ours is the schedule's business.
    const { fromMs: _from, untilMs = null, addedIn: _addedIn, ...rest } = target;
    const signature = metricSignature + JSON.stringify(rest);
    const known = this.#entries.get(key);
    if (known?.signature === signature) {
      known.untilMs = untilMs;
      return known;
    }
    const predecessor = known === undefined ? this.#options.departures?.take(key) : () => known.scraper.live();
    return {
      signature,
      metricSignature,
      scraper: this.#options.makeScraper(identity, metric, target, predecessor ?? (() => null)),
      frequencyMs: metric.frequency * 1000,
      untilMs,
      status: known?.status ?? unknownStatus(identity),
      isScraping: false,
      isRetired: false,
    };
  }
}

function retire(entry: Entry): void {
  entry.isRetired = true;
  if (!entry.isScraping) entry.scraper.close();
}

function unknownStatus({ metric, address, pod, endpoint }: TargetIdentity): TargetStatus {
  const own = endpoint === undefined ? {} : { endpoint };
  return { metric, address, pod, ...own, health: "unknown", lastScrapeMs: 0, durationMs: 0, samples: 0, error: "" };
}

function statusAfter(before: TargetStatus, result: ScrapeResult, epoch: bigint): TargetStatus {
  return {
    ...before,
    health: result.health,
    lastScrapeMs: result.startedMs,
    durationMs: result.durationMs,
    samples: result.health === "up" ? result.samples : 0,
    bodyBytes: result.bodyBytes,
    epoch: String(epoch),
    sequence: result.sequence,
    error: result.reason,
  };
}
