/**
 * What deploy/ and docs/monitoring.md say of our metrics, held against the metrics of real processes, and against a
 * real Prometheus that scrapes them.
 */
import { load } from "js-yaml";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { type MetricsPage, type MonitoredSystem, startMonitoredSystem } from "../support/monitored_system.ts";
import {
  familiesOf,
  type Family,
  groupingLabelsOf,
  labelNamesOf,
  selectorsOf,
  selects,
} from "../support/own_metrics.ts";
import { freePort, getJson, needs, type Program, startProgram } from "../support/programs.ts";
import { waitFor } from "../support/wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const alertsPath = join(root, "deploy/prometheus/alerts.yaml");
const alertTestsPath = join(root, "deploy/prometheus/alerts_test.yaml");
const dashboardsFolder = join(root, "deploy/grafana");
/** Labels that Prometheus adds to what it scrapes. */
const targetLabels = new Set(["instance", "job", "component"]);
/** Labels of metrics whose series nobody can know before their first event, since they name what users define. */
const openLabels: ReadonlyMap<string, readonly string[]> = new Map([
  ["bcs_metric_collector_limit_exceeded_total", ["limit", "metric"]],
  ["bcs_metric_service_kubernetes_failures_total", ["cluster", "kind"]],
  ["bcs_metric_service_kubernetes_requests_total", ["cluster"]],
  ["bcs_metric_service_mesos_failures_total", ["cluster", "kind"]],
  ["bcs_metric_service_mesos_requests_total", ["cluster"]],
]);

const alertsSchema = z.object({
  groups: z.array(z.object({
    rules: z.array(z.object({ alert: z.string(), expr: z.string(), annotations: z.record(z.string(), z.string()) })),
  })),
});
const alertTestsSchema = z.object({
  tests: z.array(z.object({
    promql_expr_test: z.array(z.object({ expr: z.string(), exp_samples: z.array(z.unknown()) })),
  })),
});
const panelsSchema = z.object({
  uid: z.string(),
  templating: z.object({ list: z.array(z.looseObject({ definition: z.string().optional() })) }),
  panels: z.array(z.looseObject({
    id: z.number(),
    title: z.string(),
    targets: z.array(z.object({ expr: z.string(), legendFormat: z.string().optional() })).default([]),
  })),
});

/** An expression, and where it stands. */
interface Query {
  readonly place: string;
  readonly expression: string;
  /** Labels that a legend shows. */
  readonly shown: readonly string[];
}

async function alerts() {
  const { groups } = alertsSchema.parse(load(await readFile(alertsPath, "utf8")));
  return groups.flatMap(({ rules }) => rules);
}

async function dashboards() {
  const names = await readdir(dashboardsFolder);
  return await Promise.all(
    names.map(async (name) => {
      const json: unknown = JSON.parse(await readFile(join(dashboardsFolder, name), "utf8"));
      return { name, ...panelsSchema.parse(json) };
    }),
  );
}

async function alertQueries(): Promise<Query[]> {
  return (await alerts()).map(({ alert, expr, annotations }) => ({
    place: alert,
    expression: expr,
    shown: labelsShown(Object.values(annotations).join(" "), /\$labels\.(\w+)/g),
  }));
}

async function panelQueries(): Promise<Query[]> {
  return (await dashboards()).flatMap(({ name, panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, legendFormat = "" }) => ({
        place: `${name}: ${title}`,
        expression: expr,
        shown: labelsShown(legendFormat, /\{\{(\w+)\}\}/g),
      }))
    )
  );
}

function labelsShown(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, label = ""]) => label);
}

suite("alerts and dashboards", () => {
  test("each alert has a test that sees it fire, one that sees it silent, and a section that tells what to do", async () => {
    const { tests } = alertTestsSchema.parse(load(await readFile(alertTestsPath, "utf8")));
    const checks = tests.flatMap((one) => one.promql_expr_test);
    const page = await readFile(join(root, "docs/monitoring.md"), "utf8");
    const anchors = new Set(
      [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
        title.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")
      ),
    );
    for (const { alert, annotations } of await alerts()) {
      const own = checks.filter(({ expr }) => expr.includes(`alertname="${alert}"`));
      assert.ok(own.some((check) => check.exp_samples.length > 0), `${alert} is never seen to fire`);
      assert.ok(own.some((check) => check.exp_samples.length === 0), `${alert} is never seen to be silent`);
      const [file, anchor = ""] = (annotations["runbook_url"] ?? "").split("#");
      assert.equal(file, "docs/monitoring.md", alert);
      assert.ok(anchors.has(anchor), `docs/monitoring.md lacks the section "${anchor}" of ${alert}`);
      assert.ok(annotations["summary"] && annotations["description"], alert);
    }
  });

  test("no two panels of a dashboard have one id, and no two dashboards one uid", async () => {
    const all = await dashboards();
    assert.equal(new Set(all.map(({ uid }) => uid)).size, all.length);
    for (const { name, panels } of all) assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, name);
  });

  test("promtool finds the rules right, and they pass their tests", needs("promtool"), async () => {
    const run = promisify(execFile);
    await run("promtool", ["check", "rules", alertsPath]);
    await run("promtool", ["test", "rules", alertTestsPath]);
    const example = await run("promtool", ["check", "config", join(root, "deploy/prometheus/prometheus.yaml")]);
    assert.match(example.stdout, /SUCCESS/);
  });
});

