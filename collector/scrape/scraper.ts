import type { CollectionMetric, CollectionTarget } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { ExpositionError } from "../../core/exposition/exposition.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import { makeFetcher, type TargetFetcher } from "../../core/scrape/fetch.ts";
import { ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { readScrape } from "../../core/scrape/read.ts";
import { planRequest, type ScrapeRequest, UnusableTargetError } from "../../core/scrape/request.ts";
import { targetLabels } from "../../core/scrape/target_labels.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { identityKey, type TargetIdentity } from "../schedule/tick.ts";
import type { Outbox } from "../send/outbox.ts";
import { type EncodedExposition, ExpositionEncoder } from "./encode.ts";
import { opaqueRecord } from "./opaque.ts";
import { RecordMaker } from "./records.ts";
import type { ShapeCache } from "./shape_cache.ts";

export interface ScrapeResult {
  readonly health: "up" | "down";
  /** Why the target is down; "" when it is up. */
  readonly reason: string;
  /** Unix milliseconds. */
  readonly startedMs: number;
  readonly durationMs: number;
  /** Exposed samples; 0 for an opaque metric, and when nothing could be read. */
  readonly samples: number;
  /** Samples dropped because their series came twice. */
  readonly duplicates: number;
  readonly seriesAdded: number;
  /** Decompressed. */
  readonly bodyBytes: number;
  /** Of the last record that was pushed. */
  readonly sequence: number;
}

export interface ScraperDependencies {
  readonly clock: Clock;
  readonly cache: ShapeCache;
  readonly outbox: Outbox;
  readonly log: Logger;
  /** Of this program, for the User-Agent. */
  readonly version: string;
  /** Replaces HTTP in simulations. */
  readonly makeFetcher?: (request: ScrapeRequest, frequencyMs: number, clock: Clock) => TargetFetcher;
}

/** Scrapes one target. */
export interface TargetScraper {
  /**
   * One scrape from end to end; what it yields is in the outbox when it resolves. It resolves to null, with nothing
   * pushed, when the scraper was closed meanwhile, and rejects for a defect of ours only. One call at a time.
   */
  scrape(): Promise<ScrapeResult | null>;
  /** Closes the connection. A scrape under way comes to nothing. */
  close(): void;
}

/** What one fetch brought, before it is pushed. */
interface Yield {
  readonly reason: string;
  readonly samples: number;
  readonly bodyBytes: number;
  readonly exposed: EncodedExposition | null;
}

/** A target that cannot be scraped as it is defined gets a scraper too, which reports it down with the reason. */
export function makeScraper(
  identity: TargetIdentity,
  metric: CollectionMetric,
  target: CollectionTarget,
  dependencies: ScraperDependencies,
): TargetScraper {
  const { clock, cache, version } = dependencies;
  let labels = targetLabels(identity, {}, {});
  let fetcher: TargetFetcher;
  try {
    labels = targetLabels(identity, target.labels, metric.constLabels);
    const request = planRequest(metric, target, version);
    fetcher = (dependencies.makeFetcher ?? makeFetcher)(request, metric.frequency * 1000, clock);
  } catch (error) {
    if (!(error instanceof UnusableTargetError)) throw error;
    fetcher = refusingFetcher(error.message);
  }
  const { honorLabels, honorTimestamps, limits, dataId } = metric;
  const encoder = new ExpositionEncoder({
    address: identity.address,
    labels,
    honorLabels,
    honorTimestamps,
    limits,
    cache,
  });
  const shape = encodeTarget(dataId, [...labels.values].map(([name, value]) => ({ name, value })));
  const records = new RecordMaker(shape, cache);
  const log = dependencies.log.child({ target: identityKey(identity) });
  return new HttpScraper({
    identity,
    metric,
    target,
    clock,
    outbox: dependencies.outbox,
    log,
    fetcher,
    encoder,
    records,
  });
}

interface ScraperParts {
  readonly identity: TargetIdentity;
  readonly metric: CollectionMetric;
  readonly target: CollectionTarget;
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly log: Logger;
  readonly fetcher: TargetFetcher;
  readonly encoder: ExpositionEncoder;
  readonly records: RecordMaker;
}

class HttpScraper implements TargetScraper {
  readonly #parts: ScraperParts;
  #closed = false;
  #lastReason = "";
  #lastDuplicates = 0;

  constructor(parts: ScraperParts) {
    this.#parts = parts;
  }

  async scrape(): Promise<ScrapeResult | null> {
    const { clock, outbox, fetcher, records } = this.#parts;
    const startedMs = Math.floor(clock.wallMs());
    const begunMs = clock.monotonicMs();
    const outcome = await fetcher.fetch();
    if (this.#closed) return null;
    const { reason, samples, bodyBytes, exposed } = outcome.ok
      ? this.#read(startedMs, outcome.body, outcome.contentType)
      : { reason: outcome.reason, samples: 0, bodyBytes: 0, exposed: null };
    const durationMs = clock.monotonicMs() - begunMs;
    const { duplicates = 0, seriesAdded = 0 } = exposed ?? {};
    // Nothing is relabelled yet, so what was scraped is also what is left after it.
    const report = {
      up: reason === "",
      durationMs,
      samplesScraped: samples,
      samplesPostRelabeling: samples,
      seriesAdded,
    };
    let sequence = 0;
    for (const record of records.make(startedMs, exposed, report)) sequence = outbox.push(record);
    this.#tell(reason, duplicates);
    const health = reason === "" ? "up" : "down";
    return { health, reason, startedMs, durationMs, samples, duplicates, seriesAdded, bodyBytes, sequence };
  }

  close(): void {
    this.#closed = true;
    this.#parts.fetcher.close();
  }

  /** Reads a body; an opaque one is pushed here, as the record that it is. */
  #read(startedMs: number, body: Uint8Array, contentType: string): Yield {
    const { metric, outbox, encoder } = this.#parts;
    let samples = 0;
    const bodyBytes = body.length;
    try {
      if (metric.metricType === "") {
        outbox.push(opaqueRecord(this.#origin(), startedMs, body));
        return { reason: "", samples, bodyBytes, exposed: null };
      }
      const exposition = readScrape(body, contentType, metric);
      samples = exposition.families.reduce((sum, family) => sum + family.samples.length, 0);
      return { reason: "", samples, bodyBytes, exposed: encoder.encode(exposition) };
    } catch (error) {
      return { reason: this.#explain(error), samples, bodyBytes, exposed: null };
    }
  }

  #explain(error: unknown): string {
    if (error instanceof ExpositionError || error instanceof ScrapeRefusedError) return error.message;
    this.#parts.log.error({ err: error }, "scrape failed for a reason of our own");
    return `internal error: ${messageOf(error)}`;
  }

  #origin() {
    const { cluster, namespace, metric, address, pod } = this.#parts.identity;
    return {
      dataId: this.#parts.metric.dataId,
      cluster,
      namespace,
      name: pod === "" ? metric : pod,
      ip: parseAddress(address).host,
      labels: { ...this.#parts.target.labels, ...this.#parts.metric.constLabels },
    };
  }

  /** Logs what changed since the last scrape, so that a target that stays down does not fill the log. */
  #tell(reason: string, duplicates: number): void {
    const { log } = this.#parts;
    if (reason !== this.#lastReason) {
      if (reason === "") log.info("target is up again");
      else log.warn({ reason }, "scrape failed");
    }
    if (duplicates !== this.#lastDuplicates && duplicates > 0) {
      log.warn({ duplicates }, "samples dropped: their series came before in the same exposition");
    }
    this.#lastReason = reason;
    if (reason === "") this.#lastDuplicates = duplicates;
  }
}

function refusingFetcher(reason: string): TargetFetcher {
  return { fetch: () => Promise.resolve({ ok: false, reason, status: 0, unanswered: false }), close: () => {} };
}
