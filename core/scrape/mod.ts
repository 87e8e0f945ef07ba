/** How one target is asked, and its answer read: what a collector does on schedule, and a service for a trial. */
export { defaultAccess, type Refusal, type ScrapeAccess } from "./access.ts";
export { AddressRules } from "./address_rules.ts";
export { type Endpoint, endpointOf, ownEndpoint } from "./endpoint.ts";
export { type FetchOutcome } from "./exchange.ts";
export { makeFetcher, type TargetFetcher } from "./fetch.ts";
export { checkLabels, checkSamples, type LimitName, ScrapeRefusedError } from "./limits.ts";
export { type BodyMemory, type LentBody, PooledBodyMemory } from "./plain/body_memory.ts";
export type { BodyListener } from "./plain/plain_exchange.ts";
export { readScrape } from "./read.ts";
export { planRequest, type ScrapeRequest, UnusableTargetError } from "./request.ts";
export { joinedLabels, ScrapedSeries, type SeriesRules } from "./scraped_series.ts";
export type { TargetIdentity } from "./target_identity.ts";
export { seriesKey, settleLabels, type TargetLabels, targetLabels } from "./target_labels.ts";
