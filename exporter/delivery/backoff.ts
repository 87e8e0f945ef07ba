const backoffMsMin = 100;
const backoffMsMax = 30_000;
/** A destination may not put us off for longer. */
const retryAfterMsMax = 5 * 60_000;

/**
 * How long to wait before attempt `attempt` + 1: exponential with full jitter, uniform between 0 and 100 ms doubled
 * for each failed attempt, at most 30 s. `afterMs` is what the destination asked for: a lower bound, up to 5 minutes.
 * `random` is uniform in [0, 1).
 */
export function backoffMs(attempt: number, random: number, afterMs = 0): number {
  const ceiling = Math.min(backoffMsMax, backoffMsMin * 2 ** (attempt - 1));
  return Math.max(random * ceiling, Math.min(afterMs, retryAfterMsMax));
}
