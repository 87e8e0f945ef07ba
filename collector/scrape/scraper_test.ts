import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { FrameType } from "../../core/protocol/frame.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveRaw, serveTarget, type TestServer, unusedAddress } from "../../core/scrape/testing/target_server.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { testMetric, testTarget } from "../testing/collections.ts";
import { readRecords } from "../testing/expositions.ts";
import { FakeOutbox } from "../testing/fake_outbox.ts";
import { makeScraper, type TargetScraper } from "./scraper.ts";
import { ShapeCache } from "./shape_cache.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

const outbox = new FakeOutbox();
const cache = new ShapeCache();
const text = { "content-type": "text/plain; version=0.0.4" };

function scraperOf(address: string, fields: Record<string, unknown> = {}, pod = ""): TargetScraper {
  const metric = testMetric({ timeout: 5, frequency: 60, ...fields });
  const identity = { cluster: "BCS-K8S-00001", namespace: "shop", metric: metric.name, address, pod };
  const target = testTarget({ address, pod, labels: { app: "cart" } });
  const log = makeLogger("test", "silent");
  const scraper = makeScraper(identity, metric, target, {
    clock: systemEnv.clock,
    cache,
    outbox,
    log,
    version: "0.1.0",
  });
  opened.push(scraper);
  return scraper;
}

async function serving(server: Promise<TestServer>): Promise<string> {
  const one = await server;
  opened.push(one);
  return one.address;
}

function body(content: string | Uint8Array, headers: Record<string, string> = text, status = 200): Promise<string> {
  return serving(serveTarget((_request, response) => void response.writeHead(status, headers).end(content)));
}

/** Scrapes once; a down target must have sent the synthetic series alone, with up 0. */
async function reasonOf(scraper: TargetScraper): Promise<string> {
  outbox.take();
  const result = await scraper.scrape();
  assert.ok(result !== null);
  const samples = readRecords(outbox.take());
  assert.equal(samples.find((sample) => sample.name === "up")?.value, result.health === "up" ? 1 : 0);
  if (result.health === "down") assert.equal(samples.length, 5);
  return result.reason;
}

test("a scrape sends what the target exposes, with the target's labels, and tells of itself", async () => {
  const address = await body('requests{code="200",pod="x"} 10\nqueue 3 1700000000123\n');
  const scraper = scraperOf(address, { constLabels: { team: "trade" } }, "cart-0");
  outbox.take();
  const before = Date.now();
  const result = await scraper.scrape();
  assert.ok(result !== null);
  assert.equal(result.health, "up");
  assert.equal(result.samples, 2);
  assert.equal(result.bodyBytes, 54);
  assert.ok(result.startedMs >= before && result.durationMs >= 0 && result.durationMs < 5000);
  const place = {
    app: "cart",
    cluster: "BCS-K8S-00001",
    namespace: "shop",
    metric: "cart",
    instance: address,
    pod: "cart-0",
    team: "trade",
  };
  const timestampMs = result.startedMs;
  assert.deepEqual(readRecords(outbox.take()), [
    { name: "requests", labels: { ...place, code: "200", exported_pod: "x" }, value: 10, timestampMs },
    { name: "queue", labels: place, value: 3, timestampMs: 1_700_000_000_123 },
    { name: "up", labels: place, value: 1, timestampMs },
    { name: "scrape_duration_seconds", labels: place, value: result.durationMs / 1000, timestampMs },
    { name: "scrape_samples_scraped", labels: place, value: 2, timestampMs },
    { name: "scrape_samples_post_metric_relabeling", labels: place, value: 2, timestampMs },
    { name: "scrape_series_added", labels: place, value: 2, timestampMs },
  ]);
});

test("a target that cannot be had is down with an exact reason", async () => {
  const silent = await serving(serveRaw(() => {}));
  const cases: [Promise<string> | string, Record<string, unknown>, string][] = [
    [unusedAddress(), {}, "connection refused"],
    [silent, { timeout: 0.05 }, "timeout after 0.05 s (headers)"],
    [body("x", text, 503), {}, "HTTP 503"],
    [body("", { location: "/" }, 301), {}, "HTTP 301 (redirects are not followed)"],
    [body("x".repeat(100)), { limits: { bodyBytes: 99 } }, "body exceeds 99 bytes"],
    [
      body(gzipSync(new Uint8Array(1_000_000)), { ...text, "content-encoding": "gzip" }),
      { limits: { bodyBytes: 10_000 } },
      "body exceeds 10000 bytes",
    ],
    [body("<html>", { "content-type": "text/html" }), {}, 'content type "text/html" is none of metrics'],
  ];
  for (const [address, fields, want] of cases) assert.equal(await reasonOf(scraperOf(await address, fields)), want);
});

