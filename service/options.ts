import { hostname } from "node:os";
import { z } from "zod";
import { frequencyMinSecondsDefault } from "../core/config/document.ts";
import { nameBytesMax } from "../core/config/names.ts";
import { addressText, logLevelOption, safeNameText } from "../core/option_types.ts";
import { type CommandDefinition, type OptionDefinitions, OptionError, type OptionValues } from "../core/options.ts";

const orchestrators = ["process", "kubernetes", "mesos", "docker", "none"] as const;

const options = {
  volume: {
    value: "DIR",
    help: "the configuration volume",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
  store: {
    value: "etcd://HOST:PORT",
    help: "an etcd in place of the volume (not built yet)",
    schema: z.string().optional(),
  },
  listen: {
    value: "HOST:PORT",
    help: "where the API, /metrics, /healthz and /readyz are served; this machine only, since there are no tokens yet",
    schema: addressText.default("127.0.0.1:7070"),
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
    help: "the exporter that the collectors send to; without one they find it in the registry on the volume",
    schema: addressText.optional(),
  },
  frequencyMin: {
    value: "SECONDS",
    help: "lowest frequency of a metric",
    schema: z.coerce.number().int().min(1).default(frequencyMinSecondsDefault),
  },
  name: {
    value: "NAME",
    help: "name of this service, unique in the registry; by default made of host and port",
    schema: safeNameText.optional(),
  },
  logLevel: logLevelOption,
} as const satisfies OptionDefinitions;

/** `bcs-metric service`. */
export const serviceCommand: CommandDefinition<typeof options> = {
  name: "service",
  summary: "Runs a Metric-Service: it finds the targets, divides them over collectors, and runs the collectors.",
  options,
};

export interface ServiceOptions extends Omit<OptionValues<typeof options>, "volume" | "store" | "orchestrator"> {
  readonly volume: string;
  readonly orchestrator: "process" | "none";
}

/**
 * The options, as far as they can be served.
 * @throws OptionError for what is not built yet, and without a volume.
 */
export function supported({ store, volume, orchestrator, ...rest }: OptionValues<typeof options>): ServiceOptions {
  if (store !== undefined) throw new OptionError(`Cannot use --store ${store}: it is not built yet; use --volume DIR`);
  if (volume === undefined) throw new OptionError("Cannot do without --volume (or BCS_METRIC_VOLUME): the volume");
  if (orchestrator !== "process" && orchestrator !== "none") {
    throw new OptionError(`Cannot use --orchestrator ${orchestrator}: it is not built yet; use process or none`);
  }
  return { ...rest, volume, orchestrator };
}

/** `<host>-<port>`, with whatever is not allowed in a name left out. */
export function defaultName(port: number, host: string = hostname()): string {
  const safe = host.replace(/[^A-Za-z0-9._-]/g, "").replace(/^[._-]+|[._-]+$/g, "").slice(0, nameBytesMax - 40);
  return `${safe === "" ? "service" : safe}-${port}`;
}
