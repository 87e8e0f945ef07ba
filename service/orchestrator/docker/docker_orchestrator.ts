import { messageOf } from "../../../core/errors.ts";
import type { Clock, Random } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import { type Orchestrator, OrchestratorError, type OrchestratorWatch, WorkloadMissingError } from "../orchestrator.ts";
import { fingerprintOf, type Workload, type WorkloadKey, workloadPath, type WorkloadStatus } from "../workload.ts";
import { Containers } from "./containers.ts";
import type { Engine } from "./engine.ts";
import type { FoundContainer } from "./engine_schema.ts";
import { EngineEvents } from "./events.ts";
import { placeOf } from "./labels.ts";
import { Lane } from "./lane.ts";
import { planSteps, type Step } from "./plan.ts";
import { type DockerSettings, recipeOf, wishOf } from "./recipe.ts";
import { statusOf } from "./status.ts";

export interface DockerOrchestratorOptions extends DockerSettings {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether an image that the engine lacks is asked of its registry. */
  readonly pull: "missing" | "never";
  /** How long a call waits for its wish to be fulfilled, before it goes on by itself; 5 s by default. */
  readonly waitMs?: number;
}

const waitMsDefault = 5000;
/** What is under way is ended half way then, and begun anew by the next service. */
const closeWaitMs = 10_000;

/** Runs collectors as containers of a Docker Engine, which outlive the service. */
export function makeDockerOrchestrator(options: DockerOrchestratorOptions): Orchestrator {
  return new DockerOrchestrator(options);
}

/** What this process knows of one workload. */
interface Known {
  readonly key: WorkloadKey;
  readonly lane: Lane;
  /** The last one that was taken; null when it was to be deleted, or none could be carried out. */
  wish: Workload | null;
  /** The last one that was carried out. */
  done: Workload | null;
  problem: string;
}

class DockerOrchestrator implements Orchestrator {
  readonly name = "docker";
  readonly #options: DockerOrchestratorOptions;
  readonly #containers: Containers;
  readonly #known = new Map<string, Known>();
  readonly #watchers = new Set<() => void>();
  #events: EngineEvents | null = null;

  constructor(options: DockerOrchestratorOptions) {
    this.#options = options;
    this.#containers = new Containers(options);
  }

  async apply(workload: Workload): Promise<void> {
    // What cannot be made at all is told before anything is touched.
    for (let ordinal = 0; ordinal < workload.replicas; ordinal++) recipeOf(workload, ordinal, this.#options);
    await this.#work(this.#knownOf(workload), workload, () => this.#converge(workload));
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    const path = workloadPath(key);
    const known = this.#known.get(path)?.wish ?? null;
    if (known !== null) return await this.apply({ ...known, replicas });
    const found = await this.#containers.list(key);
    if (found.length === 0) throw new WorkloadMissingError(`Cannot scale workload "${path}": there is none`);
    const applied = found.map(wishOf).find((one) => one !== null);
    if (applied !== undefined) return await this.apply({ ...applied, replicas });
    throw new OrchestratorError(
      `Cannot scale workload "${path}": it was made by somebody else; apply it first`,
      "invalid",
    );
  }

  async delete(key: WorkloadKey): Promise<void> {
    await this.#work(this.#knownOf(key), null, () => this.#remove(key));
  }

  async list(): Promise<WorkloadStatus[]> {
    const found = Map.groupBy(await this.#containers.list(), (one) => {
      const place = placeOf(one.Config.Labels);
      return place === null ? "" : workloadPath(place.key);
    });
    // One without instances is there when it was to have none, or has none yet; else somebody has deleted it.
    for (const [path, { wish, lane }] of this.#known) {
      if (!found.has(path) && wish !== null && (wish.replicas === 0 || lane.working)) found.set(path, []);
    }
    return [...found].filter(([path]) => path !== "").toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([path, containers]) => this.#statusOf(path, containers));
  }

