import { z } from "zod";
import { safeNameText } from "../core/option_types.ts";
import { type OptionDefinitions, OptionError } from "../core/options.ts";
import type { CollectorLaunch } from "./orchestrator/collector_arguments.ts";
import { type EngineHost, engineUrlProblem, readEngineHost } from "./orchestrator/docker/engine_host.ts";
import type { DockerSettings } from "./orchestrator/docker/recipe.ts";

const pem = z.string().min(1, { error: "must name a file" }).optional();

/** Items separated by commas in flag and environment, text or list in YAML. */
const networks = z.union([z.array(z.string()), z.string().transform((text) => text.split(","))]).default([])
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

/** How `--orchestrator docker` reaches its engine, and what its containers have in common. */
export const dockerOptions = {
  dockerHost: {
    value: "URL",
    help: "the Docker Engine, as unix:///PATH or tcp://HOST:PORT",
    schema: z.string().default("unix:///var/run/docker.sock").superRefine((url, context) => {
      const problem = engineUrlProblem(url);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    }),
  },
  dockerCa: { value: "FILE", help: "PEM: who has signed the engine's certificate; TLS to --docker-host", schema: pem },
  dockerCert: { value: "FILE", help: "PEM: the certificate that is shown to the engine", schema: pem },
  dockerKey: { value: "FILE", help: "PEM: its key", schema: pem },
  dockerNetworks: {
    value: "NAME[,NAME]",
    help: "networks that collectors join besides their business network: the way to services and exporters",
    schema: networks,
  },
  dockerOwner: {
    value: "NAME",
    help: "which containers of the engine are this installation's, by label; the same for all services of a store",
    schema: safeNameText.default("bcs-metric"),
  },
  dockerSecrets: {
    value: "DIR",
    help: "folder of the engine's machine; its <clusterId>/<namespace> is /run/secrets in that namespace's collectors",
    schema: z.string().startsWith("/", { error: "must begin with /" }).optional(),
  },
  dockerUser: {
    value: "UID:GID",
    help: "whom a collector's process runs as; must be able to write --collector-data",
    schema: z.string().regex(/^\d+(:\d+)?$/, { error: "must be numbers such as 65532:65532" }).default("65532:65532"),
  },
  dockerPull: {
    value: "missing|never",
    help: "whether an image that the engine lacks is asked of its registry",
    schema: z.enum(["missing", "never"]).default("missing"),
  },
} as const satisfies OptionDefinitions;

export interface DockerValues {
  readonly dockerHost: string;
  readonly dockerCa?: string | undefined;
  readonly dockerCert?: string | undefined;
  readonly dockerKey?: string | undefined;
  readonly dockerNetworks: readonly string[];
  readonly dockerOwner: string;
  readonly dockerSecrets?: string | undefined;
  readonly dockerUser: string;
  readonly dockerPull: "missing" | "never";
}

export interface DockerSetup extends DockerSettings {
  readonly host: EngineHost;
  readonly pull: "missing" | "never";
}

/**
 * What the options say of the engine and its containers.
 * @throws OptionError when certificates are given for a socket of this machine, or one without its key.
 * @throws UserError when a certificate cannot be read.
 */
export async function dockerSetup(values: DockerValues, launch: CollectorLaunch): Promise<DockerSetup> {
  const { dockerHost: url, dockerCa: ca, dockerCert: cert, dockerKey: key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new OptionError("Cannot use one of --docker-cert and --docker-key without the other");
  }
  if (url.startsWith("unix:") && (ca !== undefined || cert !== undefined)) {
    throw new OptionError(`Cannot use TLS with --docker-host ${url}: name the engine as tcp://HOST:PORT`);
  }
  return {
    launch,
    owner: values.dockerOwner,
    networks: values.dockerNetworks,
    secrets: values.dockerSecrets ?? null,
    user: values.dockerUser,
    host: await readEngineHost(url, { ca, cert, key }),
    pull: values.dockerPull,
  };
}
