/**
 * Business containers on a network that this machine cannot reach. The service makes their collectors inside it, the
 * exporter is outside. Faults follow one another on one set-up; at the end every tick of every target is accounted for.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { checkTicks, type Excuse, inBalance, readShares } from "../support/counted_targets.ts";
import { needsEngine } from "../support/docker_engine.ts";
import { docker } from "../support/docker_images.ts";
import { IsolatedSystem, reachesTarget } from "../support/isolated_system.ts";
import { readExported } from "../support/sink_files.ts";
import { waitFor } from "../support/wait.ts";

const frequencyMs = 2000;
/** A collector's lease in the registry, and what it takes until the others scrape its targets. */
const leaseMs = 15_000 + 4000;

suite("collectors inside a network that the service cannot reach", needsEngine(), () => {
  const excuses: Excuse[] = [];
  let system: IsolatedSystem;
  let startMs = 0;

  before(async () => {
    system = await IsolatedSystem.start({ containers: 2, targetsEach: 3, frequencySeconds: frequencyMs / 1000 });
    await system.setReplicas(1);
    await system.define();
    await waitFor("the first samples", 60_000, async () => (await upSeries()).size === system.targets.length || null)
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await situation()}`));
    startMs = Date.now();
  });

  after(() => system.end());

  test("this machine reaches no target, its neighbours do, and the samples arrive", async () => {
    const [first] = system.targets;
    assert.ok(first !== undefined);
    assert.match(await system.askInside(first.address), /business_secret_total 1/);
    const reached = await Promise.all(system.targets.map(({ address }) => reachesTarget(address)));
    assert.deepEqual(reached, system.targets.map(() => false));
    const { HostConfig, Config, NetworkSettings } = await inspect(system.collectorName(0));
    assert.deepEqual([HostConfig.ReadonlyRootfs, Config.User], [true, "65532:65532"]);
    assert.deepEqual(
      Object.keys(NetworkSettings.Networks).toSorted(),
      [system.businessNetwork, system.exitNetwork].toSorted(),
    );
  });

  test("a collector that is killed is started again", { timeout: 60_000 }, async () => {
    const pid = await system.collectorPid(0);
    const fromMs = Date.now();
    process.kill(pid, "SIGKILL");
    await waitFor("another process", 30_000, async () => {
      const now = await system.collectorPid(0);
      return now !== 0 && now !== pid ? true : null;
    });
    await scrapedAgain(fromMs);
  });

  test("a collector that stands still for a while goes on", { timeout: 60_000 }, async () => {
    const fromMs = Date.now();
    await docker("pause", system.collectorName(0));
    await new Promise((resolve) => setTimeout(resolve, 2 * frequencyMs));
    await docker("unpause", system.collectorName(0));
    await scrapedAgain(fromMs);
  });

  test("a collector that was taken off its networks is joined to them again", { timeout: 60_000 }, async () => {
    for (const network of [system.exitNetwork, system.businessNetwork]) {
      const fromMs = Date.now();
      await docker("network", "disconnect", network, system.collectorName(0));
      await waitFor(`it is back in ${network}`, 30_000, async () => {
        const { NetworkSettings } = await inspect(system.collectorName(0));
        return Object.hasOwn(NetworkSettings.Networks, network) || null;
      });
      // Without a way out it scrapes on, and what it holds arrives later.
      if (network === system.businessNetwork) await scrapedAgain(fromMs);
    }
  });

  test("exporter and service are killed, and nobody scrapes less for it", { timeout: 60_000 }, async () => {
    await Promise.all([system.kill("exporter"), system.kill("service")]);
    const deadMs = Date.now();
    await waitFor("a period without them", 10_000, () => Date.now() > deadMs + frequencyMs || null);
    system.startExporter();
    system.startService();
    await waitFor("scrapes of the time without an exporter arrive", 30_000, async () => {
      const arrived = (await readExported(system.exported)).filter(({ name }) => name === "up");
      return arrived.some(({ timestampMs }) => timestampMs > deadMs) || null;
    });
  });

  test("scale from one collector to three, and to two", { timeout: 120_000 }, async () => {
    for (const replicas of [3, 2]) {
      await system.setReplicas(replicas);
      await waitFor(`${replicas} in balance`, 60_000, async () => await balanced(replicas) || null)
        .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await situation()}`));
    }
    await waitFor(
      "the third container is gone",
      40_000,
      async () =>
        (await docker("ps", "--all", "--format", "{{.Names}}")).includes(system.collectorName(2)) ? null : true,
    );
  });

  test(
    "all the while no tick was missed or doubled but for the faults, and all arrived",
    { timeout: 60_000 },
    async () => {
      const endMs = Date.now();
      await waitFor("the last scrapes", 10_000, () => Date.now() > endMs + frequencyMs || null);
      await system.readTimes();
      let excused = 0;
      for (const target of system.targets) excused += checkTicks(target, frequencyMs, startMs, endMs, excuses);
      assert.ok(excused > 0, "the faults have left no trace");
      const longest = Math.max(...excuses.map(({ fromMs, untilMs }) => untilMs - fromMs));
      assert.ok(longest <= leaseMs, `a gap of ${longest} ms is longer than a lease`);
      await waitFor("every scrape delivered", 30_000, async () => await undelivered(endMs) === 0 || null)
        .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await undelivered(endMs)} are missing`));
    },
  );

  /** Excuses the ticks from a fault on until every target is scraped again. */
  async function scrapedAgain(fromMs: number): Promise<void> {
    const faultMs = Date.now();
    await waitFor("every target is scraped again", 30_000, async () => {
      await system.readTimes();
      return system.targets.every(({ times }) => (times.at(-1) ?? 0) > faultMs) || null;
    });
    const keys = new Set(system.targets.map(({ key }) => key));
    excuses.push({ keys, fromMs: fromMs - frequencyMs, untilMs: Date.now() });
  }

  async function balanced(replicas: number): Promise<boolean> {
    return inBalance(
      await readShares(join(system.folder, "volume/TEST/collection/shop")),
      replicas,
      system.targets.length,
    );
  }

  /** The instances that have been seen up. */
  async function upSeries(): Promise<Set<string>> {
    const up = (await readExported(system.exported)).filter(({ name, value }) => name === "up" && value === 1);
    return new Set(up.map(({ labels }) => labels["instance"] ?? ""));
  }

  /** Scrapes of targets that have not arrived, but for those around the faults: killed collectors take some along. */
  async function undelivered(endMs: number): Promise<number> {
    const delivered = Map.groupBy(
      (await readExported(system.exported)).filter(({ name }) => name === "up"),
      ({ labels }) => labels["instance"] ?? "",
    );
    return system.targets.reduce((sum, { address, times }) => {
      const arrived = delivered.get(address) ?? [];
      const missing = times.filter((time) =>
        time > startMs && time < endMs && !excuses.some(({ fromMs, untilMs }) => time >= fromMs && time <= untilMs)
        && !arrived.some(({ timestampMs }) => timestampMs <= time && timestampMs > time - 1000)
      );
      return sum + missing.length;
    }, 0);
  }

  async function situation(): Promise<string> {
    const shares = await readShares(join(system.folder, "volume/TEST/collection/shop")).catch(() => new Map());
    const status = await system.getJson("/v1/status").catch(String);
    const containers = await docker("ps", "--all", "--format", "{{.Names}} {{.Status}}");
    return JSON.stringify([[...shares], status, containers]);
  }
});

interface Inspected {
  readonly Config: { readonly User: string };
  readonly HostConfig: { readonly ReadonlyRootfs: boolean };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

async function inspect(name: string): Promise<Inspected> {
  const [found] = JSON.parse(await docker("inspect", name)) as Inspected[];
  if (found === undefined) throw new Error(`Cannot find container "${name}"`);
  return found;
}