test("nonsense is down with line and column, and nothing of it is sent", async () => {
  assert.match(await reasonOf(scraperOf(await body("a 1\nb 2\nc{x=1} 3\n"))), /^3:\d+: /);
});

test("an exceeded limit is down with target and limit, and the count is told", async () => {
  const address = await body("a 1\nb 2\n");
  const scraper = scraperOf(address, { limits: { samples: 1 } });
  outbox.take();
  const result = await scraper.scrape();
  assert.equal(result?.reason, `${address} exceeds limits.samples of 1: 2 samples`);
  const scraped = readRecords(outbox.take()).find((sample) => sample.name === "scrape_samples_scraped");
  assert.equal(scraped?.value, 2);
});

test("a missing content type needs a fallback protocol", async () => {
  const address = await body("a 1\n", {});
  assert.match(await reasonOf(scraperOf(address)), /^no content type/);
  assert.equal(await reasonOf(scraperOf(address, { fallbackProtocol: "PrometheusText0.0.4" })), "");
  assert.match(await reasonOf(scraperOf(address, { fallbackProtocol: "OpenMetricsText1.0.0" })), /EOF/);
});

test("OpenMetrics is read as such, timestamps in seconds", async () => {
  const address = await body("a 1 1700000000.5\n# EOF\n", {
    "content-type": "application/openmetrics-text; version=1.0.0",
  });
  outbox.take();
  await scraperOf(address).scrape();
  assert.equal(readRecords(outbox.take())[0]?.timestampMs, 1_700_000_000_500);
});

test("what is not supported yet is down with its reason, without a request", async () => {
  const server = await serveTarget((_request, response) => void response.end("a 1\n"));
  opened.push(server);
  const reason = await reasonOf(scraperOf(server.address, { metricRelabelings: [{}] }));
  assert.equal(reason, "relabelings are not supported yet");
  assert.equal(await reasonOf(scraperOf(server.address, { scheme: "https" })), "https is not supported yet");
  assert.equal(server.accepted(), 0);
});

test("a target that comes back sends its series again, none of them new", async () => {
  let healthy = true;
  const address = await serving(serveTarget((_request, response) => {
    response.writeHead(healthy ? 200 : 500, text).end("a 1\nb 2\n");
  }));
  const scraper = scraperOf(address);
  assert.equal((await scraper.scrape())?.seriesAdded, 2);
  healthy = false;
  assert.equal((await scraper.scrape())?.health, "down");
  healthy = true;
  const result = await scraper.scrape();
  assert.deepEqual([result?.health, result?.samples, result?.seriesAdded], ["up", 2, 0]);
});

test("an opaque metric is handed on unread, beside its synthetic series", async () => {
  const address = await body("\u0000 no exposition at all {", { "content-type": "application/json" });
  const scraper = scraperOf(address, { metricType: "", dataId: 1_500_001, constLabels: { team: "trade" } }, "cart-0");
  outbox.take();
  const result = await scraper.scrape();
  assert.equal(result?.health, "up");
  const [opaque, ...rest] = outbox.take();
  assert.equal(opaque?.frameType, FrameType.blueKing);
  assert.equal(opaque?.id, 1_500_001n);
  const record = JSON.parse(new TextDecoder().decode(opaque?.body));
  assert.equal(record.data, "\u0000 no exposition at all {");
  assert.equal(record.objmeta.name, "cart-0");
  assert.equal(record.objmeta.ip, "127.0.0.1");
  assert.deepEqual(record.objmeta.labels, { app: "cart", team: "trade" });
  assert.deepEqual(readRecords(rest).map((sample) => sample.name).slice(0, 1), ["up"]);
});

test("an opaque target that fails sends only up 0", async () => {
  assert.equal(await reasonOf(scraperOf(await body("x", text, 500), { metricType: "" })), "HTTP 500");
});

test("a scrape that is closed meanwhile sends nothing", async () => {
  const reached = Promise.withResolvers<void>();
  const address = await serving(serveTarget(() => reached.resolve()));
  const scraper = scraperOf(address);
  outbox.take();
  const pending = scraper.scrape();
  await reached.promise;
  scraper.close();
  assert.equal(await pending, null);
  assert.deepEqual(outbox.take(), []);
});
