/** A collector that ends, by SIGTERM or SIGKILL, while no exporter is there: the next one sends what it has scraped. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { collectionPath, collectionText, testMetric } from "../../collector/testing/collections.ts";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { freePorts, startCommand } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import { waitFor } from "../support/wait.ts";

const graceMs = 15_000;

suite("a collector without an exporter", () => {
  let folder = "";
  let target: Listener;
  let scrapes = 0;
  let port = 0;
  const children: Child[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-spool-"));
    port = await freePorts(2);
    target = await serveHttp({ host: "127.0.0.1", port: 0 }, () => {
      const headers = { "content-type": "text/plain; version=0.0.4" };
      return new Response(`scrapes_total ${++scrapes}\n`, { headers });
    });
    const address = `127.0.0.1:${target.address.port}`;
    const path = join(folder, "volume", collectionPath);
    await mkdir(dirname(path), { recursive: true });
    const metrics = [testMetric({ frequency: 1, timeout: 1 }, [{ address }])];
    await writeFile(path, collectionText({ generation: 1, metrics }));
    await writeFile(join(folder, "exporter.yaml"), "sinks:\n  - {name: file, type: file}\n");
  });

  after(async () => {
    for (const child of children) await child.stop(graceMs);
    await target.close();
    await rm(folder, { recursive: true });
  });

  test("leaves what it has scraped to the next start, and ends with 0", { timeout: 90_000 }, async () => {
    const first = await collectorAfter(4);
    assert.deepEqual(await first.stop(graceMs), { code: 0, signal: null, reason: "" });
    const scrapedByFirst = scrapes;
    assert.ok((await spoolFiles()).length > 0, "the rest is in the spool");
    const second = await collectorAfter(3);
    process.kill(second.pid, "SIGKILL");
    await second.ended;
    const scrapedBefore = scrapes;
    await collectorAfter(2);
    start("exporter", {
      data: join(folder, "exporter"),
      config: join(folder, "exporter.yaml"),
      listen: `127.0.0.1:${port}`,
      http: `127.0.0.1:${port + 1}`,
    });
    const wanted = scrapes;
    const arrived = await waitFor("what was scraped by all", 40_000, async () => {
      const values = (await readExported(join(folder, "exporter", "export")))
        .filter(({ name }) => name === "scrapes_total").map(({ value }) => Number(value));
      return values.some((value) => value > wanted) ? values : null;
    });
    assert.equal(new Set(arrived).size, arrived.length, "nothing came twice");
    const missing = Array.from({ length: wanted }, (_, index) => index + 1).filter((value) => !arrived.includes(value));
    // Of the one that was killed the last scrape may not have been on disk.
    assert.ok(missing.every((value) => value === scrapedBefore), `${missing.join()} of ${wanted} are missing`);
    assert.ok(scrapedByFirst >= 4);
    await waitFor("an empty spool of earlier starts", 10_000, async () => {
      const epochs = new Set((await spoolFiles()).map((name) => name.split("-")[0]));
      return epochs.size <= 1 ? true : null;
    });
  });

  /** Starts a collector, and waits until it has scraped so often, with a bit of time for the disk. */
  async function collectorAfter(count: number): Promise<Child> {
    const wanted = scrapes + count;
    const child = start("collector", {
      cluster: "BCS-K8S-00001",
      namespace: "shop",
      name: "bcs-collector-shop-0",
      volume: join(folder, "volume"),
      data: join(folder, "collector"),
      exporter: `127.0.0.1:${port}`,
      http: "127.0.0.1:0",
      frequencyMin: 1,
    });
    await waitFor(`${count} scrapes`, 30_000, () => scrapes >= wanted ? true : null);
    return child;
  }

  function start(name: string, values: Parameters<typeof writeArguments>[0]): Child {
    const child = startCommand([name, ...writeArguments(values)], join(folder, `${name}.log`));
    children.push(child);
    return child;
  }

  async function spoolFiles(): Promise<string[]> {
    return (await readdir(join(folder, "collector", "spool"))).filter((name) => name.endsWith(".spool"));
  }
});
