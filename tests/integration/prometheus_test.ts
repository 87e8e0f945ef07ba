/**
 * The main job with the real thing at both ends: Debian's node_exporter is scraped, and Debian's Prometheus receives.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { freePort, getJson, needs, type Program, startProgram } from "../support/programs.ts";
import { type ExportedSample, readExported, seriesKey } from "../support/sink_files.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

/** Answers of Prometheus' query API to a range selector. */
interface Matrix {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

/** Labels that say where a scrape came from, and not what the target exposed. */
const targetLabels = new Set(["cluster", "namespace", "metric", "instance", "pod", "job"]);

suite("node_exporter to Prometheus", needs("prometheus", "prometheus-node-exporter"), () => {
  let folder: string;
  let nodeExporter: Program;
  let frozen: Listener;
  let prometheus: Program;
  let system: SmallSystem;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-prometheus-"));
    const nodePort = await freePort();
    const nodeArgs = [`--web.listen-address=127.0.0.1:${nodePort}`];
    nodeExporter = await startProgram("prometheus-node-exporter", nodeArgs, nodePort, "/metrics");
    frozen = await serveFrozen(`${nodeExporter.url}/metrics`);
    prometheus = await startPrometheus(folder, frozen.address.port);
    system = await startSmallSystem({
      sinks: `  - {name: prometheus, type: remote_write, url: "${prometheus.url}/api/v1/write"}\n`,
    });
    await system.writeDocument("TEST/metric/shop/node.yaml", metricYaml("node", "  constLabels: { team: trade }\n"));
    await system.writeDocument("TEST/application/shop/node.yaml", applicationYaml("node", [nodePort]));
    await system.writeDocument("TEST/metric/shop/frozen.yaml", metricYaml("frozen"));
    await system.writeDocument("TEST/application/shop/frozen.yaml", applicationYaml("frozen", [frozen.address.port]));
  });

  after(async () => {
    await system.stop();
    await prometheus.stop();
    await frozen.close();
    await nodeExporter.stop();
    await rm(folder, { recursive: true });
  });

  test("every series of one scrape is read back from Prometheus, equal in labels and value", async () => {
    const scrape = await waitFor("a whole scrape in the file sink", 30_000, () => lastScrape("node"));
    assert.ok(scrape.length > 200, `node_exporter exposes more than ${scrape.length} series`);
    const timeMs = scrape[0]?.timestampMs ?? 0;
    const want = scrape.map((sample) =>
      `${seriesKey({ __name__: sample.name, ...sample.labels })} ${Number(sample.value)}`
    );
    const got = await waitFor("the scrape in Prometheus", 30_000, async () => {
      const found = await samplesAt(`{metric="node",cluster="TEST"}`, timeMs);
      return found.length === want.length ? found : null;
    });
    assert.deepEqual(got.toSorted(), want.toSorted());
    assert.ok(want.every((line) => line.includes(`team="trade"`) && line.includes(`pod="node-0"`)));
  });

  test("Prometheus, scraping the same exposition itself, has the same series and values", async () => {
    const [theirs, ours] = await waitFor("both in Prometheus", 30_000, async () => {
      const pair = [await latest(`{job="direct"}`), await latest(`{metric="frozen"}`)] as const;
      return pair.every((series) => series.size > 200) ? pair : null;
    });
    const varying = /^__name__="(scrape_duration_seconds|scrape_series_added)"/;
    const compare = (series: ReadonlyMap<string, string>) =>
      [...series].filter(([key]) => !varying.test(key)).map(([key, value]) => `${key} ${value}`).toSorted();
    assert.deepEqual(compare(ours), compare(theirs));
  });

  /** The samples of the last but one scrape of a metric, which the file sink has whole. */
  async function lastScrape(metric: string): Promise<ExportedSample[] | null> {
    const samples = (await readExported(system.exported)).filter((sample) => sample.labels["metric"] === metric);
    const times = [...new Set(samples.filter((sample) => sample.name === "up").map((sample) => sample.timestampMs))];
    const timeMs = times.at(-2);
    return timeMs === undefined ? null : samples.filter((sample) => sample.timestampMs === timeMs);
  }

  /** `labels value` of every sample that Prometheus holds at exactly this time. */
  async function samplesAt(selector: string, timeMs: number): Promise<string[]> {
    const series = await query({ query: `${selector}[1s]`, time: String(timeMs / 1000) });
    return series.flatMap(({ metric, values }) =>
      values.filter(([seconds]) => Math.round(seconds * 1000) === timeMs)
        .map(([, value]) => `${seriesKey(metric)} ${Number(value)}`)
    );
  }

  /** The latest value of every series, by what the target exposed of its labels. */
  async function latest(selector: string): Promise<Map<string, string>> {
    const series = await query({ query: `${selector}[30s]` });
    return new Map(series.map(({ metric, values }) => {
      const exposed = Object.fromEntries(Object.entries(metric).filter(([name]) => !targetLabels.has(name)));
      return [seriesKey(exposed), values.at(-1)?.[1] ?? ""];
    }));
  }

  async function query(parameters: Record<string, string>): Promise<Matrix["data"]["result"]> {
    const search = new URLSearchParams(parameters).toString();
    const answer = await getJson(`${prometheus.url}/api/v1/query?${search}`) as Matrix;
    return answer.data.result;
  }
});

/** What node_exporter exposes at one moment, served over and over, so that two scrapers see the same. */
async function serveFrozen(source: string): Promise<Listener> {
  const answer = await fetch(source);
  const body = await answer.text();
  const headers = { "content-type": answer.headers.get("content-type") ?? "" };
  return await serveHttp({ host: "127.0.0.1", port: 0 }, () => new Response(body, { headers }));
}

async function startPrometheus(folder: string, directPort: number): Promise<Program> {
  const config = join(folder, "prometheus.yml");
  await writeFile(
    config,
    `scrape_configs:
  - job_name: direct
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{ targets: ["127.0.0.1:${directPort}"] }]
`,
  );
  const port = await freePort();
  return await startProgram(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
    ],
    port,
    "/-/ready",
  );
}
