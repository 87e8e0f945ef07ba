import { hostname } from "node:os";
import { z } from "zod";
import { frequencyMinSecondsDefault } from "../core/config/document.ts";
import { nameBytesMax } from "../core/config/names.ts";
import { addressText, logLevelOption, safeNameText, storeOption } from "../core/option_types.ts";
import { type CommandDefinition, type OptionDefinitions, OptionError, type OptionValues } from "../core/options.ts";
import { accessOptions } from "../core/scrape/access_options.ts";
import { placeProblem } from "../core/store/store_place.ts";
import { autoscaleOptions } from "./autoscale/options.ts";
import { dockerOptions } from "./docker_options.ts";
import { guardDefaults } from "./guards/guard.ts";
import { kubernetesOptions } from "./kubernetes_options.ts";
import { launchOptions } from "./launch_options.ts";
import { leaseMsDefault } from "./leader/leader.ts";
import { mesosOptions } from "./mesos_options.ts";

const orchestrators = ["process", "kubernetes", "mesos", "docker", "none"] as const;

const options = {
  volume: {
    value: "DIR",
    help: "the configuration volume",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
  store: storeOption,
  listen: {
    value: "HOST:PORT",
    help: "where the API, /metrics, /healthz and /readyz are served; without --tokens this machine only",
    schema: addressText.default("127.0.0.1:7070"),
  },
  tokens: {
    value: "FILE",
    help: "YAML file of the bearer tokens that the API asks for; read anew when it changes",
    schema: z.string().min(1, { error: "must name a file" }).optional(),
  },
  exporterToken: {
    value: "TOKEN",
    help: "shown to exporters when their ledgers are asked for; or env:NAME, or file:PATH",
    schema: z.string().default(""),
  },
  orchestrator: {
    value: orchestrators.join("|"),
    help: "what runs the collectors; none when somebody else does",
    schema: z.enum(orchestrators).default("process"),
  },
  data: {
    value: "DIR",
    help: "folder of the collectors' data and logs, with --orchestrator process",
    schema: z.string().min(1, { error: "must name a folder" }).default("var/service"),
  },
  exporter: {
    value: "HOST:PORT",
    help: "the exporter that the collectors send to; without one they find it in the registry",
    schema: addressText.optional(),
  },
  ...launchOptions,
  ...dockerOptions,
  ...kubernetesOptions,
  ...mesosOptions,
  frequencyMin: {
    value: "SECONDS",
    help: "lowest frequency of a metric",
    schema: z.coerce.number().int().min(1).default(frequencyMinSecondsDefault),
  },
  leaseSeconds: {
    value: "SECONDS",
    help: "how long the leader's lease lasts without renewal; the same for all services of a store",
    schema: z.coerce.number().min(1).max(3600).default(leaseMsDefault / 1000),
  },
  guardShare: {
    value: "SHARE",
    help: "share of a namespace's targets, 0 to 1, that may be removed in one change; more waits for a confirmation",
    schema: z.coerce.number().min(0).max(1).default(guardDefaults.share),
  },
  ...autoscaleOptions,
  name: {
    value: "NAME",
    help: "name of this service, unique in the registry; by default made of host and port",
    schema: safeNameText.optional(),
  },
  ...accessOptions,
  logLevel: logLevelOption,
} as const satisfies OptionDefinitions;

/** `bcs-metric service`. */
export const serviceCommand: CommandDefinition<typeof options> = {
  name: "service",
  summary: "Runs a Metric-Service: it finds the targets, divides them over collectors, and runs the collectors.",
  options,
};

export type ServiceOptions = OptionValues<typeof options>;

/**
 * The options, as far as they can be served.
 * @throws OptionError unless there is one store.
 */
export function supported(values: ServiceOptions): ServiceOptions {
  const problem = placeProblem(values);
  if (problem !== null) throw new OptionError(problem);
  return values;
}

/** `<host>-<port>`, with whatever is not allowed in a name left out. */
export function defaultName(port: number, host: string = hostname()): string {
  const safe = host.replace(/[^A-Za-z0-9._-]/g, "").replace(/^[._-]+|[._-]+$/g, "").slice(0, nameBytesMax - 40);
  return `${safe === "" ? "service" : safe}-${port}`;
}
