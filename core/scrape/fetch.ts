import type { Clock } from "../runtime/env.ts";
import { defaultAccess, refusalOf, type ScrapeAccess } from "./access.ts";
import { type BodyMemory, PooledBodyMemory } from "./plain/body_memory.ts";
import { PlainFetcher } from "./plain/plain_fetcher.ts";
import { isPlain } from "./plain/plain_request.ts";
import type { ScrapeRequest } from "./request.ts";
import { type TargetFetcher, unfetched } from "./target_fetcher.ts";
import { UndiciFetcher } from "./undici_fetcher.ts";

export type { TargetFetcher } from "./target_fetcher.ts";

/** Of all whose caller has no memory for bodies. */
const plainMemory = new PooledBodyMemory();

/**
 * A fetcher over a connection of its own, kept alive from scrape to scrape: straight over TCP for a plain scrape, by
 * undici for anything else. Both tell the same of a failure.
 * @param frequencyMs Interval of the scrapes, which the connection should survive.
 * @param access What the operator allows. Default: no secrets, no proxies, and no address that is denied by default.
 * @param memory Where bodies of plain scrapes lie. Default: plain memory, shared by all.
 */
export function makeFetcher(
  request: ScrapeRequest,
  frequencyMs: number,
  clock: Clock,
  access: ScrapeAccess = defaultAccess,
  memory: BodyMemory = plainMemory,
): TargetFetcher {
  const refusal = refusalOf(request, access);
  if (refusal !== null) {
    return { fetch: () => Promise.resolve({ ...unfetched(refusal.reason), refused: refusal.refused }), close() {} };
  }
  if (isPlain(request)) return new PlainFetcher(request, frequencyMs, clock, access, memory);
  return new UndiciFetcher(request, frequencyMs, clock, access);
}
