/** The whole system with an etcd in place of the volume, which is killed and comes back in between. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { openStore } from "../../core/store/open_store.ts";
import type { Store } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { EtcdProgram } from "../support/etcd.ts";
import { getJson, needs } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import {
  applicationYaml,
  collectorYaml,
  metricYaml,
  type SmallSystem,
  startSmallSystem,
} from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const withinMs = 30_000;

suite("the system over etcd", needs("etcd"), () => {
  const targets: Listener[] = [];
  let etcd: EtcdProgram;
  let store: Store;
  let system: SmallSystem;

  before(async () => {
    const [member] = await EtcdProgram.start();
    assert.ok(member !== undefined);
    etcd = member;
    for (let index = 0; index < 2; index++) {
      const answer = () => new Response("cart_items 3\n", { headers: { "content-type": "text/plain; version=0.0.4" } });
      targets.push(await serveHttp({ host: "127.0.0.1", port: 0 }, answer));
    }
    const url = `etcd://127.0.0.1:${etcd.address.port}/team-a`;
    store = await openStore({ store: url, env: systemEnv, log: makeLogger("test", "silent") });
    system = await startSmallSystem({ etcd: { url, store } });
    await system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(2));
    await system.writeDocument("TEST/metric/shop/cart.yaml", metricYaml("cart"));
    await writeApplication(1);
  });

  after(async () => {
    await system.stop();
    await store.close();
    await etcd.remove();
    await Promise.all(targets.map((target) => target.close()));
  });

  const writeApplication = (count: number) => {
    const ports = targets.slice(0, count).map((target) => target.address.port);
    return system.writeDocument("TEST/application/shop/cart.yaml", applicationYaml("cart", ports));
  };

  const portsExported = async (sinceMs: number) => {
    const samples = (await readExported(system.exported)).filter(({ name, timestampMs }) =>
      name === "cart_items" && timestampMs >= sinceMs
    );
    return new Set(samples.map(({ labels }) => labels["instance"])).size;
  };

  test("scrapes and delivers, and goes on while etcd is away", { timeout: 120_000 }, async () => {
    await waitFor("a sample of the first target", withinMs, async () => await portsExported(0) === 1 || null);
    assert.equal((await store.list("TEST/collection/shop/")).length, 2);
    await etcd.kill();
    const killedMs = Date.now();
    await waitFor(
      "a sample while etcd is away",
      withinMs,
      async () => await portsExported(killedMs + 500) === 1 || null,
    );
    await etcd.start();
    await writeApplication(2);
    await waitFor("samples of both targets", withinMs, async () => await portsExported(killedMs) === 2 || null);
    const exporters = await getJson(`${system.serviceUrl}/v1/exporters`);
    assert.match(JSON.stringify(exporters), /"exporter-0"/);
  });
});
