import assert from "node:assert/strict";
import { after, test as testOnce } from "node:test";
import { gzipSync } from "node:zlib";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeScrapes } from "../../core/protocol/scrapes.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveRaw, serveTarget, type TestServer, unusedAddress } from "../../core/scrape/testing/target_server.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openKernel } from "../kernel/open_kernel.ts";
import { Matching } from "../match/mod.ts";
import type { OutboundRecord } from "../send/outbox.ts";
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

const log = makeLogger("test", "silent");
/** Each test runs with bodies that are matched with what is expected, and with such that are parsed whole. */
const ways = { matched: new Matching(openKernel(log, 8 * 1024 * 1024)), parsed: null };
let matching: Matching | null = null;

function test(name: string, run: () => Promise<void> | void): void {
  for (const [way, its] of Object.entries(ways)) {
    testOnce(`${way}: ${name}`, async () => {
      matching = its;
      await run();
    });
  }
}

function scraperOf(
  address: string,
  fields: Record<string, unknown> = {},
  pod = "",
  before?: TargetScraper,
): TargetScraper {
  const metric = testMetric({ timeout: 5, frequency: 60, ...fields });
  const identity = { cluster: "BCS-K8S-00001", namespace: "shop", metric: metric.name, address, pod };
  const target = testTarget({ address, pod, labels: { app: "cart" } });
  const scraper = makeScraper(identity, metric, target, {
    clock: systemEnv.clock,
    cache,
    outbox,
    log,
    version: "0.1.0",
    matching,
  }, () => before?.live() ?? null);
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
    [
      body("x".repeat(100)),
      { limits: { bodyBytes: 99 } },
      "body exceeds 99 bytes, which is limits.bodyBytes of ADDRESS",
    ],
    [
      body(gzipSync(new Uint8Array(1_000_000)), { ...text, "content-encoding": "gzip" }),
      { limits: { bodyBytes: 10_000 } },
      "body exceeds 10000 bytes, which is limits.bodyBytes of ADDRESS",
    ],
    [body("<html>", { "content-type": "text/html" }), {}, 'content type "text/html" is none of metrics'],
  ];
  for (const [pending, fields, want] of cases) {
    const address = await pending;
    assert.equal(await reasonOf(scraperOf(address, fields)), want.replace("ADDRESS", address));
  }
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

interface Moment {
  readonly timestampMs: number;
  readonly stale: readonly string[];
  readonly sent: readonly string[];
}

/** One scrape: the names of the series with a value, and of those with the staleness marker, by its very bits. */
async function momentOf(scraper: TargetScraper): Promise<Moment> {
  outbox.take();
  const result = await scraper.scrape();
  assert.ok(result !== null);
  return { timestampMs: result.startedMs, ...takeMarked() };
}

function takeMarked(): Pick<Moment, "stale" | "sent"> {
  const stale: string[] = [];
  const sent: string[] = [];
  for (const { name, labels, marked } of readMarked(outbox.take())) {
    const shown = `${name}${labels["x"] === undefined ? "" : `{x=${labels["x"]}}`}`;
    if (marked) stale.push(shown);
    else if (!synthetic.has(name)) sent.push(shown);
  }
  return { stale, sent };
}

/** The samples of records, with whether each is a staleness marker: only the bytes tell, a number loses the bits. */
function readMarked(records: readonly OutboundRecord[]) {
  const bits = records.flatMap((record) =>
    decodeScrapes(record.body).flatMap((
      { values },
    ) => [...new BigUint64Array(values.buffer, values.byteOffset, values.length)])
  );
  return readRecords(records).map((sample, index) => ({ ...sample, marked: bits[index] === 0x7ff0_0000_0000_0002n }));
}

const synthetic = new Set([
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
]);

/** A target whose body, and whether it answers at all, can be changed. */
async function changing(first: string): Promise<{ readonly address: string; body: string | null }> {
  const target = { address: "", body: first as string | null };
  target.address = await serving(serveTarget((_request, response) => {
    response.writeHead(target.body === null ? 500 : 200, text).end(target.body ?? "");
  }));
  return target;
}

test("a series that vanished is marked stale at the time of the scrape, once", async () => {
  const target = await changing('a{x="1"} NaN\na{x="2"} 2\nb 3\n');
  const scraper = scraperOf(target.address);
  assert.deepEqual((await momentOf(scraper)).stale, []);
  target.body = 'a{x="1"} 1\nc 3\n';
  const moment = await momentOf(scraper);
  assert.deepEqual(moment.stale, ["a{x=2}", "b"]);
  assert.deepEqual(moment.sent, ["a{x=1}", "c"]);
  assert.deepEqual((await momentOf(scraper)).stale, []);
});

test("every exposed series of a failed scrape is marked stale, once; the synthetic ones go on", async () => {
  const target = await changing("a 1\nb 2\n");
  const scraper = scraperOf(target.address);
  await momentOf(scraper);
  for (const broken of [null, "a 1\nb {\n"]) {
    target.body = broken;
    assert.deepEqual((await momentOf(scraper)).stale, ["a", "b"]);
    assert.deepEqual((await momentOf(scraper)).stale, []);
    target.body = "a 1\nb 2\n";
    assert.deepEqual((await momentOf(scraper)).sent, ["a", "b"]);
  }
});

