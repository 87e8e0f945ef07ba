import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { collectorsCommand } from "../../cli/collectors.ts";
import { explainCommand } from "../../cli/explain.ts";
import { exportersCommand } from "../../cli/exporters.ts";
import type { Output } from "../../cli/group.ts";
import { metricCommand } from "../../cli/metric.ts";
import { taskCommand } from "../../cli/task.ts";
import { HelpShown, OptionError } from "../../core/options.ts";
import { serveTarget, type TestServer } from "../../core/scrape/testing/target_server.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

let system: SmallSystem;
let target: TestServer;
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-cli-"));
  target = await serveTarget((request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(request.url === "/metrics" ? "# TYPE a counter\na 1\nb 2\n" : "nonsense\n");
  });
  system = await startSmallSystem({});
  await system.writeDocument(
    "TEST/application/shop/cart.yaml",
    applicationYaml("cart", [Number(target.address.split(":")[1])]),
  );
  await waitFor("the service", 20_000, async () => (await fetch(`${system.serviceUrl}/readyz`)).ok || null);
});
after(async () => {
  await system.stop();
  await target.close();
  await rm(folder, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly printed: string;
  readonly complained: readonly string[];
}

type Command = (argv: readonly string[], output: Output) => Promise<number>;

async function run(command: Command, ...argv: string[]): Promise<Ran> {
  let printed = "";
  const complained: string[] = [];
  const output = { print: (text: string) => void (printed += text), complain: (line: string) => complained.push(line) };
  const code = await command([...argv, "--server", system.serviceUrl], output);
  return { code, printed, complained };
}

const metric = (...argv: string[]) => run(metricCommand, ...argv);

/** Writes a file to be applied, below a folder of its own, and returns its path. */
async function draft(path: string, text: string): Promise<string> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
  return join(folder, path);
}

/** The outcomes that `apply --output json` tells, as `name outcome`. */
async function applied(...argv: string[]): Promise<Ran & { readonly outcomes: readonly string[] }> {
  const ran = await metric("apply", "--output", "json", ...argv);
  const { applied: list } = JSON.parse(ran.printed) as { applied: { name: string; outcome: string }[] };
  return { ...ran, outcomes: list.map(({ name, outcome }) => `${name} ${outcome}`) };
}

test("a metric is tried, applied, scraped, explained, listed, shown and deleted", async () => {
  const file = await draft("TEST/metric/shop/cart.yaml", `# Ours.\n${metricYaml("cart")}`);
  const trial = await metric("trial", "-f", file);
  assert.equal(trial.code, 0, trial.printed);
  assert.match(trial.printed, /^brought +2 samples, 2 series, 2 families$/m);
  assert.match(trial.printed, /^ {2}a\{.*cluster="TEST",.*\} 1$/m);

  assert.deepEqual((await applied("-f", file)).outcomes, ["cart created"]);
  assert.deepEqual((await applied("-f", file)).outcomes, ["cart unchanged"]);
  const scraped = await waitFor("a scrape", 20_000, async () => {
    const { printed } = await run(explainCommand, "--pod", "cart-0");
    return /is scraped for metric TEST\/shop\/cart/.test(printed) ? printed : null;
  });
  assert.match(scraped, /^ {2}ok {3}last scrape +2 samples in \d+ ms, \d+ s ago$/m);

  await waitFor("where the last scrape is", 20_000, async () => {
    const { printed } = await run(explainCommand, "--pod", "cart-0");
    return /record \d+ of bcs-collector-shop-0, is in the log of exporter-0: sink file is done with it/.test(printed)
      || null;
  });

  const list = await metric("list");
  assert.match(list.printed, /^NAMESPACE +NAME +VERSION +SELECTOR +PORT +URI +SECONDS +FILE\n/);
  assert.match(list.printed, /^shop +cart +1 +app=cart +web +\/metrics +1 +ok$/m);
  assert.match((await metric("get", "cart")).printed, /^# Ours\.\napiVersion: /);
  const shown = await metric("get", "cart", "--cluster", "TEST", "--namespace", "shop", "--output", "json");
  assert.equal((JSON.parse(shown.printed) as { spec: { method: string } }).spec.method, "GET");
  assert.match((await run(collectorsCommand)).printed, /^shop +bcs-collector-shop-0 +running +yes +\d+s +1 /m);
  await waitFor(
    "the exporter",
    10_000,
    async () => /^exporter-0 +127\.0\.0\.1:\d+ /m.test((await run(exportersCommand)).printed) || null,
  );

  assert.equal((await metric("delete", "cart")).printed, "deleted metric TEST/shop/cart\n");
  await assert.rejects(
    metric("delete", "cart"),
    /^UserError: Cannot find metric "cart": the service has none in force$/,
  );
  await assert.rejects(readFile(join(system.volume, "TEST/metric/shop/cart.yaml")), { code: "ENOENT" });
});

test("a changed spec with the same version is refused, and other files go on", async () => {
  const text = metricYaml("same");
  await draft("conflict/TEST/metric/shop/same.yaml", text);
  await draft("conflict/TEST/metric/shop/zoo.yaml", metricYaml("zoo"));
  const all = join(folder, "conflict");
  assert.deepEqual((await applied(all)).outcomes, ["same created", "zoo created"]);
  await draft("conflict/TEST/metric/shop/same.yaml", text.replace("/metrics", "/other"));
  await draft("conflict/TEST/metric/shop/zoo.yaml", metricYaml("zoo").replace('"1"', '"2"'));
  const second = await applied(all);
  assert.deepEqual([second.code, second.outcomes], [1, ["same refused", "zoo updated"]]);
  assert.match(second.complained.join("\n"), /same\.yaml.*version/);
});

test("a problem in any file is told with its place, and nothing is sent", async () => {
  await draft("broken/TEST/metric/shop/good.yaml", metricYaml("good"));
  await draft("broken/TEST/metric/shop/bad.yaml", metricYaml("bad").replace("port: web", "prot: web"));
  const ran = await metric("apply", "-f", join(folder, "broken"));
  assert.equal(ran.code, 1);
  assert.match(ran.complained[0] ?? "", /broken\/TEST\/metric\/shop\/bad\.yaml:\d+:\d+: /);
  assert.equal(ran.complained.at(-1), "nothing was sent");
  await assert.rejects(metric("get", "good"), /none in force/);
  const other = await draft("cart-app.yaml", applicationYaml("cart", [80]));
  const wrong = await metric("apply", other);
  assert.deepEqual(wrong.complained[0], `${other}:2:7: its kind is Application; this command applies metrics`);
});

test("a trial that fails says why, and its exit code says that it does", async () => {
  const nonsense = await draft(
    "nonsense.yaml",
    metricYaml("nonsense").replace("/metrics", "/other").replace("app: nonsense", "app: cart"),
  );
  const ran = await metric("trial", "-f", nonsense);
  assert.equal(ran.code, 1);
  assert.match(ran.printed, /^error +1:\d+: /m);
  const nothing = await draft("nothing.yaml", metricYaml("nothing"));
  await assert.rejects(metric("trial", "-f", nothing), /Nothing to scrape: metric nothing has no target/);
  await assert.rejects(metric("trial", "none"), /none in force/);
});

test("tasks are applied and listed as metrics are", async () => {
  const file = await draft(
    "task.yaml",
    "apiVersion: bcs-metric/v1\nkind: Task\nmetadata: { clusterId: TEST, namespace: shop, name: vm }\n"
      + "spec: { selector: { app: vm }, pods: [{ ip: 127.0.0.1, port: 9100 }] }\n",
  );
  assert.equal((await run(taskCommand, "apply", "-f", file)).code, 0);
  assert.match((await run(taskCommand, "list")).printed, /^shop +vm +app=vm +1 +ok$/m);
  assert.equal((await run(taskCommand, "delete", "vm")).code, 0);
});

test("help and mistakes are told before anything is asked", async () => {
  let help = "";
  const output = { print: (text: string) => void (help += text), complain: () => {} };
  await assert.rejects(metricCommand([], output), HelpShown);
  assert.match(help, /^Usage: bcs-metric metric COMMAND/);
  assert.match(help, /^ {2}trial +scrape one instance now/m);
  await assert.rejects(metricCommand(["lst"], output), OptionError);
  await assert.rejects(metric("apply"), OptionError);
  await assert.rejects(metric("delete", "a", "b"), OptionError);
  await assert.rejects(run(explainCommand, "--pod", "a", "--metric", "b"), OptionError);
});
