import { join } from "node:path/posix";
import { writeArguments } from "../../../core/options.ts";
import { type Child, startChild } from "../../../core/runtime/child.ts";
import type { StorePlace } from "../../../core/store/store_place.ts";
import type { LogLevel } from "../../../core/telemetry/log.ts";
import type { Instance } from "./process_orchestrator.ts";

export interface CollectorProcessOptions extends StorePlace {
  /** The program whose subcommand `collector` runs a collector. */
  readonly script: string;
  /** Folder of the collectors' data and logs. */
  readonly data: string;
  /** `HOST:PORT`; without one the collectors find an exporter in the registry. */
  readonly exporter?: string | undefined;
  readonly frequencyMinSeconds: number;
  readonly logLevel: LogLevel;
  /** The environment that the collectors inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Starts the process of a collector, with a folder and a log of its own. */
export function startCollectorProcess(options: CollectorProcessOptions, instance: Instance): Child {
  const args = collectorArguments(options, instance);
  return startChild(options.script, ["collector", ...args], collectorLogPath(options.data, instance), {
    // The service's own configuration file has keys that a collector does not know.
    ...Object.fromEntries(Object.entries(options.env).filter(([name]) => name !== "BCS_METRIC_CONFIG")),
    ...instance.workload.env,
  });
}

export function collectorArguments(options: CollectorProcessOptions, instance: Instance): string[] {
  const { clusterId, namespace } = instance.workload;
  return writeArguments({
    cluster: clusterId,
    namespace,
    name: instance.name,
    configSource: "file",
    volume: options.volume,
    store: options.store,
    exporter: options.exporter,
    data: join(options.data, "collectors", placeOf(instance)),
    http: "127.0.0.1:0",
    frequencyMin: options.frequencyMinSeconds,
    logLevel: options.logLevel,
  });
}

/** `<data>/logs/collectors/<clusterId>/<namespace>/<name>.log`. */
export function collectorLogPath(data: string, instance: Instance): string {
  return join(data, "logs", "collectors", `${placeOf(instance)}.log`);
}

/** Collectors of different clusters and namespaces may have one name. */
function placeOf({ workload, name }: Instance): string {
  return join(workload.clusterId, workload.namespace, name);
}