  watch(onChange: () => void): OrchestratorWatch {
    this.#watchers.add(onChange);
    const { engine, clock, random, log, owner } = this.#options;
    this.#events ??= new EngineEvents({ engine, clock, random, log, owner, onChange: () => this.#tell() });
    return { close: () => void this.#watchers.delete(onChange) };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    await this.#events?.close();
    const idle = Promise.all([...this.#known.values()].map(({ lane }) => lane.idle()));
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(closeWaitMs, resolve);
    await Promise.race([idle, enough]);
    cancel();
    await this.#options.engine.close();
  }

  #statusOf(path: string, containers: readonly FoundContainer[]): WorkloadStatus {
    const known = this.#known.get(path);
    const key = known?.key ?? placeOf(containers[0]?.Config.Labels ?? {})?.key;
    if (key === undefined) throw new Error(`Cannot tell whose the containers of "${path}" are`);
    const memory = known === undefined ? undefined : {
      fingerprint: known.wish === null ? "" : fingerprintOf(known.wish),
      replicas: known.wish?.replicas ?? null,
      working: known.lane.working,
      problem: known.problem,
      stopping: this.#containers.stopping,
    };
    return statusOf(key, containers, memory);
  }

  #knownOf({ clusterId, namespace, name }: WorkloadKey): Known {
    const key = { clusterId, namespace, name };
    const known = this.#known.get(workloadPath(key)) ?? { key, lane: new Lane(), wish: null, done: null, problem: "" };
    this.#known.set(workloadPath(key), known);
    return known;
  }

  /** Waits for the work as long as a caller may; what becomes of it later is told by the workload's problem. */
  async #work(known: Known, wish: Workload | null, work: () => Promise<void>): Promise<void> {
    const { clock, log, waitMs = waitMsDefault } = this.#options;
    const path = workloadPath(known.key);
    known.wish = wish;
    let waiting = true;
    const done = known.lane.run(work).then(
      () => {
        known.done = wish;
        this.#ended(known, "");
      },
      (error: unknown) => {
        if (!waiting) log.warn({ workload: path, reason: messageOf(error) }, "cannot change the workload's containers");
        if (known.wish === wish) known.wish = known.done;
        this.#ended(known, messageOf(error));
        throw error;
      },
    );
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(waitMs, resolve);
    try {
      await Promise.race([done, enough]);
    } finally {
      waiting = false;
      cancel();
      // Told above.
      done.catch(() => {});
    }
  }

  #ended(known: Known, problem: string): void {
    const changed = known.problem !== problem;
    known.problem = problem;
    if (known.wish === null && problem === "" && !known.lane.working) this.#known.delete(workloadPath(known.key));
    if (changed) this.#tell();
  }

  async #converge(workload: Workload): Promise<void> {
    const recipes = Array.from(
      { length: workload.replicas },
      (_, ordinal) => recipeOf(workload, ordinal, this.#options),
    );
    const steps = planSteps(recipes, await this.#containers.list(workload));
    const images = steps.flatMap((step) => "recipe" in step ? [step.recipe.image] : []);
    for (const image of new Set(images)) await this.#containers.needImage(image, this.#options.pull);
    // What goes takes its time to hand over what it holds, and nobody waits for it.
    const leaving = steps.filter((step) => step.type === "remove").map(({ found }) => this.#containers.remove(found));
    inBackground(this.#options.log, "removing containers", Promise.allSettled(leaving));
    for (const step of steps) await this.#carryOut(step);
    await Promise.all(leaving);
  }

  async #carryOut(step: Step): Promise<void> {
    switch (step.type) {
      case "create":
        return await this.#containers.create(step.recipe);
      case "replace":
        return await this.#containers.replace(step.recipe, step.found);
      case "mend":
        return await this.#containers.mend(step.found, step.mend);
      case "remove":
        // Begun before, beside the others.
        return;
    }
  }

  async #remove(key: WorkloadKey): Promise<void> {
    await Promise.all((await this.#containers.list(key)).map((found) => this.#containers.remove(found)));
    await this.#containers.removeVolumes(key);
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
