/**
 * Relabelling and staleness, held against Debian's Prometheus: it scrapes the same targets with the same rules, and
 * receives what we make of them.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { freePort, getJson, needs, type Program, startProgram } from "../support/programs.ts";
import { readExported, seriesKey } from "../support/sink_files.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

type Rule = Readonly<Record<string, unknown>>;

const targetRules: readonly Rule[] = [
  { sourceLabels: ["pod"], regex: "(rules|honest)-[01]", action: "keep" },
  { sourceLabels: ["__address__"], action: "hashmod", modulus: 7, targetLabel: "shard" },
  { sourceLabels: ["pod"], regex: "(.+)-(\\d+)", targetLabel: "ordinal", replacement: "no-${2}-of-$1" },
  { sourceLabels: ["pod", "__address__"], separator: "@", targetLabel: "instance" },
  { targetLabel: "__metrics_path__", replacement: "/real" },
  { targetLabel: "__param_q", replacement: "x y" },
  { targetLabel: "__tmp_of_mine", replacement: "gone" },
];

const metricRules: readonly Rule[] = [
  { sourceLabels: ["__name__", "code"], regex: "requests;5..", action: "drop" },
  { sourceLabels: ["__name__"], regex: "old_(.*)", targetLabel: "__name__", replacement: "new_$1" },
  { regex: "map_(.+)", replacement: "mapped_$1", action: "labelmap" },
  { regex: "secret|map_.*", action: "labeldrop" },
  { sourceLabels: ["path"], action: "uppercase", targetLabel: "path_upper" },
  { sourceLabels: ["path"], action: "lowercase", targetLabel: "path" },
  { sourceLabels: ["path", "code"], action: "hashmod", modulus: 1000, targetLabel: "bucket" },
  { sourceLabels: ["left"], targetLabel: "right", replacement: "$1", regex: "(never)" },
  { sourceLabels: ["left"], regex: "none|.{0}|l(.*)t", targetLabel: "cut", replacement: "[$1]" },
  { sourceLabels: ["pod"], targetLabel: "pod", action: "keepequal" },
  { sourceLabels: ["equal"], targetLabel: "equals", action: "dropequal" },
  { sourceLabels: ["__name__"], regex: "zoneless", targetLabel: "shard", replacement: "" },
  { sourceLabels: ["__name__"], regex: "nothing_like_it", action: "drop" },
];

/** Every series has `equal`, since dropequal holds for two labels that are missing, too. */
const exposed = `# HELP requests Requests.
# TYPE requests counter
requests{equal="a",code="200",path="/Ä/Cart"} 10
requests{equal="a",code="500",path="/Ä/Cart"} 1
requests{equal="a",code="404",pod="mine",instance="here",exported_pod="twice",metric="m"} 2
old_queue{equal="a",map_zone="z",map_rack="r",secret="s",left="left"} 3
zoneless{equal="a",left="lt",shard="7"} 4
same{equal="b",equals="b"} 5
other{equal="b",equals="c",namespace=""} 6
`;

/** Every instance is asked for through one prober, as blackbox exporters are. */
const probeRules = (prober: string): readonly Rule[] => [
  { sourceLabels: ["__address__"], targetLabel: "__param_target" },
  { sourceLabels: ["__param_target"], targetLabel: "instance" },
  { targetLabel: "__metrics_path__", replacement: "/probe" },
  { targetLabel: "__address__", replacement: prober },
];

