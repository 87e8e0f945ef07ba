/** Three services over one store, a volume or an etcd: the leader is killed, stopped and continued, and ended; another takes its place. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { delay } from "../../core/runtime/delay.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { openStore } from "../../core/store/open_store.ts";
import type { Store } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { EtcdProgram } from "../support/etcd.ts";
import { freePorts, getJson, needs, startCommand } from "../support/programs.ts";
import { applicationYaml, collectorYaml, metricYaml } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const leaseMs = 3000;
const names = ["one", "two", "three"];
const collectionPath = "TEST/collection/shop/bcs-collector-shop-0.yaml";

interface Leader {
  readonly leading: boolean;
  readonly epoch: number;
  readonly leader: string;
}

interface RunningService {
  readonly name: string;
  readonly url: string;
  child: Child;
}

suite("several services over one volume", () => {
  leadInTurns(async (folder) => {
    const volume = join(folder, "volume");
    await mkdir(volume);
    return { values: { volume }, async end() {} };
  });
});

suite("several services over one etcd", needs("etcd"), () => {
  leadInTurns(async () => {
    const [etcd] = await EtcdProgram.start();
    assert.ok(etcd !== undefined);
    return { values: { store: `etcd://127.0.0.1:${etcd.address.port}/team-a` }, end: () => etcd.remove() };
  });
});

/** Where the documents are: as the services' options say it. */
interface Place {
  readonly values: { readonly volume: string } | { readonly store: string };
  end(): Promise<void>;
}

