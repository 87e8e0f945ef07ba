/** The pull sink, scraped by Debian's Prometheus and read back by PromQL. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { makeStale, testBatch, testScrape, testTarget } from "../../exporter/sinks/batch_testing.ts";
import { createPullSink, pullType } from "../../exporter/sinks/pull/sink.ts";
import { freePort, getJson, needs, startProgram } from "../support/programs.ts";
import { waitFor } from "../support/wait.ts";

interface Vector {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

suite("pull", needs("prometheus"), () => {
  test(
    "a Prometheus that federates has the samples with their labels, values and times",
    { timeout: 60_000 },
    async (context) => {
      const folder = await mkdtemp(join(tmpdir(), "bcs-metric-pull-"));
      context.after(() => rm(folder, { recursive: true }));
      const config = pullType.schema.parse({
        name: "pull",
        type: "pull",
        listen: "127.0.0.1:0",
        bearerToken: "env:TOKEN",
      });
      const variables = { TOKEN: "federation" };
      const log = makeLogger("test", "silent");
      const sink = await createPullSink(config, { env: systemEnv, configDir: folder, variables, log });
      context.after(() => sink.close());
      const target = testTarget({ job: "shop", instance: "10.0.0.1:9100" });
      const timestampMs = Date.now();
      const samples = [
        { name: "cart_size", labels: { path: `a"\\b`, name: "温度" }, value: 0.1 },
        { name: "cart_limit", value: Infinity },
        { name: "cart_ended", value: 1 },
        { name: "other", value: 1 },
      ];
      await sink.deliver(testBatch([testScrape([samples], { timestampMs, target })]), new AbortController().signal);
      const prometheus = await startFederation(folder, sink.address);
      context.after(() => prometheus.stop());
      const read = async (query: string) => {
        const search = new URLSearchParams({ query }).toString();
        return (await getJson(`${prometheus.url}/api/v1/query?${search}`) as Vector).data.result;
      };
      const found = await waitFor("the samples in Prometheus", 30_000, async () => {
        const series = await read(`{job="shop"}[1m]`);
        return series.length === 3 ? series : null;
      });
      const seconds = timestampMs / 1000;
      const common = { instance: "10.0.0.1:9100", job: "shop" };
      const byName = found.toSorted((a, b) => (a.metric["__name__"] ?? "") < (b.metric["__name__"] ?? "") ? -1 : 1);
      assert.deepEqual(byName.map(({ metric, values: [first] }) => ({ metric, first })), [
        { metric: { ...common, __name__: "cart_ended" }, first: [seconds, "1"] },
        { metric: { ...common, __name__: "cart_limit" }, first: [seconds, "+Inf"] },
        { metric: { ...common, __name__: "cart_size", path: `a"\\b`, name: "温度" }, first: [seconds, "0.1"] },
      ]);
      const later = Date.now();
      const next = testScrape([[{ name: "cart_ended", value: 0 }, { name: "cart_limit", value: 7 }]], {
        timestampMs: later,
        target,
      });
      makeStale(next, 0);
      await sink.deliver(testBatch([next]), new AbortController().signal);
      await waitFor("the newer value", 30_000, async () => {
        const [limit] = await read(`cart_limit{job="shop"}[1m]`);
        return limit?.values.at(-1)?.[1] === "7" ? true : null;
      });
      const [ended] = await read(`cart_ended{job="shop"}[1m]`);
      assert.deepEqual(ended?.values.map(([, value]) => value), ["1"]);
    },
  );
});

async function startFederation(folder: string, address: string) {
  const config = join(folder, "prometheus.yml");
  await writeFile(
    config,
    `scrape_configs:
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: { "match[]": ['{__name__=~"cart_.*"}'] }
    authorization: { credentials: federation }
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{ targets: ["${address}"] }]
`,
  );
  const port = await freePort();
  const options = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "tsdb")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  return await startProgram("prometheus", options, port, "/-/ready");
}