suite("metrics of real processes", () => {
  let system: MonitoredSystem;
  let pages: { readonly page: MetricsPage; readonly families: readonly Family[] }[];

  before(async () => {
    system = await startMonitoredSystem();
    pages = await Promise.all(
      system.pages.map(async (page) => ({ page, families: familiesOf(await system.read(page)) })),
    );
  });
  after(() => system.stop());

  test("docs/monitoring.md lists each metric with its type, labels and meaning, and no other", async () => {
    const text = await readFile(join(root, "docs/monitoring.md"), "utf8");
    const documented = new Set([...text.matchAll(/^\| `bcs_metric_.*\|$/gm)].map(([row]) => tidy(row)));
    const real = new Set(pages.flatMap(({ families }) => families).filter(isOurs).map(rowOf));
    assert.deepEqual([...real].filter((row) => !documented.has(row)), [], "docs/monitoring.md lacks these rows");
    assert.deepEqual([...documented].filter((row) => !real.has(row)), [], "docs/monitoring.md has rows of no metric");
  });

  test("every metric that a guide names exists", async () => {
    const real = new Set(pages.flatMap(({ families }) => families).map(({ name }) => name));
    const guides = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
    for (const guide of guides) {
      const text = await readFile(join(root, "docs", guide), "utf8");
      const named = [...text.matchAll(/\bbcs_metric_\w*[a-z]\b(?!…)/g)].map(([name]) => name);
      assert.deepEqual(named.filter((name) => !real.has(name)), [], `docs/${guide} names metrics that do not exist`);
    }
  });

  test("every metric has a series from the start, so that its first event is seen", () => {
    for (const { page, families } of pages) {
      for (const { name, series } of families.filter(isOurs)) {
        if (openLabels.has(name)) continue;
        assert.ok(series.length > 0, `${name} of the ${page.part} has no series before its first event`);
      }
    }
  });

  test("every series that alerts and dashboards ask for exists, with every label that they use", async () => {
    const all = pages.flatMap(({ families }) => families).flatMap(({ series }) => series)
      .map(({ name, labels }) => ({ name, labels: { ...labels, instance: "127.0.0.1:1", job: "any" } }));
    const variables = (await dashboards()).flatMap(({ name, templating }) =>
      templating.list.flatMap(({ definition }) =>
        definition === undefined ? [] : [{ place: `${name}: variables`, expression: definition, shown: [] }]
      )
    );
    for (const { place, expression, shown } of [...await alertQueries(), ...await panelQueries(), ...variables]) {
      const selectors = selectorsOf(expression);
      assert.ok(selectors.length > 0, `${place} asks for none of our metrics`);
      const known = new Set(targetLabels);
      for (const selector of selectors) {
        const found = all.filter((series) => selects(selector, series));
        assert.ok(found.length > 0, `${place}: nothing matches ${JSON.stringify(selector)}`);
        for (const { labels } of found) for (const label of Object.keys(labels)) known.add(label);
      }
      for (const label of [...groupingLabelsOf(expression), ...shown]) {
        assert.ok(known.has(label), `${place}: no metric in it has the label "${label}"`);
      }
    }
  });

  suite("as a real Prometheus scrapes them", needs("prometheus"), () => {
    let prometheus: Program;

    before(async () => {
      prometheus = await startScraping(system);
    });
    after(() => prometheus.stop());

    test("it answers the query of every panel with something", { timeout: 60_000 }, async () => {
      for (const { place, expression } of await panelQueries()) {
        const query = expression.replaceAll("$__rate_interval", "1m").replaceAll(/"\$\w+"/g, `".*"`);
        await waitFor(`an answer for ${place}`, 20_000, async () => (await ask(prometheus, query)).length > 0 || null);
      }
    });

    test("it takes the query of every alert, and none fires on a sound system", async () => {
      // The certificates of tests are good for a day only.
      const expected = new Set(["BcsMetricCertificateEnds"]);
      for (const { place, expression } of await alertQueries()) {
        const firing = await ask(prometheus, expression);
        if (!expected.has(place)) assert.deepEqual(firing, [], place);
      }
    });
  });
});

function isOurs({ name }: Family): boolean {
  return name.startsWith("bcs_metric_");
}

function rowOf(family: Family): string {
  const labels = (openLabels.get(family.name) ?? labelNamesOf(family)).map((label) => `\`${label}\``).join(", ");
  return tidy(`| \`${family.name}\` | ${family.type} | ${labels} | ${family.help} |`);
}

/** Without the blanks that align the columns of a table. */
function tidy(row: string): string {
  return row.split("|").map((cell) => cell.trim()).join("|");
}

async function startScraping({ folder, pages, caPath }: MonitoredSystem): Promise<Program> {
  const config = join(folder, "prometheus.yml");
  const job = ({ part, address, secure }: MetricsPage) =>
    `  - job_name: bcs-metric-${part}-${address}\n    scheme: ${secure ? "https" : "http"}\n`
    + `    tls_config: { ca_file: "${caPath}" }\n    static_configs: [{ targets: ["${address}"] }]\n`;
  const rules = `rule_files: ["${alertsPath}"]\n`;
  await writeFile(config, `global: { scrape_interval: 1s }\n${rules}scrape_configs:\n${pages.map(job).join("")}`);
  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "prometheus")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  return await startProgram("prometheus", args, port, "/-/ready");
}

const answerSchema = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

async function ask({ url }: Program, query: string): Promise<unknown[]> {
  return answerSchema.parse(await getJson(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).data.result;
}
