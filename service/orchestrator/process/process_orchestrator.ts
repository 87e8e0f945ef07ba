import { messageOf } from "../../../core/errors.ts";
import type { Child, ChildEnd } from "../../../core/runtime/child.ts";
import type { Clock } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import { instanceName } from "../names.ts";
import { type Orchestrator, WorkloadMissingError } from "../orchestrator.ts";
import {
  asApplied,
  type InstanceStatus,
  type Workload,
  type WorkloadKey,
  workloadPath,
  type WorkloadStatus,
} from "../workload.ts";
import { isFailing, makeSupervisorState, nextWakeMs, step, type SupervisorEvent } from "./supervisor.ts";

export interface ProcessOrchestratorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Starts one collector process. */
  start(instance: Instance): Child;
  /** The file that a collector writes what it says to, for whoever looks for why it ends. */
  logOf?(instance: Instance): string;
  /** Called each time that a collector is started anew after it ended. */
  onRestart?(): void;
  /** How long a collector may take to end before it is killed. */
  readonly graceMs: number;
  /** What is to be closed once every collector has ended. */
  readonly logs?: { close(): Promise<void> };
}

/** One collector process to be. */
export interface Instance {
  readonly workload: Workload;
  readonly ordinal: number;
  /** `<workload>-<ordinal>`. */
  readonly name: string;
}

/** Runs collectors as child processes of the service; they end with it. */
export function makeProcessOrchestrator(options: ProcessOrchestratorOptions): Orchestrator {
  return new ProcessOrchestrator(options);
}

class ProcessOrchestrator implements Orchestrator {
  readonly name = "process";
  readonly #options: ProcessOrchestratorOptions;
  readonly #workloads = new Map<string, Workload>();
  /** Those that the workloads ask for, by path. */
  #instances: ReadonlyMap<string, Instance> = new Map();
  readonly #state = makeSupervisorState();
  /** By instance path; present from start to end of the process. */
  readonly #running = new Map<string, Child>();
  readonly #watchers = new Set<() => void>();
  #cancelWake = () => {};

  constructor(options: ProcessOrchestratorOptions) {
    this.#options = options;
  }

  apply(workload: Workload): Promise<void> {
    this.#workloads.set(workloadPath(workload), workload);
    this.#wish();
    return Promise.resolve();
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    const workload = this.#workloads.get(workloadPath(key));
    if (workload === undefined) {
      throw new WorkloadMissingError(`Cannot scale workload "${workloadPath(key)}": there is none`);
    }
    await this.apply({ ...workload, replicas });
  }

