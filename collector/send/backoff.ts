import type { Random } from "../../core/runtime/env.ts";

const baseMs = 100;
const capMs = 10_000;

/** The attempt from which on the delay no longer grows. */
export const lastGrowingAttempt: number = Math.ceil(Math.log2(capMs / baseMs));

/**
 * Milliseconds to wait before the next attempt to connect, `attempt` counting those that failed, from 0: a random
 * share ("full jitter") of 100 ms, 200 ms, 400 ms, … up to 10 s, so that collectors which lost the same exporter do
 * not come back all at once.
 */
export function backoffMs(attempt: number, random: Pick<Random, "float">): number {
  return random.float() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, lastGrowingAttempt));
}
