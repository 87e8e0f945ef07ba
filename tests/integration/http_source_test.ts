/** A collector without the volume: it learns its assignment from services over HTTP, and outlives them. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { freePort, getJson, startCommand } from "../support/programs.ts";
import { applicationYaml, metricYaml } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const withinMs = 20_000;
const name = "bcs-collector-shop-0";

let folder = "";
let volume = "";
const children = new Set<Child>();
const stops: (() => Promise<unknown>)[] = [];

/** A target on loopback that counts how often it is scraped. */
async function countingTarget() {
  let ticks = 0;
  const server = createServer((_request, response) => {
    ticks++;
    response.setHeader("content-type", "text/plain; version=0.0.4").end("a 1\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot tell the target's port");
  stops.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { port: address.port, ticks: () => ticks };
}

function start(command: string, log: string, values: Parameters<typeof writeArguments>[0]): Child {
  const child = startCommand([command, ...writeArguments(values)], join(folder, `${log}.log`));
  children.add(child);
  return child;
}

function startService(port: number, log: string): Child {
  return start("service", log, {
    volume,
    listen: `127.0.0.1:${port}`,
    orchestrator: "none",
    frequencyMin: 1,
    name: log,
  });
}

async function kill(child: Child): Promise<void> {
  process.kill(child.pid, "SIGKILL");
  await child.ended;
  children.delete(child);
}

async function writeDocument(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(volume, path)), { recursive: true });
  await writeFile(join(volume, path), text);
}

interface Shown {
  readonly generation: number;
  readonly problem: string;
  readonly targets: readonly { readonly address: string; readonly health: string }[];
}

/** What a collector shows once it scrapes exactly these ports with success. */
function scraping(url: string, ports: readonly number[]): Promise<Shown> {
  const wanted = ports.map((port) => `127.0.0.1:${port}`).toSorted();
  return waitFor(`${url} scrapes ${wanted.join(" ")}`, withinMs, async () => {
    const shown = await getJson(`${url}/v1/targets`) as Shown;
    const up = shown.targets.filter((target) => target.health === "up").map((target) => target.address).toSorted();
    return JSON.stringify(up) === JSON.stringify(wanted) ? shown : null;
  });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-http-source-"));
  volume = join(folder, "volume");
  await mkdir(volume);
});

after(async () => {
  await Promise.all([...children].map((child) => child.stop(10_000)));
  for (const stop of stops) await stop();
  await rm(folder, { recursive: true });
});

test("a collector with nothing but a URL scrapes, outlives its service, and follows the next one", async () => {
  const [one, other] = [await countingTarget(), await countingTarget()];
  await writeFile(join(folder, "exporter.yaml"), "sinks:\n  - {name: file, type: file}\n");
  await writeDocument("TEST/metric/shop/cart.yaml", metricYaml("cart"));
  await writeDocument("TEST/application/shop/cart.yaml", applicationYaml("cart", [one.port]));
  start("exporter", "exporter", {
    data: join(folder, "exporter"),
    config: join(folder, "exporter.yaml"),
    name: "exporter-0",
    listen: "127.0.0.1:0",
    http: "127.0.0.1:0",
    volume,
  });
  const [first, second] = [await freePort(), await freePort()];
  let service = startService(first, "service-a");
  const urls = [first, second].map((port) => `http://127.0.0.1:${port}`);
  const http = `127.0.0.1:${await freePort()}`;
  start("collector", "collector", {
    cluster: "TEST",
    namespace: "shop",
    name,
    configSource: "http",
    service: urls.join(","),
    data: join(folder, "collector"),
    http,
    frequencyMin: 1,
  });

  const begun = await scraping(`http://${http}`, [one.port]);
  assert.equal(begun.problem, "");
  await waitFor("the service shows the collector's status", withinMs, async () => {
    const { targets } = await getJson(`${urls[0]}/v1/targets`) as {
      targets: { health: string; appliedGeneration: number }[];
    };
    return targets[0]?.health === "up" && targets[0].appliedGeneration === begun.generation ? true : null;
  });
  await waitFor("the collector is in the registry", withinMs, async () => {
    const text = await readFile(join(volume, `.bcs-metric/registry/collector/TEST.shop.${name}.json`), "utf8");
    return text.includes(name) ? true : null;
  });
  await waitFor("what was scraped is exported", withinMs, async () => {
    const metrics = await fetch(`http://${http}/metrics`);
    return /^bcs_metric_collector_unacknowledged_records\{[^}]*\} 0$/m.test(await metrics.text()) ? true : null;
  });

  await kill(service);
  const [ticksBefore, sinceMs] = [one.ticks(), performance.now()];
  await waitFor("scrapes without a service", withinMs, () => one.ticks() >= ticksBefore + 3 ? true : null);
  const seconds = (performance.now() - sinceMs) / 1000;
  const ticks = one.ticks() - ticksBefore;
  assert.ok(Math.abs(ticks - seconds) <= 1.5, `${ticks} scrapes in ${seconds} s, at one a second`);
  const alone = await getJson(`http://${http}/v1/targets`) as Shown;
  assert.equal(alone.generation, begun.generation);
  assert.notEqual(alone.problem, "");

  service = startService(second, "service-b");
  await writeDocument("TEST/application/shop/cart.yaml", applicationYaml("cart", [one.port, other.port]));
  const changed = await scraping(`http://${http}`, [one.port, other.port]);
  assert.ok(changed.generation > begun.generation);
  assert.equal(changed.problem, "");

  // The same assignment by file: the same generation and targets.
  const byFile = `127.0.0.1:${await freePort()}`;
  start("collector", "collector-by-file", {
    cluster: "TEST",
    namespace: "shop",
    name,
    volume,
    exporter: "127.0.0.1:1",
    data: join(folder, "collector-by-file"),
    http: byFile,
    frequencyMin: 1,
  });
  const filed = await scraping(`http://${byFile}`, [one.port, other.port]);
  assert.equal(filed.generation, changed.generation);
  assert.deepEqual(
    filed.targets.map((target) => target.address).toSorted(),
    changed.targets.map((target) => target.address).toSorted(),
  );
});
