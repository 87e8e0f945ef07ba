import type { CollectorStatus, TargetStatus } from "../../core/registry/status.ts";
import { targetKey } from "../../core/registry/status_delta.ts";
import { assignByCost, unevenShare } from "../assign/assign_by_cost.ts";

/** Loads have to be uneven for so long before targets move for balance alone. */
export const unevenMs = 60_000;
/** The part of a new observation in what a target is taken to cost. */
const smoothing = 0.2;

/** What a scrape costs whatever it brings, and what a byte and a millisecond cost, all in samples. */
const scrapeCost = 20;
const byteCost = 1 / 64;
const millisecondCost = 1;

/** What a reconciliation remembers where the balance is by cost. */
export interface BalanceMemory {
  /** By target. */
  readonly costs: ReadonlyMap<string, KnownCost>;
  /** Unix milliseconds; null while the loads are even. */
  readonly unevenSinceMs: number | null;
}

interface KnownCost {
  /** Per second. */
  readonly cost: number;
  readonly lastScrapeMs: number;
}

export const emptyBalanceMemory: BalanceMemory = { costs: new Map(), unevenSinceMs: null };

export interface BalanceInputs {
  readonly collectors: readonly string[];
  /** Seconds between scrapes, by target. */
  readonly frequencies: ReadonlyMap<string, number>;
  readonly owners: ReadonlyMap<string, string>;
  readonly statuses: readonly CollectorStatus[];
  readonly memory: BalanceMemory;
  readonly nowMs: number;
}

/**
 * Divides targets by their observed cost: samples, bytes and duration of their scrapes, smoothed. Targets move for
 * balance only when the loads have been uneven for {@link unevenMs}, or a collector has nothing to do.
 *
 * @returns with `nextLookMs` the Unix milliseconds when targets may be moved though nothing else changes.
 */
export function balanceByCost(inputs: BalanceInputs): {
  readonly held: Map<string, string[]>;
  readonly memory: BalanceMemory;
  readonly nextLookMs: number;
} {
  const { collectors, frequencies, owners, memory, nowMs } = inputs;
  const costs = observe(inputs);
  const known = [...costs.values()].map(({ cost }) => cost);
  // What was never scraped is taken for one like the others.
  const mean = known.length === 0 ? 1 : known.reduce((sum, cost) => sum + cost, 0) / known.length;
  const costOf = (target: string) => costs.get(target)?.cost ?? mean;
  let unevenSinceMs: number | null = null;
  const { held } = assignByCost([...frequencies.keys()], collectors, owners, costOf, ({ uneven, hasIdle }) => {
    if (uneven > unevenShare) unevenSinceMs = memory.unevenSinceMs ?? nowMs;
    return hasIdle || (unevenSinceMs !== null && nowMs >= unevenSinceMs + unevenMs);
  });
  const dueMs = unevenSinceMs === null ? Infinity : unevenSinceMs + unevenMs;
  return { held, memory: { costs, unevenSinceMs }, nextLookMs: dueMs > nowMs ? dueMs : Infinity };
}

/** The costs after what the collectors tell now; a scrape is taken into account once. */
function observe({ frequencies, statuses, memory }: BalanceInputs): Map<string, KnownCost> {
  const costs = new Map([...memory.costs].filter(([target]) => frequencies.has(target)));
  for (const status of statuses.flatMap((one) => one.targets)) {
    const target = targetKey(status);
    const frequency = frequencies.get(target);
    const before = costs.get(target);
    // A scrape that failed says nothing of what the target costs when it is up.
    if (frequency === undefined || status.health !== "up") continue;
    if (before !== undefined && before.lastScrapeMs >= status.lastScrapeMs) continue;
    const observed = scrapeCostOf(status) / frequency;
    const cost = before === undefined ? observed : before.cost + smoothing * (observed - before.cost);
    costs.set(target, { cost, lastScrapeMs: status.lastScrapeMs });
  }
  return costs;
}

function scrapeCostOf({ samples, durationMs, bodyBytes = 0 }: TargetStatus): number {
  return scrapeCost + samples + bodyBytes * byteCost + durationMs * millisecondCost;
}
