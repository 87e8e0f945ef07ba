import type { FetchOutcome } from "./exchange.ts";
import type { BodyListener } from "./plain/plain_exchange.ts";

/** Fetches from one target, again and again. */
export interface TargetFetcher {
  /**
   * Performs the request; never rejects. One call at a time.
   * @param onBody is told of a body that comes in pieces, where the way of fetching can tell; for an early look only,
   * since the outcome may still be a failure, or that of another attempt.
   */
  fetch(onBody?: BodyListener): Promise<FetchOutcome>;
  /** Closes the connection; a fetch under way fails. */
  close(): void;
}

/** Longest time that an idle connection is kept for the next scrape. */
export const keepAliveMsMax: number = 10 * 60 * 1000;

export const closedReason = "the collector no longer scrapes this target";

/** The outcome of a request that was not made, or that led nowhere. */
export function unfetched(reason: string, status = 0): FetchOutcome & { readonly ok: false } {
  return { ok: false, reason, status, unanswered: false };
}
