/**
 * Scales out the collectors that the service runs itself and kills processes, under load: each target is scraped at each of its ticks,
 * once, but for those of a killed collector within its lease.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { z } from "zod";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import {
  checkTicks,
  type CountedTarget,
  type Excuse,
  inBalance,
  readShares,
  startCountedTarget,
} from "../support/counted_targets.ts";
import { freePorts, getJson, startCommand } from "../support/programs.ts";
import {
  applicationYaml,
  collectorYaml,
  metricYaml,
  type SmallSystem,
  startSmallSystem,
} from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const targetCount = 11;
const frequencyMs = 3000;
const leaseMs = 15_000;
/** A collector that is killed is back after about so long, and then has to read what it is to do. */
const restartMs = 5000;

suite("four collectors, two exporters and a service", () => {
  const targets: CountedTarget[] = [];
  const excuses: Excuse[] = [];
  let system: SmallSystem;
  let secondExporter: Child;

  before(async () => {
    for (let index = 0; index < targetCount; index++) targets.push(await startCountedTarget(index));
    system = await startSmallSystem({});
    const port = await freePorts(2);
    const exporter = {
      data: join(system.folder, "exporter-1"),
      config: join(system.folder, "exporter.yaml"),
      name: "exporter-1",
      listen: `127.0.0.1:${port}`,
      http: `127.0.0.1:${port + 1}`,
      volume: system.volume,
    };
    secondExporter = startCommand(["exporter", ...writeArguments(exporter)], join(system.folder, "exporter-1.log"));
    await scaleTo(2);
    const metric = metricYaml("count").replace("frequency: 1", `frequency: ${frequencyMs / 1000}`);
    await system.writeDocument("TEST/metric/shop/count.yaml", metric);
    const ports = targets.map((target) => target.listener.address.port);
    await system.writeDocument("TEST/application/shop/count.yaml", applicationYaml("count", ports));
  });

  after(async () => {
    await secondExporter.stop(10_000);
    await system.stop();
    await Promise.all(targets.map((target) => target.listener.close()));
  });

  test("miss and double no scrape while they are scaled and killed", { timeout: 240_000 }, async () => {
    await settled(2);
    await waitFor(
      "a scrape of each target",
      30_000,
      () => targets.every(({ times }) => times.length > 0) ? true : null,
    );
    const startMs = Date.now();
    await scaleTo(4);
    await settled(4);
    await killCollector("bcs-collector-shop-2");
    await system.killAndRestartExporter(300);
    await settled(4);
    const endMs = Date.now();
    const late = await waitFor("the last scrapes", 10_000, () => Date.now() > endMs + frequencyMs ? true : null);
    assert.ok(late);
    const excused = targets.reduce((sum, target) => sum + checkTicks(target, frequencyMs, startMs, endMs, excuses), 0);
    assert.ok(excused <= 3 * (restartMs / frequencyMs + 1), `${excused} ticks were missed or doubled`);
  });

  function scaleTo(replicas: number): Promise<void> {
    return system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(replicas));
  }

  /** Waits until so many collectors have all targets, balanced within one, and nothing is on its way any more. */
  async function settled(replicas: number): Promise<void> {
    let seen = "";
    await waitFor(`${replicas} collectors in balance`, 90_000, async () => {
      const shares = await readShares(join(system.volume, "TEST/collection/shop"));
      seen = JSON.stringify([...shares]);
      return inBalance(shares, replicas, targetCount) ? true : null;
    }).catch((error: unknown) => assert.fail(`${String(error)}: ${seen}`));
  }

  /** Kills a collector with SIGKILL; the service starts it again. */
  async function killCollector(name: string): Promise<void> {
    const shares = await readShares(join(system.volume, "TEST/collection/shop"));
    const addresses = new Set(shares.get(name));
    const victim = await pidOf(name);
    // Process 0 would be this test itself.
    assert.ok(victim > 0);
    const killedMs = Date.now();
    process.kill(victim, "SIGKILL");
    await waitFor(`${name} again`, leaseMs, async () => {
      const pid = await pidOf(name);
      return pid > 0 && pid !== victim ? true : null;
    });
    const keys = new Set(targets.filter((target) => addresses.has(target.address)).map((target) => target.key));
    assert.ok(keys.size > 0);
    excuses.push({ keys, fromMs: killedMs - 1000, untilMs: killedMs + restartMs });
  }

  /** 0 while it does not run. */
  async function pidOf(name: string): Promise<number> {
    const answer = await getJson(`${system.serviceUrl}/v1/collectors`);
    const rows =
      z.object({ collectors: z.array(z.object({ name: z.string(), pid: z.number() })) }).parse(answer).collectors;
    return rows.find((row) => row.name === name)?.pid ?? 0;
  }
});
