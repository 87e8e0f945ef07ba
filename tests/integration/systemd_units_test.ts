/** The units in deploy/systemd: systemd takes them, and what they start works together, with the options beside them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { collectorCommand } from "../../collector/main.ts";
import { readOptions } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { leanEnvironment, leanNodeOptions } from "../../core/runtime/lean.ts";
import { freePorts, needs, startCommand } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import { applicationYaml, metricYaml } from "../support/small_system.ts";
import { InstalledUnits, type Unit } from "../support/units.ts";
import { waitFor } from "../support/wait.ts";

const source = fileURLToPath(new URL("../../deploy/systemd/", import.meta.url));
const unitNames = ["bcs-metric-exporter.service", "bcs-metric-service.service", "bcs-metric-collector@.service"];
const run = promisify(execFile);
let root = "";
let units: InstalledUnits;
const children: Child[] = [];

before(async () => {
  root = await mkdtemp(join(tmpdir(), "bcs-metric-units-"));
  units = await InstalledUnits.install(root);
});
after(async () => {
  for (const child of children.toReversed()) await child.stop(10_000);
  await rm(root, { recursive: true, force: true });
});

test(
  "systemd finds nothing wrong with the units, and little that they could reach",
  needs("systemd-analyze"),
  async () => {
    const folder = join(root, "verified");
    await mkdir(folder);
    const paths: string[] = [];
    for (const name of unitNames) {
      const path = join(folder, name.replace("@.", "@shop-0."));
      await copyFile(join(source, name), path);
      await chmod(path, 0o644);
      paths.push(path);
    }
    const { stdout, stderr } = await run("systemd-analyze", ["--man=no", "verify", ...paths]);
    assert.equal(stdout + stderr, "");
    // In tenths, of 100; without any protection a unit has 96.
    await run("systemd-analyze", ["security", "--offline=yes", "--threshold=20", "--no-pager", ...paths]);
  },
);

test("there is a user, and every unit belongs to it and writes below its state only", async () => {
  assert.match(await readFile(join(source, "sysusers.conf"), "utf8"), /^u bcs-metric /m);
  assert.deepEqual(
    (await readdir(source)).filter((name) => name.endsWith(".service")).toSorted(),
    unitNames.toSorted(),
  );
  for (const name of unitNames) {
    const unit = await units.read(name, "shop-0");
    const values = ["User", "Group", "ProtectSystem", "NoNewPrivileges"].map((setting) => unit.get(setting)?.join());
    assert.deepEqual(values, ["bcs-metric", "bcs-metric", "strict", "yes"]);
    const [environment = ""] = unit.get("Environment") ?? [];
    const lean = [
      `"NODE_OPTIONS=${leanNodeOptions.join(" ")}"`,
      `MALLOC_ARENA_MAX=${leanEnvironment["MALLOC_ARENA_MAX"]}`,
    ];
    assert.ok(lean.every((one) => environment.includes(one)), `${name}: ${environment}`);
  }
});

test("exporter and service scrape as the units start them, and ask for tokens", async () => {
  const port = await freePorts(3);
  await mkdir(units.path("/etc/bcs-metric/tokens"));
  for (const name of ["admin", "collectors"]) {
    await writeFile(units.path(`/etc/bcs-metric/tokens/${name}`), `${name}-token-of-some-length\n`);
  }
  const exporter = await start("bcs-metric-exporter.service", "exporter", [
    `--listen=127.0.0.1:${port + 1}`,
    `--http=127.0.0.1:${port + 2}`,
  ]);
  const service = await start("bcs-metric-service.service", "service", [
    `--listen=127.0.0.1:${port}`,
    "--frequency-min=1",
  ]);
  assert.deepEqual([exporter.get("KillMode"), service.get("KillMode")], [undefined, ["mixed"]]);
  await writeDocument("TEST/application/shop/exporter.yaml", applicationYaml("exporter", [port + 2]));
  await writeDocument("TEST/metric/shop/exporter.yaml", metricYaml("exporter"));
  const exported = units.path("/var/lib/bcs-metric/exporter/export");
  await waitFor("samples of the exporter's own", 20_000, async () => {
    const found = (await readExported(exported)).find(({ name }) => name === "bcs_metric_exporter_connections");
    return found ?? null;
  }).catch(async (error: unknown) => {
    const logs = await Promise.all(["exporter", "service"].map((name) => readFile(join(root, `${name}.log`), "utf8")));
    throw new Error(logs.join(""), { cause: error });
  });
  const answer = await fetch(`http://127.0.0.1:${port}/v1/targets`);
  assert.equal(answer.status, 401);
});

test("the unit of a single collector takes its options from the file of its name", async () => {
  const unit = await units.read("bcs-metric-collector@.service", "shop-0");
  const [command, ...args] = units.argumentsOf(unit);
  assert.equal(command, "collector");
  const { values } = await readOptions(collectorCommand, args, {});
  assert.equal(values.configSource, "http");
  assert.deepEqual(unit.get("StateDirectory"), [`bcs-metric/${values.data.split("/").at(-1)}`]);
  assert.equal(values.data, units.path("/var/lib/bcs-metric/collector-shop-0"));
});

/** Starts the unit's command with more options, as its own environment and its own folders have it. */
async function start(name: string, log: string, more: readonly string[]): Promise<Unit> {
  const unit = await units.read(name);
  await units.makeState(unit);
  const env = { ...process.env, ...await units.environmentOf(unit) };
  children.push(startCommand([...units.argumentsOf(unit), ...more], join(root, `${log}.log`), env));
  return unit;
}

async function writeDocument(path: string, text: string): Promise<void> {
  const file = units.path(join("/var/lib/bcs-metric/volume", path));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
