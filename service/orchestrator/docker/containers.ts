import { z } from "zod";
import type { Logger } from "../../../core/telemetry/log.ts";
import { OrchestratorError } from "../orchestrator.ts";
import type { WorkloadKey } from "../workload.ts";
import { type Engine, EngineRefusal } from "./engine.ts";
import {
  containerListSchema,
  containerSchema,
  createdSchema,
  type FoundContainer,
  imageSchema,
  pullLineSchema,
  volumesSchema,
} from "./engine_schema.ts";
import { labelNames, labelsOf, placeOf } from "./labels.ts";
import type { Mend } from "./plan.ts";
import type { Recipe } from "./recipe.ts";
import { type ImageDefaults, takeOver, theirNetworks } from "./take_over.ts";

export interface ContainersOptions {
  readonly engine: Engine;
  readonly owner: string;
  readonly log: Logger;
}

/** How long a collector may take to hand over what it holds before it is killed. */
const graceSeconds = 15;
const stopTimeoutMs = (graceSeconds + 15) * 1000;
const createTimeoutMs = 60_000;
const pullTimeoutMs = 10 * 60_000;
const noDefaults: ImageDefaults = { env: [], labels: {} };

/** What is done to containers, one engine call after the other. Each step may be repeated after it failed half way. */
export class Containers {
  /** Ids of those that have been asked to end. */
  readonly stopping = new Set<string>();
  readonly #engine: Engine;
  readonly #owner: string;
  readonly #log: Logger;

  constructor({ engine, owner, log }: ContainersOptions) {
    this.#engine = engine;
    this.#owner = owner;
    this.#log = log;
  }

  /** Our collectors' containers, of one workload or all. */
  async list(key?: WorkloadKey): Promise<FoundContainer[]> {
    const wanted = key === undefined ? { [labelNames.owner]: this.#owner } : labelsOf(this.#owner, key);
    const filters = JSON.stringify({ label: Object.entries(wanted).map(([name, value]) => `${name}=${value}`) });
    const listed = await this.#engine.get(
      { path: "/containers/json", query: { all: "1", filters } },
      containerListSchema,
    );
    const ours = listed.filter(({ Labels }) => placeOf(Labels) !== null);
    const found = await Promise.all(ours.map(({ Id }) => this.#inspect(Id)));
    return found.filter((one) => one !== null);
  }

  async create(recipe: Recipe): Promise<void> {
    await this.#make(recipe, recipe.body, recipe.networks);
    this.#log.info({ container: recipe.name }, "container created");
  }

  /** Ends a container and makes another one in its place, which keeps what somebody else gave it. */
  async replace(recipe: Recipe, found: FoundContainer): Promise<void> {
    const body = takeOver(recipe, found, await this.#defaultsOf(found.Image));
    const networks = [...recipe.networks, ...theirNetworks(recipe, found)];
    await this.remove(found);
    await this.#make(recipe, body, networks);
    this.#log.info({ container: recipe.name }, "container replaced");
  }

  async mend(found: FoundContainer, { join, limits, start }: Mend): Promise<void> {
    for (const network of join) await this.#join(found.Id, network);
    if (limits !== null) {
      const body = { Memory: limits.memory, MemorySwap: limits.memory * 2, NanoCpus: limits.nanoCpus };
      await this.#engine.send({ method: "POST", path: `/containers/${found.Id}/update`, body });
    }
    if (start) await this.#start(found.Id);
    this.#log.info({ container: found.Name, join, limits, start }, "container repaired");
  }

  /** One that is not there any more is a success. */
  async remove(found: FoundContainer): Promise<void> {
    const path = `/containers/${found.Id}`;
    this.stopping.add(found.Id);
    try {
      const stop = {
        method: "POST",
        path: `${path}/stop`,
        query: { t: graceSeconds },
        timeoutMs: stopTimeoutMs,
      } as const;
      await this.#engine.send(stop, [304, 404]);
      // 409: somebody else is removing it.
      await this.#engine.send({ method: "DELETE", path, query: { force: "true" }, timeoutMs: stopTimeoutMs }, [
        404,
        409,
      ]);
      this.#log.info({ container: found.Name }, "container removed");
    } finally {
      this.stopping.delete(found.Id);
    }
  }

  /** The data of a workload that is no more. */
  async removeVolumes(key: WorkloadKey): Promise<void> {
    const label = Object.entries(labelsOf(this.#owner, key)).map(([name, value]) => `${name}=${value}`);
    const query = { filters: JSON.stringify({ label }) };
    const { Volumes } = await this.#engine.get({ path: "/volumes", query }, volumesSchema);
    for (const { Name } of Volumes ?? []) {
      // 409: somebody else's container uses it.
      await this.#engine.send({ method: "DELETE", path: `/volumes/${encodeURIComponent(Name)}` }, [404, 409]);
    }
  }

  /**
   * Sees to it that the engine has the image.
   * @throws OrchestratorError with the engine's message when it has not, and cannot get it.
   */
  async needImage(image: string, pull: "missing" | "never"): Promise<void> {
    try {
      await this.#engine.get({ path: `/images/${encodeImage(image)}/json` }, z.unknown());
    } catch (error) {
      if (!(error instanceof EngineRefusal && error.status === 404) || pull === "never") throw error;
      await this.#pull(image);
    }
  }

  async #inspect(id: string): Promise<FoundContainer | null> {
    try {
      return await this.#engine.get({ path: `/containers/${id}/json` }, containerSchema);
    } catch (error) {
      // It went while the others were asked for.
      if (error instanceof EngineRefusal && error.status === 404) return null;
      throw error;
    }
  }

  async #make(recipe: Recipe, body: Readonly<Record<string, unknown>>, networks: readonly string[]): Promise<void> {
    const query = { name: recipe.name };
    const path = "/containers/create";
    const { Id } = await this.#engine.change(
      { method: "POST", path, query, body, timeoutMs: createTimeoutMs },
      createdSchema,
    );
    try {
      // By its name: a reason that is another one at each attempt would be told each time.
      for (const network of networks.slice(1)) await this.#join(recipe.name, network);
      await this.#start(recipe.name);
    } catch (error) {
      // One that cannot start would stand in the way of the next attempt.
      await this.#engine.send({ method: "DELETE", path: `/containers/${Id}`, query: { force: "true" } }, [404, 409]);
      throw error;
    }
  }

