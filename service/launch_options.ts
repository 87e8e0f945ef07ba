import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../core/config/canonical.ts";
import { addressText } from "../core/option_types.ts";
import { type OptionDefinitions, OptionError } from "../core/options.ts";
import { accessEnvironment, type AccessValues } from "../core/scrape/access_options.ts";
import type { LogLevel } from "../core/telemetry/log.ts";
import type { CollectorLaunch } from "./orchestrator/collector_arguments.ts";
import { driftPolicies } from "./workloads/next_record.ts";

/** Items separated by commas in flag and environment, text or list in YAML. */
const textList = z.union([z.array(z.string()), z.string().transform((text) => text.split(","))]).default([])
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

const serviceUrls = textList.superRefine((urls, context) => {
  const bad = urls.find((url) => !/^https?:\/\/[^/?#,]+[^?#,]*$/.test(url) || !URL.canParse(url));
  if (bad !== undefined) context.addIssue({ code: "custom", message: `"${bad}" is no URL such as http://HOST:PORT` });
});

/** Text in flag and environment, a mapping in YAML. */
const variables = z.union([z.record(z.string(), z.string()), z.string()]).default({}).transform((given, context) => {
  if (typeof given !== "string") return given;
  const items = given.split(",").map((item) => item.trim()).filter((item) => item !== "");
  const bad = items.find((item) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(item));
  if (bad !== undefined) context.addIssue({ code: "custom", message: `"${bad}" is not of the form NAME=VALUE` });
  return Object.fromEntries(items.map((item): [string, string] => {
    const [name = ""] = item.split("=", 1);
    return [name, item.slice(name.length + 1)];
  }));
});

/** How collectors that are not this machine's processes are started: in Kubernetes, Mesos and Docker. */
export const launchOptions = {
  collectorService: {
    value: "URL[,URL]",
    help: "where collectors on other machines reach the services; needed by kubernetes, mesos and docker",
    schema: serviceUrls,
  },
  collectorImage: {
    value: "IMAGE",
    help: "image of the collectors for kubernetes, mesos and docker, where no document or template names one",
    schema: z.string().default(""),
  },
  collectorToken: {
    value: "env:NAME|file:PATH",
    help: "where collectors in containers find the token that they show to services and exporters",
    schema: z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)?$/, {
      error: "must be env:NAME or file:PATH, as the container has it",
    }).default(""),
  },
  collectorData: {
    value: "DIR",
    help: "folder in a collector's container for what has to outlive its process",
    schema: z.string().startsWith("/", { error: "must begin with /" }).default("/data"),
  },
  collectorHttp: {
    value: "HOST:PORT",
    help: "where a collector in a container serves /healthz, /readyz and /metrics",
    schema: addressText.default("0.0.0.0:7073"),
  },
  collectorEnv: {
    value: "NAME=VALUE[,NAME=VALUE]",
    help: "environment of every collector; an option that it is started with goes before",
    schema: variables,
  },
  collectorTemplates: {
    value: "FILE|DIR",
    help: "templates of collector workloads, by cluster type and namespace; read anew when they change",
    schema: z.string().min(1, { error: "must name a file or a folder" }).optional(),
  },
  drift: {
    value: driftPolicies.join("|"),
    help: "what becomes of changes that somebody makes to a collector workload by hand",
    schema: z.enum(driftPolicies).default("repair"),
  },
} as const satisfies OptionDefinitions;

export interface LaunchValues extends AccessValues {
  readonly orchestrator: string;
  readonly collectorService: readonly string[];
  readonly dockerNetworks?: readonly string[];
  readonly dockerSecrets?: string | undefined;
  readonly dockerUser?: string;
  readonly collectorImage: string;
  readonly collectorToken: string;
  readonly collectorData: string;
  readonly collectorHttp: string;
  readonly collectorEnv: Readonly<Record<string, string>>;
  readonly exporter?: string | undefined;
  readonly frequencyMin: number;
  readonly logLevel: LogLevel;
}

/**
 * How the options want collectors in containers to be started. What targets may be reached is the same there; the
 * folder of secrets is not, since it is another machine's.
 * @throws OptionError when they do not say where the services are.
 */
export function collectorLaunch(values: LaunchValues): CollectorLaunch {
  if (values.collectorService.length === 0) {
    throw new OptionError(
      `Cannot use --orchestrator ${values.orchestrator} without --collector-service: `
        + "its collectors run on other machines, and have to be told a URL at which they reach a service",
    );
  }
  return {
    image: values.collectorImage,
    services: values.collectorService,
    exporter: values.exporter,
    token: values.collectorToken,
    data: values.collectorData,
    http: values.collectorHttp,
    frequencyMinSeconds: values.frequencyMin,
    logLevel: values.logLevel,
    env: { ...accessEnvironment({ ...values, secrets: undefined }), ...values.collectorEnv },
  };
}

/**
 * Tells two ways of starting collectors apart, so that those that were started in another way are started anew; "" for
 * collectors that end with the service.
 */
export function launchDigest(values: LaunchValues): string {
  if (values.orchestrator === "process" || values.orchestrator === "none") return "";
  // The image is told apart by itself.
  const { dockerNetworks, dockerSecrets, dockerUser } = values;
  const docker = values.orchestrator === "docker" ? { dockerNetworks, dockerSecrets, dockerUser } : undefined;
  const launch = { ...collectorLaunch(values), image: "", docker };
  return createHash("sha256").update(canonicalJson(launch)).digest("hex").slice(0, 16);
}
