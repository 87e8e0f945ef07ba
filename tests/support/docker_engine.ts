import { spawnSync } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { z } from "zod";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { CollectorLaunch } from "../../service/orchestrator/collector_arguments.ts";
import { variableList, variablesOf } from "../../service/orchestrator/docker/applied.ts";
import { makeDockerOrchestrator } from "../../service/orchestrator/docker/docker_orchestrator.ts";
import { Engine } from "../../service/orchestrator/docker/engine.ts";
import { connectEngine } from "../../service/orchestrator/docker/engine_host.ts";
import {
  containerListSchema,
  containerSchema,
  createdSchema,
} from "../../service/orchestrator/docker/engine_schema.ts";
import { labelNames, labelsOf } from "../../service/orchestrator/docker/labels.ts";
import { containerName, type DockerSettings } from "../../service/orchestrator/docker/recipe.ts";
import { instanceName } from "../../service/orchestrator/names.ts";
import type { WorkloadKey } from "../../service/orchestrator/workload.ts";
import type { MadeOutside, OpenedOrchestrator } from "../conformance/orchestrator_suite.ts";

export const engineSocket = "/var/run/docker.sock";

/** The options of a test that needs a real Docker Engine: skipped where none answers, unless CI forbids that. */
export function needsEngine(): { skip: string | false } {
  const answers = spawnSync("docker", ["version"], { stdio: "ignore" }).status === 0;
  if (answers || process.env["CI"] === "true") return { skip: false };
  return { skip: "needs a Docker Engine: run scripts/test as root on Debian, which starts one" };
}

export function openEngine(url = `unix://${engineSocket}`): Engine {
  return new Engine(connectEngine({ url, tls: null }));
}

/** How the suite's collectors are started; what they are told is of no concern to it. */
export function dockerLaunch(image: string): CollectorLaunch {
  return {
    image,
    services: ["http://127.0.0.1:7070"],
    token: "",
    data: "/data",
    http: "127.0.0.1:7073",
    frequencyMinSeconds: 60,
    logLevel: "info",
    env: {},
  };
}

/** Removes every container, volume and network that carries the label. */
export async function removeLabelled(engine: Engine, label: string): Promise<void> {
  const filters = JSON.stringify({ label: [label] });
  const found = await engine.get({ path: "/containers/json", query: { all: "1", filters } }, containerListSchema);
  await Promise.all(
    found.map(({ Id }) =>
      engine.send({ method: "DELETE", path: `/containers/${Id}`, query: { force: "true" }, timeoutMs: 30_000 }, [
        404,
        409,
      ])
    ),
  );
  const { Volumes } = await engine.get({ path: "/volumes", query: { filters } }, volumes);
  for (const { Name } of Volumes ?? []) await engine.send({ method: "DELETE", path: `/volumes/${Name}` }, [404, 409]);
  const networks = await engine.get({ path: "/networks", query: { filters } }, containerIds);
  for (const { Id } of networks) await engine.send({ method: "DELETE", path: `/networks/${Id}` }, [404]);
}

const volumes = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });
const containerIds = z.array(z.object({ Id: z.string() }));

/** A way to an engine that a test can cut. */
export class EngineRelay {
  readonly url: string;
  away = false;
  readonly #open: Set<Socket>;
  readonly #close: () => Promise<void>;

  private constructor(url: string, open: Set<Socket>, close: () => Promise<void>) {
    this.url = url;
    this.#open = open;
    this.#close = close;
  }

