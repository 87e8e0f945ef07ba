import { type ChaosSystem, seriesEach } from "./chaos_system.ts";
import type { DeliveredScrapes } from "./delivered_scrapes.ts";

/** A target's clock may be asked so long after the scrape began. */
const answeredWithinMs = 1500;

/**
 * Scrapes that are not there although a later one of the same target by the same start of its collector is: what a
 * start has made it has made in order, so that a killing can cost only its last.
 */
export function holes(system: ChaosSystem, delivered: DeliveredScrapes): string[] {
  return missingScrapes(system, delivered, ({ run, runOfNextThere }) => run === runOfNextThere);
}

/** Scrapes, up to these numbers of all targets, that the last starts of the collectors did and that are not there. */
export function lastMissing(system: ChaosSystem, delivered: DeliveredScrapes, numbers: readonly number[]): string[] {
  return missingScrapes(
    system,
    delivered,
    ({ collector, run, number, target }) => run === system.lastRun(collector) && number <= (numbers[target] ?? 0),
  );
}

/** How many scrapes of each target there were. */
export function scrapeCounts(system: ChaosSystem): number[] {
  return system.targets.flat().map(({ times }) => times.length);
}

interface MissingScrape {
  readonly collector: number;
  /** Index among all targets. */
  readonly target: number;
  readonly number: number;
  /** Which start of the collector did it. */
  readonly run: number;
  /** Which start did the next one that is there; -1 when there is none. */
  readonly runOfNextThere: number;
}

function missingScrapes(
  system: ChaosSystem,
  delivered: DeliveredScrapes,
  isWanted: (missing: MissingScrape) => boolean,
): string[] {
  const found: string[] = [];
  let target = -1;
  for (const [collector, mine] of system.targets.entries()) {
    for (const { address, times } of mine) {
      target++;
      const failed = delivered.failed.get(address) ?? [];
      let runOfNextThere = -1;
      for (let number = times.length; number > 0; number--) {
        const timeMs = times[number - 1] ?? 0;
        const run = system.runAt(collector, timeMs);
        if (delivered.numbers.get(address)?.get(number) === seriesEach) {
          runOfNextThere = run;
        } else if (isWanted({ collector, target, number, run, runOfNextThere }) && !hasFailed(failed, timeMs)) {
          found.push(`${address} number ${number} of run ${run}`);
        }
      }
    }
  }
  return found;
}

/** Whether the collector says that the scrape that reached the target then came to nothing. */
function hasFailed(failed: readonly number[], timeMs: number): boolean {
  return failed.some((timestampMs) => timestampMs <= timeMs && timestampMs > timeMs - answeredWithinMs);
}