suite("relabelling and staleness as Prometheus has them", needs("prometheus"), () => {
  let folder: string;
  let targets: Listener[];
  let fading: Listener;
  let prober: Listener;
  let prometheus: Program;
  let system: SmallSystem;
  /** What the fading target exposes; null answers with an error. */
  let fadingBody: string | null = `fading 1\nsteady 2\ntimed 3 ${Date.now()}\n`;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-relabel-"));
    targets = await Promise.all(Array.from({ length: 3 }, () => serveText((request) => textOf(request))));
    fading = await serveText(() => fadingBody);
    prober = await serveText((request) => {
      const { pathname, searchParams } = new URL(request.url);
      return pathname === "/probe" ? `probed ${searchParams.get("target")?.split(":")[1]}\n` : null;
    });
    prometheus = await startPrometheus();
    system = await startSmallSystem({
      sinks: `  - {name: prometheus, type: remote_write, url: "${prometheus.url}/api/v1/write"}\n`,
    });
    for (const [name, honorLabels] of [["rules", false], ["honest", true]] as const) {
      const spec = `  honorLabels: ${honorLabels}\n  relabelings: ${JSON.stringify(targetRules)}\n`
        + `  metricRelabelings: ${JSON.stringify(metricRules)}\n`;
      await system.writeDocument(`TEST/metric/shop/${name}.yaml`, metricYaml(name, spec));
      await system.writeDocument(`TEST/application/shop/${name}.yaml`, applicationYaml(name, targets.map(portOf)));
    }
    const probing = `  relabelings: ${JSON.stringify(probeRules(`127.0.0.1:${portOf(prober)}`))}\n`;
    await system.writeDocument("TEST/metric/shop/probe.yaml", metricYaml("probe", probing));
    await system.writeDocument("TEST/application/shop/probe.yaml", applicationYaml("probe", targets.map(portOf)));
    await system.writeDocument("TEST/metric/shop/fading.yaml", metricYaml("fading"));
    await system.writeDocument("TEST/application/shop/fading.yaml", applicationYaml("fading", [portOf(fading)]));
  });

  after(async () => {
    await system.stop();
    await prometheus.stop();
    for (const target of [...targets, fading, prober]) await target.close();
    await rm(folder, { recursive: true });
  });

  for (const name of ["rules", "honest"]) {
    test(`the same rules make the same series (${name})`, async () => {
      const [theirs, ours] = await waitFor("the series of both", 30_000, async () => {
        const series = await instant(`{ordinal=~"no-.*-of-${name}"}`);
        const pair = [true, false].map((direct) =>
          series.filter(({ metric }) => (metric["job"] === `direct-${name}`) === direct).map(shown)
            .filter((line) => !/scrape_duration_seconds|scrape_series_added/.test(line)).toSorted()
        );
        return pair.every((lines) => lines.length === 16) ? pair : null;
      });
      assert.deepEqual(ours, theirs);
    });
  }

  test("probes through one address are targets of their own", async () => {
    const [theirs, ours] = await waitFor("the probes of both", 30_000, async () => {
      const series = await instant("probed");
      const pair = [true, false].map((direct) =>
        series.filter(({ metric }) => (metric["job"] === "direct-probe") === direct).map(shown).toSorted()
      );
      return pair.every(({ length }) => length === targets.length) ? pair : null;
    });
    assert.deepEqual(ours, theirs);
    const answer = await getJson(`${system.serviceUrl}/v1/targets?metric=probe`) as {
      readonly targets: readonly { readonly address: string; readonly endpoint: string; readonly health: string }[];
    };
    const address = `127.0.0.1:${portOf(prober)}`;
    const endpoints = targets.map((target) => `${address}/probe?target=127.0.0.1%3A${portOf(target)}`).toSorted();
    assert.deepEqual(
      answer.targets.map((target) => [target.address, target.endpoint, target.health]),
      endpoints.map((endpoint) => [address, endpoint, "up"]),
    );
  });

  test("a vanished series is stale at once, and so is every one of a failed scrape and of a removed target", async () => {
    const present = (...names: string[]) =>
      waitFor(`exactly ${names.join(", ")}`, 20_000, async () => {
        const instance = `127.0.0.1:${portOf(fading)}`;
        const series = await instant(`{instance="${instance}",__name__=~"fading|steady|up|back"}`);
        const got = series.map(({ metric }) => metric["__name__"] ?? "").toSorted();
        return got.join() === names.toSorted().join() ? true : null;
      });
    // Prometheus would show each for five minutes, if it were not marked.
    await present("fading", "steady", "up");
    fadingBody = "steady 2\n";
    await present("steady", "up");
    fadingBody = null;
    await present("up");
    fadingBody = "back 1\n";
    await present("back", "up");
    const [other] = targets;
    assert.ok(other !== undefined);
    await system.writeDocument("TEST/application/shop/fading.yaml", applicationYaml("fading", [portOf(other)]));
    await present();
    const lines = await readExported(system.exported);
    const stale = lines.filter((line) => "stale" in line && line.labels["metric"] === "fading").map(({ name }) => name);
    assert.deepEqual([...new Set(stale)].slice(0, 4), ["fading", "steady", "back", "up"]);
    assert.equal(stale.filter((name) => name === "steady").length, 1, "it is marked once");
    assert.ok(!stale.includes("timed"), "a series with explicit times is left alone");
  });

  async function startPrometheus(): Promise<Program> {
    const config = join(folder, "prometheus.yml");
    const jobs = (["rules", "honest"] as const).map((name) => ({
      job_name: `direct-${name}`,
      scrape_interval: "1s",
      scrape_timeout: "1s",
      honor_labels: name === "honest",
      static_configs: targets.map((target, index) => ({
        targets: [`127.0.0.1:${portOf(target)}`],
        labels: { cluster: "TEST", namespace: "shop", metric: name, pod: `${name}-${index}` },
      })),
      relabel_configs: targetRules.map(snakeCased),
      metric_relabel_configs: metricRules.map(snakeCased),
    }));
    const probe = {
      job_name: "direct-probe",
      scrape_interval: "1s",
      scrape_timeout: "1s",
      static_configs: targets.map((target, index) => ({
        targets: [`127.0.0.1:${portOf(target)}`],
        labels: { cluster: "TEST", namespace: "shop", metric: "probe", pod: `probe-${index}` },
      })),
      relabel_configs: probeRules(`127.0.0.1:${portOf(prober)}`).map(snakeCased),
    };
    await writeFile(config, JSON.stringify({ scrape_configs: [...jobs, probe] }));
    const port = await freePort();
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
    ];
    return await startProgram("prometheus", args, port, "/-/ready");
  }

  interface Instant {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }

  async function instant(query: string): Promise<readonly Instant[]> {
    const search = new URLSearchParams({ query }).toString();
    const answer = await getJson(`${prometheus.url}/api/v1/query?${search}`) as {
      readonly data: { readonly result: readonly Instant[] };
    };
    return answer.data.result;
  }
});

/** The exposition, at the path and with the parameter that the rules lead to. */
function textOf(request: Request): string | null {
  const { pathname, searchParams } = new URL(request.url);
  return pathname === "/real" && searchParams.get("q") === "x y" ? exposed : null;
}

async function serveText(text: (request: Request) => string | null): Promise<Listener> {
  return await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    const body = text(request);
    const headers = { "content-type": "text/plain; version=0.0.4" };
    return new Response(body ?? "", { status: body === null ? 500 : 200, headers });
  });
}

function portOf({ address }: Listener): number {
  return address.port;
}

/** Labels and value, without the job, which only Prometheus' own targets have. */
function shown({ metric, value }: { metric: Readonly<Record<string, string>>; value: readonly [number, string] }) {
  const { job: _job, ...labels } = metric;
  return `${seriesKey(labels)} ${value[1]}`;
}

function snakeCased(rule: Rule): Rule {
  return Object.fromEntries(
    Object.entries(rule).map((
      [key, value],
    ) => [key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}
