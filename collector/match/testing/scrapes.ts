import type { CollectionMetric } from "../../../core/config/schema.ts";
import type { TargetFetcher } from "../../../core/scrape/fetch.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { makeScraper, type TargetScraper } from "../../scrape/scraper.ts";
import { ShapeCache } from "../../scrape/shape_cache.ts";
import { testMetric, testTarget } from "../../testing/collections.ts";
import { FakeOutbox } from "../../testing/fake_outbox.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { Matching } from "../matching.ts";

export const contentTypes = {
  prometheus: "text/plain; version=0.0.4",
  openmetrics: "application/openmetrics-text; version=1.0.0",
} as const;

export type TestFormat = keyof typeof contentTypes;

/** A target whose bodies a test supplies. */
export class TestTarget {
  readonly #scraper: TargetScraper;
  readonly #outbox = new FakeOutbox();
  readonly #clock = new ManualClock();
  #next = { body: new Uint8Array(0), contentType: "" };

  /** @param matching Null parses each body whole. */
  constructor(
    matching: Matching | null,
    fields: Parameters<typeof testMetric>[0] = {},
    { cache = new ShapeCache(), address = "10.0.0.7:9100", labels = { app: "cart" } }: {
      readonly cache?: ShapeCache;
      readonly address?: string;
      readonly labels?: Record<string, string>;
    } = {},
  ) {
    const metric: CollectionMetric = testMetric(fields);
    const identity = { cluster: "c", namespace: "shop", metric: metric.name, address, pod: "" };
    const fetcher: TargetFetcher = {
      fetch: () => Promise.resolve({ ok: true, ...this.#next }),
      close: () => {},
    };
    this.#scraper = makeScraper(identity, metric, testTarget({ address, labels }), {
      clock: this.#clock,
      cache,
      outbox: this.#outbox,
      log: makeLogger("test", "silent"),
      version: "0.1.0",
      matching,
      makeFetcher: () => fetcher,
    });
  }

  /** Everything that a scrape of this body comes to. */
  async scrape(body: string | Uint8Array<ArrayBuffer>, format: TestFormat) {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    this.#next = { body: bytes, contentType: contentTypes[format] };
    this.#clock.advance(60_000);
    const result = await this.#scraper.scrape();
    return { result, records: this.#take() };
  }

  /** What the end of the target comes to. */
  end() {
    const stale = this.#scraper.end();
    this.#scraper.close();
    return { stale, records: this.#take() };
  }

  #take() {
    return this.#outbox.take().map(({ frameType, id, body, shapes, samples, timestampMs }) => {
      const ids = shapes.map(({ shape }) => shape.id);
      return { frameType, id, body: Buffer.from(body).toString("hex"), ids, samples, timestampMs };
    });
  }
}