function leadInTurns(openPlace: (folder: string) => Promise<Place>): void {
  let folder: string;
  let place: Place;
  let store: Store;
  let services: RunningService[];
  let watching: Promise<unknown>;
  const ending = new AbortController();
  const generations: number[] = [];
  const epochs: { readonly epoch: number; readonly leader: string }[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-leader-"));
    place = await openPlace(folder);
    store = await openStore({ ...place.values, env: systemEnv, log: makeLogger("test", "silent") });
    await write("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(1));
    await write("TEST/metric/shop/cart.yaml", metricYaml("cart"));
    await write("TEST/application/shop/cart.yaml", applicationYaml("cart", [9, 10]));
    const port = await freePorts(3);
    services = names.map((name, index) => {
      const listen = `127.0.0.1:${port + index}`;
      return { name, url: `http://${listen}`, child: start(name, listen) };
    });
    watching = Promise.all([watchGenerations(), watchEpochs()]);
  });

  after(async () => {
    ending.abort();
    await watching;
    await Promise.all(services.map(({ child }) => child.stop(10_000)));
    await store.close();
    await place.end();
    await rm(folder, { recursive: true });
  });

  function start(name: string, listen: string): Child {
    const line = writeArguments({
      ...place.values,
      data: join(folder, name),
      listen,
      name,
      frequencyMin: 1,
      leaseSeconds: leaseMs / 1000,
    });
    return startCommand(["service", ...line], join(folder, `${name}.log`));
  }

  async function write(path: string, text: string): Promise<void> {
    await store.put(path, text);
  }

  async function collection(): Promise<string> {
    return (await store.get(collectionPath))?.text ?? "";
  }

  /** Notes every generation of the collection. */
  async function watchGenerations(): Promise<void> {
    while (!ending.signal.aborted) {
      const text = await collection().catch(() => "");
      const generation = /^ {2}generation: (\d+)$/m.exec(text)?.[1];
      if (generation !== undefined) generations.push(Number(generation));
      await delay(10, ending.signal);
    }
  }

  /** Notes every epoch that a service says to lead with; one after the other, so that the order tells. */
  async function watchEpochs(): Promise<void> {
    while (!ending.signal.aborted) {
      for (const service of services) {
        const leader = await leaderOf(service).catch(() => null);
        if (leader?.leading === true) epochs.push(leader);
      }
      await delay(10, ending.signal);
    }
  }

  async function leaderOf(service: RunningService): Promise<Leader> {
    const answer = await fetch(`${service.url}/v1/status`, { signal: AbortSignal.timeout(200) });
    return (await answer.json() as { leader: Leader }).leader;
  }

  function leading(withinMs: number, but?: RunningService): Promise<RunningService> {
    return waitFor("a leader", withinMs, async () => {
      for (const service of services) {
        if (service !== but && (await leaderOf(service).catch(() => null))?.leading === true) return service;
      }
      return null;
    });
  }

  /** Changes the targets, and waits until they have been assigned. Returns how long that took. */
  async function change(port: number, withinMs: number): Promise<number> {
    const startedMs = performance.now();
    await write("TEST/application/shop/cart.yaml", applicationYaml("cart", [9, port]));
    await waitFor(`the target ${port} in the collection`, withinMs, async () => {
      const text = await collection();
      return text.includes(`127.0.0.1:${port}`) ? true : null;
    });
    return performance.now() - startedMs;
  }

  async function collectorsOf(service: RunningService): Promise<{ readonly state: string }[]> {
    return (await getJson(`${service.url}/v1/collectors`) as { collectors: { state: string }[] }).collectors;
  }

  test("every one shows the targets, and only the leader runs the collectors", { timeout: 60_000 }, async () => {
    const leader = await leading(20_000);
    await change(11, 20_000);
    for (const service of services) {
      await waitFor(`the assigned targets at ${service.name}`, 10_000, async () => {
        const { targets } = await getJson(`${service.url}/v1/targets`) as {
          targets: { address: string; generation: number }[];
        };
        const text = await collection();
        const target = targets.find(({ address }) => address === "127.0.0.1:11");
        return target !== undefined && text.includes(`\n  generation: ${target.generation}\n`) ? true : null;
      });
      await waitFor(`the collector at ${service.name}`, 20_000, async () => {
        const wanted = service === leader ? "running" : "external";
        return (await collectorsOf(service)).some(({ state }) => state === wanted) ? true : null;
      });
    }
    const listed = await getJson(`${services[1]?.url}/v1/services`) as { services: { id: string }[] };
    assert.deepEqual(listed.services.map(({ id }) => id), names.toSorted());
  });

  test("a killed leader costs no more than its lease and a second", { timeout: 60_000 }, async () => {
    const killed = await leading(20_000);
    process.kill(killed.child.pid, "SIGKILL");
    await killed.child.ended;
    const tookMs = await change(12, 20_000);
    assert.ok(tookMs <= leaseMs + 1000, `it took ${Math.round(tookMs)} ms`);
    const next = await leading(1000);
    await waitFor("the next leader's collector", 20_000, async () => {
      return (await collectorsOf(next)).some(({ state }) => state === "running") ? true : null;
    });
    killed.child = start(killed.name, killed.url.slice("http://".length));
    await waitFor("the killed one back", 20_000, () => leaderOf(killed));
  });

  test("a leader that stood still has lost its place when it goes on", { timeout: 60_000 }, async () => {
    const stopped = await leading(20_000);
    process.kill(stopped.child.pid, "SIGSTOP");
    try {
      const tookMs = await change(13, 20_000);
      assert.ok(tookMs <= leaseMs + 1000, `it took ${Math.round(tookMs)} ms`);
    } finally {
      process.kill(stopped.child.pid, "SIGCONT");
    }
    const next = await leading(1000, stopped);
    assert.notEqual(next, stopped);
    await waitFor("its collectors ended", 20_000, async () => {
      return (await collectorsOf(stopped)).every(({ state }) => state === "external") ? true : null;
    });
    assert.ok(await change(14, 20_000) < 2000);
  });

  test("a leader that is ended makes room at once", { timeout: 60_000 }, async () => {
    const ended = await leading(20_000);
    assert.equal((await ended.child.stop(10_000)).code, 0);
    const tookMs = await change(15, 20_000);
    assert.ok(tookMs < leaseMs, `it took ${Math.round(tookMs)} ms`);
  });

  test("all the while generations and epochs only grew, and each epoch had one leader", () => {
    assert.ok(generations.length > 20 && epochs.length > 20, `${generations.length} and ${epochs.length} seen`);
    assert.deepEqual(generations, generations.toSorted((a, b) => a - b));
    assert.deepEqual(epochs.map(({ epoch }) => epoch), epochs.map(({ epoch }) => epoch).toSorted((a, b) => a - b));
    const leaders = Map.groupBy(epochs, ({ epoch }) => epoch);
    for (const [epoch, seen] of leaders) {
      assert.equal(new Set(seen.map(({ leader }) => leader)).size, 1, `epoch ${epoch}`);
    }
    assert.ok(leaders.size >= 3);
  });
}
