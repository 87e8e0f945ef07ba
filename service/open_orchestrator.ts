import type { Child } from "../core/runtime/child.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import type { StorePlace } from "../core/store/store_place.ts";
import type { Logger, LogLevel } from "../core/telemetry/log.ts";
import type { DockerSetup } from "./docker_options.ts";
import { makeDockerOrchestrator } from "./orchestrator/docker/docker_orchestrator.ts";
import { Engine } from "./orchestrator/docker/engine.ts";
import { connectEngine } from "./orchestrator/docker/engine_host.ts";
import { makeNoneOrchestrator } from "./orchestrator/none_orchestrator.ts";
import type { Orchestrator } from "./orchestrator/orchestrator.ts";
import { collectorLogPath, startCollectorProcess } from "./orchestrator/process/collector_process.ts";
import { LogKeeper } from "./orchestrator/process/log_keeper.ts";
import { type Instance, makeProcessOrchestrator } from "./orchestrator/process/process_orchestrator.ts";

export interface OrchestratorOptions extends StorePlace {
  readonly orchestrator: "process" | "docker" | "kubernetes" | "mesos" | "none";
  /** With `docker`. */
  readonly docker?: DockerSetup | undefined;
  /** With `kubernetes`. */
  makeKubernetes?(): Orchestrator;
  /** With `mesos`. */
  makeMesos?(): Orchestrator;
  /** The program whose subcommand `collector` runs a collector. */
  readonly script: string;
  readonly data: string;
  readonly exporter?: string | undefined;
  readonly frequencyMin: number;
  readonly logLevel: LogLevel;
  /** Variables for every collector, besides this process' own. */
  readonly collectorEnv: Readonly<Record<string, string>>;
  readonly log: Logger;
  onRestart(): void;
}

/** How long a collector may take to hand over what it holds before it is killed. */
const graceMs = 10_000;

/** The orchestrator that the options name, over the real system. */
export function openOrchestrator(options: OrchestratorOptions): Orchestrator {
  if (options.orchestrator === "none") return makeNoneOrchestrator();
  if (options.orchestrator === "kubernetes" && options.makeKubernetes !== undefined) return options.makeKubernetes();
  if (options.orchestrator === "mesos" && options.makeMesos !== undefined) return options.makeMesos();
  const { clock, fs, random } = systemEnv;
  const { log } = options;
  if (options.docker !== undefined) {
    const engine = new Engine(connectEngine(options.docker.host));
    return makeDockerOrchestrator({ ...options.docker, engine, clock, random, log });
  }
  const logs = new LogKeeper({ clock, fs, log });
  const collector = {
    ...options,
    frequencyMinSeconds: options.frequencyMin,
    env: { ...process.env, ...options.collectorEnv },
  };
  const start = (instance: Instance): Child => {
    logs.add(collectorLogPath(options.data, instance));
    return startCollectorProcess(collector, instance);
  };
  const logOf = (instance: Instance) => collectorLogPath(options.data, instance);
  return makeProcessOrchestrator({ clock, log, start, logOf, onRestart: () => options.onRestart(), graceMs, logs });
}
