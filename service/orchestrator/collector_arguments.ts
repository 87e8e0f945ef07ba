import { writeArguments } from "../../core/options.ts";
import type { LogLevel } from "../../core/telemetry/log.ts";
import type { Workload } from "./workload.ts";

/** How collectors that run on other machines are started, whatever runs them. */
export interface CollectorLaunch {
  /** Image of workloads that name none; "" when the operator gave none. */
  readonly image: string;
  /** Bases of services that the collectors can reach, such as `http://bcs-metric:7070`; at least one. */
  readonly services: readonly string[];
  /** `HOST:PORT`; without one the collectors find an exporter in the registry. */
  readonly exporter?: string | undefined;
  /** `env:NAME` or `file:PATH`, as the collector's own surroundings have it; "" for none. */
  readonly token: string;
  /** Folder inside the container that may be written. */
  readonly data: string;
  /** Where the collector serves `/healthz`, `/readyz` and `/metrics`, such as `0.0.0.0:7073`. */
  readonly http: string;
  readonly frequencyMinSeconds: number;
  readonly logLevel: LogLevel;
  /** For every collector; a workload's own variables replace them. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What an image's entry point, which is the program `bcs-metric`, is started with to be one instance of a workload. It
 * gets its assignment from the services.
 *
 * @param name that of the instance, `<workload>-<ordinal>`; or, where all instances share their arguments, a text that
 * the orchestrator replaces by it, such as `bcs-collector-shop-$(ORDINAL)`.
 */
export function collectorArguments(launch: CollectorLaunch, workload: Workload, name: string): string[] {
  return [
    "collector",
    ...writeArguments({
      cluster: workload.clusterId,
      namespace: workload.namespace,
      name,
      configSource: "http",
      service: launch.services.join(","),
      exporter: launch.exporter,
      token: launch.token === "" ? undefined : launch.token,
      data: launch.data,
      http: launch.http,
      frequencyMin: launch.frequencyMinSeconds,
      logLevel: launch.logLevel,
    }),
  ];
}

/** Environment of every instance of a workload. */
export function collectorEnvironment(launch: CollectorLaunch, workload: Workload): Record<string, string> {
  return { ...launch.env, ...workload.env };
}

/** Image of a workload's instances; "" when neither the workload nor the operator names one. */
export function collectorImage(launch: CollectorLaunch, workload: Workload): string {
  return workload.image === "" ? launch.image : workload.image;
}