  /** 403 is the engine's answer when it has joined already. */
  #join(container: string, network: string): Promise<void> {
    const path = `/networks/${encodeURIComponent(network)}/connect`;
    return this.#engine.send({ method: "POST", path, body: { Container: container } }, [403]);
  }

  #start(container: string): Promise<void> {
    return this.#engine.send({ method: "POST", path: `/containers/${container}/start`, timeoutMs: createTimeoutMs }, [
      304,
    ]);
  }

  async #defaultsOf(image: string): Promise<ImageDefaults> {
    try {
      const { Config } = await this.#engine.get({ path: `/images/${encodeImage(image)}/json` }, imageSchema);
      return { env: Config?.Env ?? [], labels: Config?.Labels ?? {} };
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return noDefaults;
      throw error;
    }
  }

  async #pull(image: string): Promise<void> {
    const { name, tag } = splitImage(image);
    this.#log.info({ image }, "pulling an image");
    const call = { method: "POST", path: "/images/create", query: { fromImage: name, tag } } as const;
    for await (const line of this.#engine.stream(call, AbortSignal.timeout(pullTimeoutMs))) {
      const { error } = pullLineSchema.catch({}).parse(line);
      if (error !== undefined) throw new OrchestratorError(`Cannot pull image "${image}": ${error}`, "invalid");
    }
  }
}

/** A tag follows the last colon, unless that is a registry's port; without one the engine would pull all tags. */
export function splitImage(image: string): { name: string; tag: string } {
  const digest = image.indexOf("@");
  if (digest >= 0) return { name: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(":");
  if (colon <= image.lastIndexOf("/")) return { name: image, tag: "latest" };
  return { name: image.slice(0, colon), tag: image.slice(colon + 1) };
}

/** Its slashes stay. */
function encodeImage(image: string): string {
  return image.split("/").map(encodeURIComponent).join("/");
}
