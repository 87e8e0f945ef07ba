import { join } from "node:path";
import { z } from "zod";
import { frequencyMinSecondsDefault } from "../core/config/document.ts";
import { addressText, logLevelOption, safeNameText, storeOption } from "../core/option_types.ts";
import { type CommandDefinition, OptionError, readOptions } from "../core/options.ts";
import { aborted, runUntilSignal } from "../core/runtime/process.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { parseAddress } from "../core/runtime/system_net.ts";
import { TlsFiles } from "../core/runtime/tls_files.ts";
import { accessOf, accessOptions, variableOption } from "../core/scrape/access_options.ts";
import { openStore } from "../core/store/open_store.ts";
import { placeProblem } from "../core/store/store_place.ts";
import { type Logger, makeLogger } from "../core/telemetry/log.ts";
import { openToken } from "../core/tokens/own_token.ts";
import { version } from "../core/version.ts";
import { spoolDiskBytesDefault, startCollector } from "./collector.ts";
import { kernelBytesDefault } from "./kernel/kernel_memory.ts";
import { openOrdinal } from "./open_ordinal.ts";
import { defaultBudgetBytes } from "./send/mod.ts";
import { serviceSurroundings, storeSurroundings } from "./surroundings.ts";

/** `http://HOST:PORT[,…]`: read from flag and environment as text, and from YAML as text or list. */
const serviceUrls = z.union([z.array(z.string()), z.string().transform((text) => text.split(","))])
  .transform((urls) => urls.map((url) => url.trim()).filter((url) => url !== ""))
  .superRefine((urls, context) => {
    const bad = urls.find((url) => !/^https?:\/\/[^/?#]+[^?#]*$/.test(url) || !URL.canParse(url));
    if (bad !== undefined) context.addIssue({ code: "custom", message: `"${bad}" is no URL such as http://HOST:PORT` });
  });

const fileText = z.string().min(1, { error: "must name a file" }).optional();

const optionDefinitions = {
  cluster: { value: "CLUSTER", help: "id of the cluster", schema: safeNameText },
  namespace: { value: "NAMESPACE", help: "namespace whose targets are scraped", schema: safeNameText },
  name: { value: "NAME", help: "name of this collector, such as bcs-collector-shop-0", schema: safeNameText },
  ordinalOf: {
    value: "NAME",
    help: "ends in -ORDINAL, which is appended to --name: for a pod, that knows its ordinal only by its own name",
    schema: z.string().regex(/-\d+$/, { error: "must end in - and a number" }).optional(),
  },
  claimOrdinal: {
    help: "append the lowest number to --name that no other collector of that name has, and keep it while it lives",
    schema: z.union([z.boolean(), z.stringbool()]).default(false),
  },
  configSource: {
    value: "file|http",
    help: "where the assignment comes from: the shared volume or store, or a service",
    schema: z.enum(["file", "http"]).default("file"),
  },
  volume: {
    value: "DIR",
    help: "the shared volume",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
  store: storeOption,
  service: {
    value: "URL[,URL]",
    help: "services that tell which services there are, with --config-source http",
    schema: serviceUrls.default([]),
  },
  applications: {
    value: "NAME[,NAME]",
    help: "scrape only the targets of these applications, with --config-source http; by default all",
    schema: z.string().default("").transform((text) => text.split(",").filter((name) => name !== "")),
  },
  exporter: {
    value: "HOST:PORT",
    help: "the exporter; without it one is found in the registry",
    schema: addressText.optional(),
  },
  data: { value: "DIR", help: "folder for what has to outlive the process", schema: z.string().min(1) },
  http: {
    value: "HOST:PORT",
    help: "where /metrics, /healthz, /readyz and /v1/targets are served; port 0 picks a free one",
    schema: addressText.default("127.0.0.1:7073"),
  },
  frequencyMin: {
    value: "SECONDS",
    help: "lowest frequency of a metric",
    schema: z.coerce.number().int().min(1).default(frequencyMinSecondsDefault),
  },
  exporterTls: {
    help: "TLS to the exporter; the options below imply it",
    schema: z.union([z.boolean(), z.stringbool()]).default(false),
  },
  exporterCa: { value: "FILE", help: "PEM: who may have signed the exporter's certificate", schema: fileText },
  exporterCert: { value: "FILE", help: "PEM: the certificate that is shown to the exporter", schema: fileText },
  exporterKey: { value: "FILE", help: "PEM: its key", schema: fileText },
  exporterServerName: {
    value: "NAME",
    help: "name that the exporter's certificate must hold; by default the host that is connected",
    schema: z.string().min(1).optional(),
  },
  spoolMemory: {
    value: "BYTES",
    help: "memory for what no exporter has acknowledged; at least 1 MiB",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(1024 ** 2).default(defaultBudgetBytes),
  },
  spoolDisk: {
    value: "BYTES",
    help: "disk for it below --data, which outlives the process; 0: none, else at least 1 MiB",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(0).default(spoolDiskBytesDefault)
      .refine((bytes) => bytes === 0 || bytes >= 1024 ** 2, { error: "must be 0 or at least 1 MiB" }),
  },
  matchingMemory: {
    value: "BYTES",
    help: "memory in which bodies are compared with what is expected of them; 0: each is parsed whole",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(0).max(1024 ** 3)
      .default(kernelBytesDefault)
      .refine((bytes) => bytes === 0 || bytes >= 1024 ** 2, { error: "must be 0 or at least 1 MiB" }),
  },
  token: {
    value: "TOKEN",
    help: "shown to the exporter and to services; or env:NAME, or file:PATH",
    schema: z.string().default(""),
  },
  ...accessOptions,
  ...variableOption,
  logLevel: logLevelOption,
} as const;

export const collectorCommand: CommandDefinition<typeof optionDefinitions> = {
  name: "collector",
  summary: "Scrapes the targets of one namespace and hands what they expose to an exporter.",
  options: optionDefinitions,
};

/**
 * Runs a collector until SIGINT or SIGTERM. Returns the exit code: 0 after a clean end, 1 after a failure, which is
 * printed as one line.
 * @throws OptionError when the options are wrong, HelpShown after `--help`.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = await readOptions(collectorCommand, argv, process.env);
  const problem = values.configSource === "file" ? placeProblem(values) : servicesProblem(values);
  if (problem !== null) throw new OptionError(problem);
  if (values.claimOrdinal && values.ordinalOf !== undefined) {
    throw new OptionError("Cannot use both --claim-ordinal and --ordinal-of: leave one of them out");
  }
  const log = makeLogger("collector", values.logLevel);
  return await runUntilSignal(async (stopped) => {
    const { cluster, namespace, service, applications, volume, store } = values;
    const { clock } = systemEnv;
    const secret = await openToken(values.token, process.env, { fs: systemEnv.fs, clock, log });
    const token = () => secret.current();
    const workload = { cluster, namespace, name: nameOf(values) };
    const claim = values.claimOrdinal
      ? await openOrdinal({ ...values, token, identity: workload, env: systemEnv, log, signal: stopped })
      : null;
    if (values.claimOrdinal && claim === null) return secret.close();
    const identity = claim === null ? workload : { ...workload, name: `${workload.name}-${claim.ordinal}` };
    // What was not acknowledged is told as of its collector: each number has its own.
    const data = claim === null ? values.data : join(values.data, identity.name);
    // Whoever has lost its number must scrape no more, since another may: it ends, and begins anew with another one.
    const stop = claim === null ? stopped : AbortSignal.any([stopped, claim.lost]);
    const files = await openTls(values, log);
    const open = values.configSource === "http"
      ? () =>
        Promise.resolve(serviceSurroundings({ services: service, applications, token, identity, env: systemEnv, log }))
      : async () => {
        const opened = await openStore({ volume, store, env: systemEnv, log });
        return storeSurroundings({ store: opened, identity, clock, log });
      };
    try {
      const collector = await startCollector({
        identity,
        data,
        http: parseAddress(values.http),
        exporter: values.exporter ?? "",
        frequencyMinSeconds: values.frequencyMin,
        token,
        spoolMemoryBytes: values.spoolMemory,
        spoolDiskBytes: values.spoolDisk,
        matchingBytes: values.matchingMemory,
        access: accessOf(values, identity, { env: systemEnv, environment: process.env, log }),
        ...files === null ? {} : { exporterTls: { files, serverName: values.exporterServerName } },
        version,
        open,
        env: systemEnv,
        log,
      });
      await aborted(stop);
      await collector.stop();
      return claim?.lost.aborted === true ? 1 : 0;
    } finally {
      await claim?.release();
      secret.close();
      files?.close();
    }
  });
}

/** The files for TLS to the exporter; null without TLS. */
async function openTls(values: TlsValues, log: Logger): Promise<TlsFiles | null> {
  const { exporterTls, exporterCa: ca, exporterCert: cert, exporterKey: key, exporterServerName } = values;
  if (!exporterTls && ca === undefined && cert === undefined && key === undefined && exporterServerName === undefined) {
    return null;
  }
  return await TlsFiles.open({ ca, cert, key }, { fs: systemEnv.fs, clock: systemEnv.clock, log });
}

interface TlsValues {
  readonly exporterTls: boolean;
  readonly exporterCa?: string | undefined;
  readonly exporterCert?: string | undefined;
  readonly exporterKey?: string | undefined;
  readonly exporterServerName?: string | undefined;
}

/** Why the services cannot be used; null when they can. */
function servicesProblem({ service }: { readonly service: readonly string[] }): string | null {
  if (service.length > 0) return null;
  return "Cannot do without --service (or BCS_METRIC_SERVICE): the URL of a service, with --config-source http";
}

/** `--name`, with the ordinal where that comes from elsewhere. */
export function nameOf(
  { name, ordinalOf }: { readonly name: string; readonly ordinalOf?: string | undefined },
): string {
  return ordinalOf === undefined ? name : `${name}${ordinalOf.slice(ordinalOf.lastIndexOf("-"))}`;
}