  /** @param to a socket's path, or a port of this machine. */
  static async start(to: string | number): Promise<EngineRelay> {
    const open = new Set<Socket>();
    const server = createServer((inward) => {
      open.add(inward);
      inward.on("error", () => inward.destroy());
      if (relay.away) {
        inward.destroy();
        return;
      }
      const outward = typeof to === "string" ? connect(to) : connect(to, "127.0.0.1");
      open.add(outward);
      outward.on("error", () => inward.destroy());
      inward.on("close", () => outward.destroy());
      outward.on("close", () => inward.destroy());
      inward.pipe(outward).pipe(inward);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("Cannot listen for the engine's clients");
    const relay = new EngineRelay(`tcp://127.0.0.1:${address.port}`, open, async () => {
      await new Promise((resolve) => server.close(resolve));
    });
    return relay;
  }

  cut(away: boolean): void {
    this.away = away;
    if (away) { for (const socket of this.#open) socket.destroy(); }
  }

  async close(): Promise<void> {
    this.cut(true);
    await this.#close();
  }
}

/**
 * What the orchestrators' conformance suite needs, over an engine behind a relay.
 * @param engine another way to the engine, by which the suite acts from outside; it is left open.
 */
export async function openDocker(
  engine: Engine,
  to: string | number,
  settings: DockerSettings,
): Promise<OpenedOrchestrator> {
  const { owner } = settings;
  const relay = await EngineRelay.start(to);
  const { clock, random } = systemEnv;
  const open = () =>
    makeDockerOrchestrator({
      ...settings,
      engine: openEngine(relay.url),
      clock,
      random,
      log: makeLogger("test", "silent"),
      pull: "never",
    });
  let orchestrator = open();
  const containersOf = async (key: WorkloadKey) => {
    const label = Object.entries(labelsOf(owner, key)).map(([name, value]) => `${name}=${value}`);
    const query = { all: "1", filters: JSON.stringify({ label }) };
    const found = await engine.get({ path: "/containers/json", query }, containerListSchema);
    return await Promise.all(found.map(({ Id }) => engine.get({ path: `/containers/${Id}/json` }, containerSchema)));
  };
  const remove = (id: string) =>
    engine.send({ method: "DELETE", path: `/containers/${id}`, query: { force: "true" }, timeoutMs: 30_000 }, [
      404,
      409,
    ]);
  const make = async (name: string, body: Record<string, unknown>) => {
    const call = { method: "POST", path: "/containers/create", query: { name }, body } as const;
    const { Id } = await engine.change(call, createdSchema);
    await engine.send({ method: "POST", path: `/containers/${Id}/start` });
  };
  return {
    orchestrator,
    async running(key) {
      return (await containersOf(key)).filter(({ State }) => State.Status === "running").map((found) => ({
        name: instanceName(key.name, Number(found.Config.Labels[labelNames.ordinal] ?? 0)),
        identity: `${found.Id} ${found.State.Pid}`,
        env: variablesOf(found.Config.Env),
        labels: found.Config.Labels,
      })).toSorted((a, b) => a.name < b.name ? -1 : 1);
    },
    outside: {
      async create({ env, labels, replicas, ...key }: MadeOutside) {
        for (let ordinal = 0; ordinal < replicas; ordinal++) {
          await make(containerName(owner, key, ordinal), {
            Image: settings.launch.image,
            Env: variableList(env),
            Labels: { ...labels, ...labelsOf(owner, key), [labelNames.ordinal]: String(ordinal) },
          });
        }
      },
      async setEnv(key, name, value) {
        for (const found of await containersOf(key)) {
          const { Config } = found;
          await remove(found.Id);
          await make(found.Name, {
            ...Config,
            Env: variableList({ ...variablesOf(Config.Env), [name]: value }),
            HostConfig: found.HostConfig,
          });
        }
      },
      async delete(key) {
        for (const { Id } of await containersOf(key)) await remove(Id);
      },
      async scale(key, replicas) {
        const [first] = await containersOf(key);
        for (let ordinal = 1; ordinal < replicas; ordinal++) {
          await make(containerName(owner, key, ordinal), {
            ...first?.Config,
            Labels: { ...first?.Config.Labels, [labelNames.ordinal]: String(ordinal) },
            HostConfig: first?.HostConfig,
          });
        }
      },
    },
    async restart() {
      await orchestrator.close();
      orchestrator = open();
      return orchestrator;
    },
    setAway(away) {
      relay.cut(away);
      return Promise.resolve();
    },
    async close() {
      await orchestrator.close();
      await relay.close();
    },
  };
}
