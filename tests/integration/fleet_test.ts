/**
 * Three services, two exporters and five collectors, half of which learn their assignment from the volume and half
 * from the services. Each is killed once while the rest works on, and the collectors are scaled. Every target is
 * scraped once at each of its ticks, but for those of a killed collector within its lease, and what was scraped is
 * delivered.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import {
  checkTicks,
  type CountedTarget,
  type Excuse,
  inBalance,
  readShares,
  startCountedTarget,
} from "../support/counted_targets.ts";
import { Fleet } from "../support/fleet.ts";
import { getJson } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import { applicationYaml, collectorYaml, metricYaml } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const services = 3;
const exporters = 2;
const targetCount = 13;
const frequencyMs = 3000;
/** A collector's lease in the registry, and what it takes until the others scrape its targets. */
const takeOverMs = 15_000 + 4000;

suite("three services, two exporters and five collectors", () => {
  const targets: CountedTarget[] = [];
  const excuses: Excuse[] = [];
  let fleet: Fleet;
  let startMs = 0;

  before(async () => {
    for (let index = 0; index < targetCount; index++) targets.push(await startCountedTarget(index));
    fleet = await Fleet.make();
    for (let index = 0; index < services; index++) fleet.startService(index, { leaseSeconds: 3 });
    for (let index = 0; index < exporters; index++) fleet.startExporter(index);
    for (let index = 0; index < 2; index++) startCollector(index);
    await scaleTo(2);
    const metric = metricYaml("count").replace("frequency: 1", `frequency: ${frequencyMs / 1000}`);
    await fleet.write("TEST/metric/shop/count.yaml", metric);
    const ports = targets.map((target) => target.listener.address.port);
    await fleet.write("TEST/application/shop/count.yaml", applicationYaml("count", ports));
    await settled(2);
    await waitFor("a scrape of each target", 30_000, () => targets.every(({ times }) => times.length > 1) || null);
    startMs = Date.now();
  });

  after(async () => {
    await fleet.end();
    await Promise.all(targets.map((target) => target.listener.close()));
  });

  test("grow from two collectors to five", { timeout: 120_000 }, async () => {
    for (let index = 2; index < 5; index++) startCollector(index);
    await scaleTo(5);
    await settled(5);
  });

  test("work on without the leading service, and another leads", { timeout: 60_000 }, async () => {
    const leader = await waitFor("a leader", 20_000, () => leading());
    await fleet.kill(`service-${leader}`);
    const next = await waitFor("another leader", 20_000, async () => {
      const found = await leading();
      return found === leader ? null : found;
    });
    fleet.restart(`service-${leader}`);
    await fleet.kill(`service-${(next + 1) % services}`);
    fleet.restart(`service-${(next + 1) % services}`);
  });

  for (let index = 0; index < exporters; index++) {
    test(`work on without exporter ${index}`, { timeout: 60_000 }, async () => {
      await fleet.kill(`exporter-${index}`);
      const other = fleet.exporterUrl(1 - index);
      await waitFor("the other one serves all collectors", 30_000, async () => await sessions(other) === 5 || null);
      fleet.restart(`exporter-${index}`);
      await waitFor("it is back", 20_000, () => sessions(fleet.exporterUrl(index)));
    });
  }

  test("work on without two collectors, one that learns by http and one by file", { timeout: 120_000 }, async () => {
    const names = [1, 2].map((index) => `bcs-collector-shop-${index}`);
    const owned = await shares();
    await Promise.all(names.map(async (name) => {
      const mine = new Set(owned.get(name));
      assert.ok(mine.size >= 2);
      await fleet.kill(name);
      const killedMs = Date.now();
      const keys = new Set(targets.filter(({ address }) => mine.has(address)).map(({ key }) => key));
      excuses.push({ keys, fromMs: killedMs - frequencyMs, untilMs: killedMs + takeOverMs });
    }));
    await waitFor("the others scrape their targets", 40_000, async () => await evenWithout(names) || null)
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify([...await shares()])}`));
    for (const name of names) fleet.restart(name);
    await settled(5);
  });

  test("shrink to three collectors", { timeout: 120_000 }, async () => {
    await scaleTo(3);
    await settled(3);
    for (const index of [3, 4]) assert.equal(await fleet.stop(`bcs-collector-shop-${index}`), 0);
  });

  test("all the while no tick was missed or doubled, and all arrived", { timeout: 60_000 }, async () => {
    const endMs = Date.now();
    await waitFor("the last scrapes", 10_000, () => Date.now() > endMs + frequencyMs || null);
    let excused = 0;
    for (const target of targets) excused += checkTicks(target, frequencyMs, startMs, endMs, excuses);
    const most = excuses.reduce((sum, { keys }) => sum + keys.size * Math.ceil(takeOverMs / frequencyMs), 0);
    assert.ok(excused > 0 && excused <= most, `${excused} ticks were missed or doubled, of at most ${most}`);
    await waitFor("every scrape delivered", 30_000, async () => await undelivered(endMs) === 0 || null)
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await undelivered(endMs)} are missing`));
  });

  /** Every other one learns by file. */
  function startCollector(index: number): void {
    fleet.startCollector(index, index % 2 === 0 ? "file" : "http", services);
  }

  function scaleTo(replicas: number): Promise<void> {
    return fleet.write("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(replicas));
  }

  function shares(): Promise<Map<string, string[]>> {
    return readShares(join(fleet.volume, "TEST/collection/shop"));
  }

  /** Waits until so many collectors have all targets, balanced within one, and nothing is on its way any more. */
  async function settled(replicas: number): Promise<void> {
    await waitFor(
      `${replicas} in balance`,
      90_000,
      async () => inBalance(await shares(), replicas, targetCount) || null,
    )
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify([...await shares()])}`));
  }

  /** Whether the other collectors have all targets, in balance. */
  async function evenWithout(names: readonly string[]): Promise<boolean> {
    const others = await shares();
    const left = names.flatMap((name) => others.get(name) ?? []);
    for (const name of names) others.delete(name);
    return left.length === 0 && inBalance(others, 5 - names.length, targetCount);
  }

  /** The index of the service that says to lead, or null. */
  async function leading(): Promise<number | null> {
    for (let index = 0; index < services; index++) {
      const status = await getJson(`${fleet.serviceUrl(index)}/v1/status`).catch(() => null);
      if ((status as { leader: { leading: boolean } } | null)?.leader.leading === true) return index;
    }
    return null;
  }

  /** Collectors that are connected to an exporter. */
  async function sessions(url: string): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^bcs_metric_exporter_sessions(?:\{[^}]*\})? (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** Scrapes that no exporter has delivered, killed collectors' last ones apart. */
  async function undelivered(endMs: number): Promise<number> {
    const delivered = new Map<string, number[]>();
    for (let index = 0; index < exporters; index++) {
      for (const { name, labels, timestampMs } of await readExported(fleet.exported(index))) {
        if (name !== "up") continue;
        const instance = labels["instance"] ?? "";
        delivered.set(instance, [...delivered.get(instance) ?? [], timestampMs]);
      }
    }
    return targets.reduce((sum, { address, key, times }) => {
      const missing = times.filter((time) =>
        time > startMs && time < endMs && !excuses.some(({ keys, fromMs }) => keys.has(key) && near(time, fromMs, 2))
        && !(delivered.get(address) ?? []).some((timestampMs) => timestampMs <= time && timestampMs > time - 1000)
      );
      return sum + missing.length;
    }, 0);
  }

  /** Within so many periods after a collector's killing. */
  function near(time: number, fromMs: number, periods: number): boolean {
    return time >= fromMs && time <= fromMs + periods * frequencyMs;
  }
});
