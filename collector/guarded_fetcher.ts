import type { Clock } from "../core/runtime/env.ts";
import {
  type BodyMemory,
  defaultAccess,
  makeFetcher,
  type Refusal,
  type ScrapeAccess,
  type ScrapeRequest,
  type TargetFetcher,
} from "../core/scrape/mod.ts";
import { Counter, type Registry } from "../core/telemetry/metrics.ts";

const refusals: readonly Refusal[] = ["address", "proxy", "insecure-tls", "secret"];

/**
 * Makes fetchers that reach what the operator allows, and counts the scrapes that were refused for it.
 * @param memory Where bodies lie. Default: plain memory.
 */
export function guardedFetchers(access: ScrapeAccess = defaultAccess, metrics: Registry, memory?: BodyMemory) {
  const refused = new Counter({
    name: "bcs_metric_collector_refused_scrapes_total",
    help:
      "Scrapes that were not made: address, proxy or insecure-tls not allowed by the operator, or a secret missing.",
    labelNames: ["reason"],
    registers: [metrics],
  });
  for (const reason of refusals) refused.inc({ reason }, 0);
  const kept = new Counter({
    name: "bcs_metric_collector_target_certificate_failures_total",
    help: "Renewed certificates for targets that cannot be used, so that the former ones stay in use.",
    registers: [metrics],
  });
  const counted: ScrapeAccess = {
    ...access,
    certificateProblem(address, reason) {
      kept.inc();
      access.certificateProblem(address, reason);
    },
  };
  return (request: ScrapeRequest, frequencyMs: number, clock: Clock): TargetFetcher => {
    const fetcher = makeFetcher(request, frequencyMs, clock, counted, memory);
    return {
      async fetch(onBody) {
        const outcome = await fetcher.fetch(onBody);
        if (!outcome.ok && outcome.refused !== undefined) refused.inc({ reason: outcome.refused });
        return outcome;
      },
      close: () => fetcher.close(),
    };
  };
}
