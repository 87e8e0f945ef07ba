import { type CollectionMetric, type CollectionTarget, timeoutSeconds } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { ExpositionError } from "../../core/exposition/exposition.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import { bodyExceeds } from "../../core/scrape/body.ts";
import { makeFetcher, type TargetFetcher } from "../../core/scrape/fetch.ts";
import { type LimitName, ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { planRequest, type ScrapeRequest, UnusableTargetError } from "../../core/scrape/request.ts";
import { targetLabels } from "../../core/scrape/target_labels.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { BodyReader, type Matching } from "../match/mod.ts";
import { identityKey, type TargetIdentity } from "../schedule/tick.ts";
import type { Outbox } from "../send/outbox.ts";
import { type EncodedExposition, ExpositionEncoder } from "./encode.ts";
import { opaqueRecord } from "./opaque.ts";
import { RecordMaker, recordSamplesMax } from "./records.ts";
import type { ShapeCache } from "./shape_cache.ts";
import { endedSeries, type LiveSeries, type StalenessOptions, type Vanished, vanishedSeries } from "./staleness.ts";
import { extendedSynthetic, usualSynthetic } from "./synthetic.ts";

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
  /** Native histograms that were exposed: they are not carried, but for the classic part that each has. */
  readonly nativeHistograms: number;
  readonly seriesAdded: number;
  /** Series that were marked stale. */
  readonly seriesStale: number;
  /** The limit that the scrape exceeds, with the metric that has it; null for none. */
  readonly limit: { readonly metric: string; readonly name: LimitName } | null;
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
  /** What targets share for matching bodies against what is expected; without it each body is parsed whole. */
  readonly matching?: Matching | null;
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
  /** What the last scrape had, for the scraper that takes this one's place; null before the first. */
  live(): LiveSeries | null;
  /** Marks all series stale, since the target is no more; returns how many. Once, and after the last scrape. */
  end(): number;
  /** Closes the connection. A scrape under way comes to nothing. */
  close(): void;
}

/** What one fetch brought, before it is pushed. */
interface Yield {
  readonly reason: string;
  readonly samples: number;
  readonly bodyBytes: number;
  readonly exposed: EncodedExposition | null;
  /** None when it is left out. */
  readonly nativeHistograms?: number;
  readonly samplesPostRelabeling: number;
  readonly limit: LimitName | null;
}

/**
 * A target that cannot be scraped as it is defined gets a scraper too, which reports it down with the reason.
 *
 * @param predecessor gives, at the first scrape, the series of the scraper that this one takes the place of: those that
 * it does not have itself are marked stale.
 */