test("series with explicit times are marked stale only if that is asked for, or their times are not honoured", async () => {
  for (
    const [fields, want] of [
      [{}, ["b"]],
      [{ trackTimestampsStaleness: true }, ["a", "b"]],
      [{ honorTimestamps: false }, ["a", "b"]],
    ] as const
  ) {
    const target = await changing("a 1 1700000000000\nb 2\n");
    const scraper = scraperOf(target.address, fields);
    await momentOf(scraper);
    target.body = "c 1\n";
    assert.deepEqual((await momentOf(scraper)).stale, want);
  }
});

test("all series of a target that ended are marked stale, at the time of the scrape that did not come", async () => {
  const target = await changing("a 1\n");
  const scraper = scraperOf(target.address);
  const { timestampMs } = await momentOf(scraper);
  assert.equal(scraper.end(), 6);
  const samples = readMarked(outbox.take());
  assert.deepEqual(samples.map(({ name }) => name), ["a", ...synthetic]);
  assert.ok(samples.every((sample) => sample.marked && sample.timestampMs === timestampMs + 60_000));
  assert.equal(scraper.end(), 0);
});

test("a target that was closed without an end leaves its series alone", async () => {
  const scraper = scraperOf((await changing("a 1\n")).address);
  await momentOf(scraper);
  scraper.close();
  assert.deepEqual(outbox.take(), []);
});

test("under a new definition only what it does not have any more is marked stale", async () => {
  const target = await changing('a 1\nb{x="1"} 2\n');
  const before = scraperOf(target.address);
  await momentOf(before);
  const same = scraperOf(target.address, { metricRelabelings: [{ action: "labeldrop", regex: "x" }] }, "", before);
  assert.deepEqual(await momentOf(same).then(({ stale, sent }) => [stale, sent]), [["b{x=1}"], ["a", "b"]]);
  const other = scraperOf(target.address, { constLabels: { team: "trade" } }, "", same);
  assert.deepEqual((await momentOf(other)).stale, ["a", "b", ...synthetic]);
});

test("metric relabelling drops and renames series, and the synthetic ones tell of it", async () => {
  const target = await changing('a{x="1"} 1\na{x="2"} 2\nb 3\n');
  const scraper = scraperOf(target.address, {
    metricRelabelings: [
      { sourceLabels: ["__name__", "x"], regex: "a;2", action: "drop" },
      { sourceLabels: ["__name__"], regex: "b", targetLabel: "__name__", replacement: "renamed" },
      { action: "labeldrop", regex: "metric" },
      { sourceLabels: ["__name__"], regex: "up", action: "drop" },
    ],
  });
  outbox.take();
  await scraper.scrape();
  const samples = readRecords(outbox.take());
  const values = Object.fromEntries(samples.map(({ name, value }) => [name, value]));
  assert.deepEqual([values["a"], values["renamed"], values["b"], values["up"]], [1, 3, undefined, 1]);
  assert.deepEqual([values["scrape_samples_scraped"], values["scrape_samples_post_metric_relabeling"]], [3, 2]);
  const renamed = samples.find(({ name }) => name === "renamed");
  assert.deepEqual([renamed?.labels["metric"], renamed?.labels["app"]], [undefined, "cart"]);
  assert.equal(samples.find(({ name }) => name === "up")?.labels["metric"], "cart");
});

test("samples count against their limit after relabelling", async () => {
  const target = await changing("a 1\nb 2\nc 3\n");
  const drop = [{ sourceLabels: ["__name__"], regex: "c", action: "drop" }];
  assert.equal(await reasonOf(scraperOf(target.address, { limits: { samples: 2 }, metricRelabelings: drop })), "");
  const refused = await scraperOf(target.address, { limits: { samples: 1 }, metricRelabelings: drop }).scrape();
  assert.equal(refused?.reason, `${target.address} exceeds limits.samples of 1: 2 samples`);
  assert.deepEqual(refused.limit, { metric: "cart", name: "samples" });
  const values = Object.fromEntries(readRecords(outbox.take()).map(({ name, value }) => [name, value]));
  assert.deepEqual([values["scrape_samples_scraped"], values["scrape_samples_post_metric_relabeling"]], [3, 2]);
});

test("a series whose name is relabelled away fails the scrape", async () => {
  const target = await changing("a 1\n");
  const scraper = scraperOf(target.address, { metricRelabelings: [{ action: "labeldrop", regex: "__name__" }] });
  assert.equal(await reasonOf(scraper), `${target.address}: metricRelabelings take the name of "a"`);
});

test("extraScrapeMetrics tells of timeout, limit and body", async () => {
  const target = await changing("a 1\n");
  const extra = async (fields: Record<string, unknown>) => {
    outbox.take();
    await scraperOf(target.address, { extraScrapeMetrics: true, ...fields }).scrape();
    const values = Object.fromEntries(readRecords(outbox.take()).map(({ name, value }) => [name, value]));
    return [values["scrape_timeout_seconds"], values["scrape_sample_limit"], values["scrape_body_size_bytes"]];
  };
  assert.deepEqual(await extra({}), [5, 0, 4]);
  assert.deepEqual(await extra({ limits: { samples: 9 } }), [5, 9, 4]);
  assert.deepEqual(await extra({ limits: { bodyBytes: 3 } }), [5, 0, -1]);
  target.body = null;
  assert.deepEqual(await extra({}), [5, 0, 0]);
});
