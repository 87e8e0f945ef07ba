import { Client } from "undici";
import type { Clock } from "../runtime/env.ts";
import { deniedAddress, lookupAllowed } from "./denied_addresses.ts";
import { Exchange, type FetchOutcome } from "./exchange.ts";
import type { ScrapeRequest } from "./request.ts";

/** Fetches from one target, again and again. */
export interface TargetFetcher {
  /** Performs the request; never rejects. One call at a time. */
  fetch(): Promise<FetchOutcome>;
  /** Closes the connection; a fetch under way fails. */
  close(): void;
}

/** Longest time that an idle connection is kept for the next scrape. */
const keepAliveMsMax = 10 * 60 * 1000;

const closedReason = "the collector no longer scrapes this target";

/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

/**
 * A fetcher over a connection of its own, kept alive from scrape to scrape. Any failure destroys the connection, so
 * that neither an unread body nor a hanging connection attempt outlives its scrape.
 *
 * undici's own timeouts are coarse and start anew at each stage: `clock` measures one deadline over all of them.
 * @param frequencyMs Interval of the scrapes, which the connection should survive.
 */
export function makeFetcher(request: ScrapeRequest, frequencyMs: number, clock: Clock): TargetFetcher {
  let client: Client | null = null;
  let current: Exchange | null = null;
  let closed = false;

  const attempt = (connection: Client, deadlineMs: number) =>
    new Promise<FetchOutcome>((settled) => {
      const { timeoutMs, bodyBytesMax, path, method, headers } = request;
      const remainingMs = deadlineMs - clock.monotonicMs();
      current = new Exchange({ clock, remainingMs, timeoutMs, bodyBytesMax, settled });
      // Only a GET may be repeated when a kept connection turns out to be closed, so only a GET uses one.
      connection.dispatch({ path, method, headers: { ...headers }, reset: method !== "GET" }, current);
    });

  const destroy = () => {
    // Rejections concern requests, and none is left.
    client?.destroy().catch(() => null);
    client = null;
  };

  return {
    async fetch() {
      if (closed) return unfetched(closedReason);
      const denied = deniedAddress(new URL(request.origin).hostname);
      if (denied !== null) return unfetched(denied);
      const deadlineMs = clock.monotonicMs() + request.timeoutMs;
      const kept = client !== null;
      let outcome = await attempt(client ??= makeClient(request, frequencyMs), deadlineMs);
      if (!outcome.ok) destroy();
      if (!outcome.ok && outcome.unanswered && kept && request.method === "GET" && !closed) {
        outcome = await attempt(client = makeClient(request, frequencyMs), deadlineMs);
        if (!outcome.ok) destroy();
      }
      current = null;
      return outcome;
    },
    close() {
      closed = true;
      current?.fail(closedReason);
      destroy();
    },
  };
}

function makeClient(request: ScrapeRequest, frequencyMs: number): Client {
  return new Client(request.origin, {
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: request.timeoutMs + connectGraceMs,
    keepAliveTimeout: Math.min(2 * frequencyMs, keepAliveMsMax),
    keepAliveMaxTimeout: keepAliveMsMax,
    // A name is looked up here, so that the address that is checked is the one that is connected to.
    connect: { lookup: lookupAllowed },
  });
}

function unfetched(reason: string): FetchOutcome {
  return { ok: false, reason, status: 0, unanswered: false };
}