  delete(key: WorkloadKey): Promise<void> {
    if (this.#workloads.delete(workloadPath(key))) this.#wish();
    return Promise.resolve();
  }

  list(): Promise<WorkloadStatus[]> {
    const workloads = [...this.#workloads].toSorted(([a], [b]) => a < b ? -1 : 1);
    return Promise.resolve(workloads.map(([, workload]) => {
      const instances = instancesOf(workload).map((instance) => this.#statusOf(instance));
      return { ...asApplied(workload), problem: this.#problemOf(workload), instances };
    }));
  }

  watch(onChange: () => void): { close(): void } {
    this.#watchers.add(onChange);
    return { close: () => void this.#watchers.delete(onChange) };
  }

  async close(): Promise<void> {
    this.#workloads.clear();
    this.#wish();
    await Promise.all([...this.#running.values()].map((child) => child.ended));
    await this.#options.logs?.close();
  }

  #wish(): void {
    const instances = [...this.#workloads.values()].flatMap(instancesOf);
    this.#instances = new Map(instances.map((instance) => [pathOf(instance), instance]));
    this.#step({ type: "want", recipes: new Map(instances.map((one) => [pathOf(one), recipeOf(one)])) });
  }

  #step(event: SupervisorEvent): void {
    const childrenBefore = this.#state.children.size;
    const effects = step(this.#state, event, this.#options.clock.monotonicMs());
    for (const effect of effects) {
      if (effect.type === "start") this.#start(effect.name, effect.restart);
      else this.#stop(effect.name);
    }
    this.#planWake();
    // A wish that is fulfilled already is no change: who repeats it at each change would never come to rest.
    if (effects.length === 0 && event.type !== "ended" && this.#state.children.size === childrenBefore) return;
    for (const watcher of this.#watchers) watcher();
  }

  #planWake(): void {
    this.#cancelWake();
    const wakeMs = nextWakeMs(this.#state);
    if (wakeMs === null) return;
    const delayMs = Math.max(0, wakeMs - this.#options.clock.monotonicMs());
    this.#cancelWake = this.#options.clock.after(delayMs, () => this.#step({ type: "wake" }));
  }

  #start(path: string, restart: boolean): void {
    const { log } = this.#options;
    const child = this.#spawn(path);
    this.#running.set(path, child);
    log.info({ collector: path, pid: child.pid }, restart ? "collector restarted" : "collector started");
    if (restart) this.#options.onRestart?.();
    inBackground(log, `watching collector ${path}`, child.ended.then((end) => this.#ended(path, end)));
  }

  #ended(path: string, end: ChildEnd): void {
    this.#running.delete(path);
    const how = describeEnd(end);
    const asked = this.#state.children.get(path)?.state === "stopping";
    if (asked) this.#options.log.info({ collector: path, end: how }, "collector stopped");
    else this.#options.log.warn({ collector: path, end: how }, "collector ended by itself; it is started again");
    this.#step({ type: "ended", name: path, how });
  }

  #stop(path: string): void {
    const child = this.#running.get(path);
    if (child === undefined) return;
    inBackground(this.#options.log, `stopping collector ${path}`, child.stop(this.#options.graceMs));
  }

  #spawn(path: string): Child {
    const instance = this.#instances.get(path);
    if (instance === undefined) throw new Error(`Cannot start "${path}": no workload has it`);
    try {
      return this.#options.start(instance);
    } catch (error) {
      return stillborn(messageOf(error));
    }
  }

  /** The first collector that does not stay alive, and why. */
  #problemOf(workload: Workload): string {
    const nowMs = this.#options.clock.monotonicMs();
    for (const instance of instancesOf(workload)) {
      const child = this.#state.children.get(pathOf(instance));
      if (child === undefined) continue;
      const { name } = instance;
      if (isFailing(child, nowMs)) {
        const place = this.#options.logOf === undefined ? "" : `; its log: ${this.#options.logOf(instance)}`;
        return `${name} ends again and again: ${child.lastEnd}${place}`;
      }
      if (child.state === "waiting") return `${name} is started again after a pause; it ended: ${child.lastEnd}`;
    }
    return "";
  }

  #statusOf(instance: Instance): InstanceStatus {
    const path = pathOf(instance);
    const child = this.#state.children.get(path);
    return {
      name: instance.name,
      ordinal: instance.ordinal,
      state: child?.state ?? "starting",
      pid: this.#running.get(path)?.pid ?? 0,
      restarts: child?.restarts ?? 0,
      lastEnd: child?.lastEnd ?? "",
    };
  }
}

function instancesOf(workload: Workload): Instance[] {
  return Array.from({ length: workload.replicas }, (_, ordinal) => ({
    workload,
    ordinal,
    name: instanceName(workload.name, ordinal),
  }));
}

function pathOf({ workload, name }: Instance): string {
  return workloadPath({ ...workload, name });
}

/** Replicas are left out: scaling restarts nobody. */
function recipeOf({ workload }: Instance): string {
  return JSON.stringify(Object.entries(workload.env).toSorted(([a], [b]) => a < b ? -1 : 1));
}

/** What could not be started, such as for want of room for its log: it is tried again like one that ended. */
function stillborn(reason: string): Child {
  const ended = Promise.resolve({ code: null, signal: null, reason });
  return { pid: 0, ended, stop: () => ended };
}

function describeEnd(end: ChildEnd): string {
  if (end.reason !== "") return `could not be started: ${end.reason}`;
  return end.signal === null ? `exit code ${end.code}` : `killed by ${end.signal}`;
}
