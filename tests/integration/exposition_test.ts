/** Real targets answer in the formats that they are asked for, and the same series are read from each. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry, Summary } from "prom-client";
import type { Exposition } from "../../core/exposition/exposition.ts";
import { formatFloat } from "../../core/exposition/format_float.ts";
import { faultOfHistogram } from "../../core/exposition/native_histogram.ts";
import { parseExposition } from "../../core/exposition/parse.ts";
import { acceptHeader } from "../../core/scrape/negotiate.ts";
import { readScrape } from "../../core/scrape/read.ts";
import { testMetric } from "../../core/scrape/testing/metrics.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { freePort, needs, type Program, startProgram } from "../support/programs.ts";

interface Answer {
  readonly contentType: string;
  readonly body: Uint8Array;
}

async function ask(url: string, accept: string): Promise<Answer> {
  const answer = await fetch(url, { headers: { accept }, signal: AbortSignal.timeout(10_000) });
  assert.equal(answer.status, 200);
  return { contentType: answer.headers.get("content-type") ?? "", body: new Uint8Array(await answer.arrayBuffer()) };
}

/** The series, with bounds and quantiles written alike: text 0.0.4 has `1` where protobuf, like OpenMetrics, has `1.0`. */
function seriesOf({ families }: Exposition): string[] {
  const lines = families.flatMap(({ samples }) =>
    samples.map(({ name, labels }) => {
      const pairs = labels.map(({ name: label, value }) =>
        label === "le" || label === "quantile"
          ? [label, formatFloat(Number(value.replace("Inf", "Infinity")))]
          : [label, value]
      );
      return `${name} ${JSON.stringify(pairs.map((pair) => pair.join("=")).toSorted())}`;
    })
  );
  return lines.toSorted();
}

/** What the client library of the target itself exposes depends on what was asked before, such as counts of requests. */
function steady(series: readonly string[]): string[] {
  return series.filter((one) => !/^(promhttp|prometheus_http|net_conntrack)_/.test(one));
}

async function checkFormats(url: string): Promise<void> {
  const text = testMetric();
  const native = testMetric({ nativeHistograms: true });
  const plain = await ask(url, acceptHeader(text));
  assert.match(plain.contentType, /^text\/plain/);
  const protobuf = await ask(url, acceptHeader(native));
  assert.match(protobuf.contentType, /^application\/vnd\.google\.protobuf/);
  const fromText = readScrape(plain.body, plain.contentType, text);
  const fromProtobuf = readScrape(protobuf.body, protobuf.contentType, native);
  const series = steady(seriesOf(fromProtobuf));
  assert.ok(series.length > 30);
  assert.deepEqual(series, steady(seriesOf(fromText)));
  const types = new Map(fromText.families.map(({ family, type, help }) => [family, { type, help }]));
  for (const { family, type, help } of fromProtobuf.families) assert.deepEqual({ type, help }, types.get(family));
  // What a client library writes also keeps to the letter of each format.
  parseExposition(plain.body, "prometheus", true);
  parseExposition(protobuf.body, "protobuf", true);
  for (const { nativeHistograms = [] } of fromProtobuf.families) {
    for (const { histogram } of nativeHistograms) assert.equal(faultOfHistogram(histogram, true), null);
  }
}

suite("expositions of real targets", needs("prometheus", "prometheus-node-exporter"), () => {
  let folder: string;
  const programs: Program[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-exposition-"));
  });

  after(async () => {
    for (const program of programs) await program.stop();
    await rm(folder, { recursive: true });
  });

  test("node_exporter: text and protobuf give the same series", async () => {
    const port = await freePort();
    const args = [`--web.listen-address=127.0.0.1:${port}`];
    const program = await startProgram("prometheus-node-exporter", args, port, "/metrics");
    programs.push(program);
    await checkFormats(`${program.url}/metrics`);
  });

  test("Prometheus: text and protobuf, with its histograms, give the same series", async () => {
    const port = await freePort();
    const config = join(folder, "prometheus.yml");
    await writeFile(config, "global: {}\n");
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const program = await startProgram("prometheus", args, port, "/-/ready");
    programs.push(program);
    await checkFormats(`${program.url}/metrics`);
  });
});

/** What an application that uses prom-client has. */
function fillRegistry(registers: Registry<OpenMetricsContentType>[]): void {
  const requests = new Counter<"code" | "trace_id">({
    name: "requests_total",
    help: "Requests.",
    labelNames: ["code"],
    registers,
    enableExemplars: true,
  });
  requests.inc({ labels: { code: "200" }, value: 3, exemplarLabels: { trace_id: "abc" } });
  const latency = new Histogram<"trace_id">({
    name: "latency_seconds",
    help: "Of requests.",
    registers,
    enableExemplars: true,
  });
  latency.observe({ labels: {}, value: 0.3, exemplarLabels: { trace_id: "def" } });
  new Gauge({ name: "temperature", help: 'With a\nline feed, "quotes" and a \\.', registers }).set(-1.5);
  new Summary({ name: "size_bytes", help: "Of answers.", registers }).observe(2);
}

test("an application with prom-client: OpenMetrics, which is asked for first, is answered and read, exemplars too", async () => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  fillRegistry([registry]);
  const server = await serveTarget((request, response) => {
    const wanted = request.headers.accept?.split(",")[0]?.split(";")[0];
    void registry.metrics().then((text) =>
      response.writeHead(200, { "content-type": registry.contentType }).end(
        wanted === "application/openmetrics-text" ? text : "",
      )
    );
  });
  try {
    const metric = testMetric();
    const { contentType, body } = await ask(`http://${server.address}/metrics`, acceptHeader(metric));
    assert.equal(contentType, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const { families } = readScrape(body, contentType, metric);
    assert.deepEqual(families.map(({ family, type, samples }) => [family, type, samples.length]), [
      ["requests", "counter", 1],
      ["latency_seconds", "histogram", 14],
      ["temperature", "gauge", 1],
      ["size_bytes", "summary", 9],
    ]);
    assert.equal(families[2]?.help, 'With a\nline feed, "quotes" and a \\.');
    const exemplars = families.flatMap(({ samples }) =>
      samples.flatMap(({ name, exemplar }) => exemplar === undefined ? [] : [{ name, ...exemplar }])
    );
    assert.deepEqual(exemplars.map(({ name, labels, value }) => [name, labels, value]), [
      ["requests_total", [{ name: "trace_id", value: "abc" }], 3],
      ["latency_seconds_bucket", [{ name: "trace_id", value: "def" }], 0.3],
    ]);
    for (const { timestampMs } of exemplars) assert.ok(Math.abs(Number(timestampMs) - Date.now()) < 60_000);
  } finally {
    await server.close();
  }
});
