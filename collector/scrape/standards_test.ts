/** One test for each rule of the standards that concerns what a scrape adds; the details are tested beside the code. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { testMetric, testTarget } from "../testing/collections.ts";
import { readRecords } from "../testing/expositions.ts";
import { FakeOutbox } from "../testing/fake_outbox.ts";
import { makeScraper } from "./scraper.ts";
import { ShapeCache } from "./shape_cache.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

/** What two scrapes of a target bring, the second of a body that has one series less. */
async function scrapeTwice(fields: Record<string, unknown>) {
  let body = "a 1\nb 2\n";
  const server = await serveTarget((_request, response) => {
    response.writeHead(200, { "content-type": "text/plain" }).end(body);
  });
  const { address } = server;
  const metric = testMetric({ timeout: 5, frequency: 60, ...fields });
  const identity = { cluster: "c", namespace: "shop", metric: metric.name, address, pod: "" };
  const outbox = new FakeOutbox();
  const log = makeLogger("test", "silent");
  const dependencies = { clock: systemEnv.clock, cache: new ShapeCache(), outbox, log, version: "0.1.0" };
  const scraper = makeScraper(identity, metric, testTarget({ address }), dependencies);
  opened.push(scraper, server);
  await scraper.scrape();
  const first = readRecords(outbox.take());
  body = "a 1\n";
  await scraper.scrape();
  return { first, second: readRecords(outbox.take()) };
}

const five = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
];

test("every scrape has Prometheus' five synthetic series, and three more where they are asked for", async () => {
  const plain = await scrapeTwice({});
  assert.deepEqual(plain.first.map(({ name }) => name), ["a", "b", ...five]);
  assert.deepEqual(plain.first.slice(4).map(({ value }) => value), [2, 2, 2]);
  const extra = await scrapeTwice({ extraScrapeMetrics: true });
  const three = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];
  assert.deepEqual(new Set(extra.first.map(({ name }) => name)), new Set(["a", "b", ...five, ...three]));
});

test("the synthetic series are not metric-relabelled", async () => {
  const metricRelabelings = [{ action: "drop", sourceLabels: ["__name__"], regex: ".*" }];
  const { first } = await scrapeTwice({ metricRelabelings });
  assert.deepEqual(first.map(({ name }) => name), five);
  assert.deepEqual(first.filter(({ name }) => name.startsWith("scrape_s")).map(({ value }) => value), [2, 0, 0]);
});

test("a series that is exposed no more is marked stale at the time of the scrape that lacks it", async () => {
  const { second } = await scrapeTwice({});
  const stale = second.filter(({ value }) => Number.isNaN(value));
  assert.deepEqual(stale.map(({ name }) => name), ["b"]);
  assert.equal(stale[0]?.timestampMs, second.find(({ name }) => name === "up")?.timestampMs);
});