export function makeScraper(
  identity: TargetIdentity,
  metric: CollectionMetric,
  target: CollectionTarget,
  dependencies: ScraperDependencies,
  predecessor: () => LiveSeries | null = () => null,
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
  const { honorLabels, honorTimestamps, limits, metricRelabelings, dataId } = metric;
  const synthetic = metric.extraScrapeMetrics
    ? extendedSynthetic(timeoutSeconds(metric), limits.samples)
    : usualSynthetic;
  const encoder = new ExpositionEncoder({
    address: identity.address,
    labels,
    honorLabels,
    honorTimestamps,
    limits,
    metricRelabelings,
    synthetic: synthetic.block.shape.series,
    cache,
  });
  const shape = encodeTarget(dataId, [...labels.values].map(([name, value]) => ({ name, value })));
  const records = new RecordMaker(shape, cache, recordSamplesMax, synthetic);
  const log = dependencies.log.child({ target: identityKey(identity) });
  return new HttpScraper({
    identity,
    metric,
    target,
    clock,
    outbox: dependencies.outbox,
    log,
    fetcher,
    reader: new BodyReader(metric, encoder, dependencies.matching ?? null),
    records,
    staleness: { cache, trackTimestamps: metric.trackTimestampsStaleness },
    predecessor,
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
  readonly reader: BodyReader;
  readonly records: RecordMaker;
  readonly staleness: StalenessOptions;
  readonly predecessor: () => LiveSeries | null;
}

class HttpScraper implements TargetScraper {
  readonly #parts: ScraperParts;
  #closed = false;
  #lastReason = "";
  #lastDuplicates = 0;
  #toldNative = false;
  /** Undefined before the first scrape, which asks the predecessor. */
  #live: LiveSeries | null | undefined = undefined;

  constructor(parts: ScraperParts) {
    this.#parts = parts;
  }

  async scrape(): Promise<ScrapeResult | null> {
    const { clock, outbox, fetcher, records, metric } = this.#parts;
    const startedMs = Math.floor(clock.wallMs());
    const begunMs = clock.monotonicMs();
    const outcome = await fetcher.fetch();
    const got = this.#closed ? null : outcome.ok
      ? this.#read(startedMs, outcome.body, outcome.contentType)
      : this.#unread(outcome.reason);
    if (outcome.ok) outcome.release?.();
    if (got === null) return null;
    const { reason, samples, bodyBytes, exposed, nativeHistograms = 0, samplesPostRelabeling, limit } = got;
    const durationMs = clock.monotonicMs() - begunMs;
    const { duplicates = 0, seriesAdded = 0 } = exposed ?? {};
    const report = {
      up: reason === "",
      durationMs,
      samplesScraped: samples,
      samplesPostRelabeling,
      seriesAdded,
      bodyBytes: limit === "bodyBytes" ? -1 : bodyBytes,
    };
    const seriesStale = this.#markVanished(startedMs, exposed);
    let sequence = 0;
    for (const record of records.make(startedMs, exposed, report)) sequence = outbox.push(record);
    this.#tell(reason, duplicates, nativeHistograms);
    return {
      health: reason === "" ? "up" : "down",
      reason,
      startedMs,
      durationMs,
      samples,
      duplicates,
      nativeHistograms,
      seriesAdded,
      seriesStale,
      limit: limit === null ? null : { metric: metric.name, name: limit },
      bodyBytes,
      sequence,
    };
  }

  live(): LiveSeries | null {
    return this.#live === undefined ? this.#parts.predecessor() : this.#live;
  }

  end(): number {
    const live = this.live();
    if (live === null) return 0;
    this.#live = null;
    // The time is that of the scrape which did not come any more.
    const timestampMs = live.startedMs + this.#parts.metric.frequency * 1000;
    return this.#pushStale(timestampMs, endedSeries(live, this.#parts.staleness));
  }

  close(): void {
    this.#closed = true;
    this.#parts.fetcher.close();
    this.#parts.reader.close();
  }

  /** Marks what this scrape does not have any more, and remembers what it has. */
  #markVanished(startedMs: number, exposed: EncodedExposition | null): number {
    const { records: { target, synthetic }, staleness } = this.#parts;
    const before = this.live();
    const blocks = exposed?.blocks ?? [];
    this.#live = { target, synthetic, blocks, sampleTimesMs: exposed?.sampleTimesMs ?? null, startedMs };
    if (before === null) return 0;
    return this.#pushStale(startedMs, vanishedSeries(before, exposed, { target, synthetic }, staleness));
  }

  #pushStale(timestampMs: number, { target, blocks }: Vanished): number {
    const { outbox, records } = this.#parts;
    let series = 0;
    for (const record of records.makeStale(timestampMs, blocks, target)) {
      outbox.push(record);
      series += record.samples;
    }
    return series;
  }

  #unread(reason: string): Yield {
    const { metric, identity } = this.#parts;
    // The fetcher tells of this one limit, and by its reason alone.
    const limit = reason === bodyExceeds(metric.limits.bodyBytes, identity.address) ? "bodyBytes" : null;
    return { reason, samples: 0, bodyBytes: 0, exposed: null, samplesPostRelabeling: 0, limit };
  }

  /** Reads a body; an opaque one is pushed here, as the record that it is. */
  #read(startedMs: number, body: Uint8Array, contentType: string): Yield {
    const { metric, reader } = this.#parts;
    const bodyBytes = body.length;
    if (metric.metricType === "") return this.#handOn(startedMs, body);
    try {
      const { exposed, nativeHistograms } = reader.read(body, contentType);
      const { samplesScraped: samples, samplesPostRelabeling } = exposed;
      return { reason: "", samples, bodyBytes, exposed, nativeHistograms, samplesPostRelabeling, limit: null };
    } catch (error) {
      const limit = error instanceof ScrapeRefusedError ? error.limit : null;
      // What is refused once it is relabelled has been counted before.
      const { samplesScraped: samples, samplesPostRelabeling } = reader;
      return { reason: this.#explain(error), samples, bodyBytes, exposed: null, samplesPostRelabeling, limit };
    }
  }

  #handOn(startedMs: number, body: Uint8Array): Yield {
    const nothing = { samples: 0, bodyBytes: body.length, exposed: null, samplesPostRelabeling: 0, limit: null };
    try {
      this.#parts.outbox.push(opaqueRecord(this.#origin(), startedMs, body));
      return { reason: "", ...nothing };
    } catch (error) {
      return {
        reason: this.#explain(error),
        ...nothing,
        limit: error instanceof ScrapeRefusedError ? error.limit : null,
      };
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
  #tell(reason: string, duplicates: number, nativeHistograms: number): void {
    const { log } = this.#parts;
    if (reason !== this.#lastReason) {
      if (reason === "") log.info("target is up again");
      else log.warn({ reason }, "scrape failed");
    }
    if (duplicates !== this.#lastDuplicates && duplicates > 0) {
      log.warn({ duplicates }, "samples dropped: their series came before in the same exposition");
    }
    if (nativeHistograms > 0 && !this.#toldNative) {
      this.#toldNative = true;
      log.warn({ nativeHistograms }, "native histograms are not carried, only their classic part is");
    }
    this.#lastReason = reason;
    if (reason === "") this.#lastDuplicates = duplicates;
  }
}

function refusingFetcher(reason: string): TargetFetcher {
  return { fetch: () => Promise.resolve({ ok: false, reason, status: 0, unanswered: false }), close: () => {} };
}
