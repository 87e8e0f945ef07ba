import { hostname } from "node:os";
import { z } from "zod";
import { nameProblem } from "../core/config/names.ts";
import { addressText, logLevelOption, safeNameText, storeOption } from "../core/option_types.ts";
import type { CommandDefinition, OptionDefinitions } from "../core/options.ts";

const options = {
  data: {
    value: "DIR",
    help: "folder of the write-ahead log, the cursors and the file sink",
    schema: z.string().min(1, { error: "must name a folder" }),
  },
  listen: {
    value: "HOST:PORT",
    help: "address for collectors",
    schema: addressText.default("127.0.0.1:7071"),
  },
  http: {
    value: "HOST:PORT",
    help: "address of /metrics, /healthz, /readyz and /v1/status",
    schema: addressText.default("127.0.0.1:7072"),
  },
  volume: {
    value: "DIR",
    help: "configuration volume in whose registry the exporter announces itself; without one it does not",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
  store: storeOption,
  name: {
    value: "NAME",
    help: "name of this exporter, unique in the registry",
    schema: safeNameText.default(() => defaultName(hostname(), process.pid)),
  },
  cluster: {
    value: "CLUSTER",
    help: "cluster that the exporter is announced for",
    schema: z.union([z.literal(""), safeNameText], { error: "must be a cluster's name" }).default(""),
  },
  logLevel: logLevelOption,
} as const satisfies OptionDefinitions;

/** `bcs-metric exporter`. The `--config` file may also hold `sinks` and `routes`. */
export const exporterCommand = {
  name: "exporter",
  summary: "Receives what collectors scrape, makes it durable, acknowledges it and delivers it to the sinks.",
  options,
  configKeys: ["sinks", "routes"],
} as const satisfies CommandDefinition<typeof options>;

/** `exporter-<host name>`, or with the process's number when the host name is no part of a safe name. */
export function defaultName(host: string, pid: number): string {
  const name = `exporter-${host}`;
  return nameProblem(name) === null ? name : `exporter-${pid}`;
}
