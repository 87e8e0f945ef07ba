/** Faults of the engine; what it does when all is well is in tests/conformance/. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHttp } from "../../../core/runtime/http.ts";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { plainWorkload, type Workload } from "../workload.ts";
import { type DockerOrchestratorOptions, makeDockerOrchestrator } from "./docker_orchestrator.ts";
import { Engine } from "./engine.ts";
import { connectEngine } from "./engine_host.ts";
import { FakeEngine } from "./testing/fake_engine.ts";
import { testSettings } from "./testing/settings.ts";

const workload: Workload = { clusterId: "c1", namespace: "shop", name: "w", replicas: 1, ...plainWorkload };
const container = "own.c1.shop.w-0";

function open(url: string, over: Partial<DockerOrchestratorOptions> = {}): Orchestrator {
  const engine = new Engine(connectEngine({ url, tls: null }));
  const { clock, random } = systemEnv;
  const log = makeLogger("test", "silent");
  return makeDockerOrchestrator({ ...testSettings, engine, clock, random, log, pull: "missing", ...over });
}

async function withEngine(
  body: (engine: FakeEngine, orchestrator: Orchestrator) => Promise<void>,
  over: Partial<DockerOrchestratorOptions> = {},
): Promise<void> {
  const engine = await FakeEngine.start();
  engine.images.add(testSettings.launch.image);
  const orchestrator = open(engine.url, over);
  try {
    await body(engine, orchestrator);
  } finally {
    await orchestrator.close();
    await engine.close();
  }
}

test("an image that is missing is pulled", async () => {
  await withEngine(async (engine, orchestrator) => {
    engine.registry.add("own/image:2");
    await orchestrator.apply({ ...workload, image: "own/image:2" });
    assert.equal(engine.container(container).config["Image"], "own/image:2");
  });
});

test("an image that cannot be had is refused with the engine's words, and what runs is left alone", async () => {
  await withEngine(async (engine, orchestrator) => {
    await orchestrator.apply(workload);
    const { id } = engine.container(container);
    await assert.rejects(orchestrator.apply({ ...workload, image: "gone:1" }), {
      kind: "invalid",
      message: 'Cannot pull image "gone:1": manifest for gone:1 not found',
    });
    assert.equal(engine.container(container).id, id);
    const [status] = await orchestrator.list();
    assert.match(status?.problem ?? "", /manifest for gone:1 not found/);
    await orchestrator.apply(workload);
    assert.equal((await orchestrator.list())[0]?.problem, "");
  });
});

test("without pulling, a missing image is a problem at once", async () => {
  await withEngine(async (engine, orchestrator) => {
    const message = /HTTP 404: No such image: own\/image:2/;
    await assert.rejects(orchestrator.apply({ ...workload, image: "own/image:2" }), { kind: "invalid", message });
    assert.equal(engine.changes.length, 0);
  }, { pull: "never" });
});

test("a network that is missing leaves no container behind, and is joined once it is there", async () => {
  await withEngine(async (engine, orchestrator) => {
    const wish = { ...workload, network: { ...workload.network, networkMode: "shop_default" } };
    const refusal = "HTTP 404: network shop_default not found";
    const message = `Cannot POST /containers/${container}/start of the Docker Engine: ${refusal}`;
    // The same reason at each attempt, so that it is told once.
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(orchestrator.apply(wish), { kind: "invalid", message });
    }
    assert.equal(engine.containers.size, 0);
    engine.networks.add("shop_default");
    await orchestrator.apply(wish);
    assert.deepEqual([...engine.container(container).networks], ["shop_default"]);
  });
});

test("errors of the engine are told by whether another attempt helps", async () => {
  await withEngine(async (engine, orchestrator) => {
    for (
      const [status, kind] of [[500, "unavailable"], [409, "conflict"], [403, "forbidden"], [400, "invalid"]] as const
    ) {
      engine.refuse("POST", /^\/containers\/create$/, status, "it says no", 1);
      await assert.rejects(orchestrator.apply(workload), { kind, message: new RegExp(`HTTP ${status}: it says no`) });
    }
    await orchestrator.apply(workload);
    assert.equal(engine.container(container).status, "running");
  });
});

test("a list that is refused is not an empty one", async () => {
  await withEngine(async (engine, orchestrator) => {
    engine.refuse("GET", /^\/containers\/json$/, 500, "busy");
    await assert.rejects(orchestrator.list(), { name: "EngineRefusal", kind: "unavailable" });
  });
});

test("a container that somebody stopped is drift, and is started again", async () => {
  await withEngine(async (engine, orchestrator) => {
    await orchestrator.apply(workload);
    const { id } = engine.container(container);
    engine.end(container, 137);
    const [status] = await orchestrator.list();
    assert.deepEqual(status?.drift, [{ field: "state", applied: "running", found: "exited" }]);
    assert.equal(status?.problem, "w-0 is stopped: exit code 137");
    assert.deepEqual(status?.instances.map(({ state, lastEnd }) => [state, lastEnd]), [["waiting", "exit code 137"]]);
    await orchestrator.apply(workload);
    assert.deepEqual([engine.container(container).id, engine.container(container).status], [id, "running"]);
  });
});

test("limits and networks that were changed by hand are set back without another container", async () => {
  await withEngine(async (engine, orchestrator) => {
    await orchestrator.apply(workload);
    const { id, host, networks } = engine.container(container);
    host["Memory"] = 1;
    networks.add("theirs");
    const [status] = await orchestrator.list();
    assert.deepEqual(status?.drift, [{ field: "memory", applied: String(256 * 1024 * 1024), found: "1" }]);
    await orchestrator.apply(workload);
    assert.deepEqual([engine.container(container).id, host["Memory"]], [id, 256 * 1024 * 1024]);
  });
});

test("a service that has just begun scales what another one has applied", async () => {
  await withEngine(async (engine, first) => {
    await first.apply({ ...workload, env: { A: "1" } });
    const second = open(engine.url);
    await second.scale(workload, 2);
    assert.equal(engine.containers.size, 2);
    assert.deepEqual(engine.container("own.c1.shop.w-1").config.Env, ["A=1"]);
    await second.close();
  });
});

test("installations that share an engine see only their own containers", async () => {
  await withEngine(async (engine, orchestrator) => {
    const other = open(engine.url, { owner: "other" });
    await orchestrator.apply(workload);
    await other.apply(workload);
    assert.equal(engine.containers.size, 2);
    await other.delete(workload);
    assert.equal((await orchestrator.list()).length, 1);
    await other.close();
  });
});

test("deleting a workload removes its data, scaling it in does not", async () => {
  await withEngine(async (engine, orchestrator) => {
    await orchestrator.apply({ ...workload, replicas: 2 });
    await orchestrator.scale(workload, 1);
    assert.equal(engine.volumes.size, 2);
    await orchestrator.delete(workload);
    assert.deepEqual([engine.volumes.size, engine.containers.size], [0, 0]);
  });
});

test("a call that takes long goes on by itself, and its failure is shown", async () => {
  await withEngine(async (engine, orchestrator) => {
    await orchestrator.apply(workload);
    const changed = Promise.withResolvers<void>();
    let stopped = false;
    engine.refuse("POST", /\/stop$/, 500, "cannot stop");
    engine.slow = async (path) => {
      if (!path.endsWith("/stop")) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
      stopped = true;
    };
    const watch = orchestrator.watch(() => {
      if (stopped) changed.resolve();
    });
    await orchestrator.apply({ ...workload, env: { B: "2" } });
    assert.equal(stopped, false);
    await changed.promise;
    assert.match((await orchestrator.list())[0]?.problem ?? "", /cannot stop/);
    watch.close();
  }, { waitMs: 20 });
});

test("a stream of events that ends is followed anew, and everything may have changed by then", async () => {
  await withEngine(async (engine, orchestrator) => {
    let tell = Promise.withResolvers<void>();
    const watch = orchestrator.watch(() => tell.resolve());
    await tell.promise;
    tell = Promise.withResolvers<void>();
    engine.dropFollowers();
    await tell.promise;
    tell = Promise.withResolvers<void>();
    await orchestrator.apply(workload);
    await tell.promise;
    watch.close();
  });
});

test("what is no engine is told by its answer", async () => {
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, () => new Response("<html>hello</html>"));
  const orchestrator = open(`tcp://127.0.0.1:${listener.address.port}`);
  await assert.rejects(orchestrator.list(), {
    kind: "unavailable",
    message: /^Cannot understand what the Docker Engine answers to \/containers\/json/,
  });
  await orchestrator.close();
  await listener.close();
});

test("an answer without end is not read to its end", async () => {
  const chunk = new TextEncoder().encode(" ".repeat(1024 * 1024));
  const listener = await serveHttp(
    { host: "127.0.0.1", port: 0 },
    () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })),
  );
  const orchestrator = open(`tcp://127.0.0.1:${listener.address.port}`);
  await assert.rejects(orchestrator.list(), /Cannot read the Docker Engine's answer: it is over/);
  await orchestrator.close();
  await listener.close();
});
