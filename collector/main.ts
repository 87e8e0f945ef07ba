import { z } from "zod";
import { frequencyMinSecondsDefault } from "../core/config/document.ts";
import { addressText, logLevelOption, safeNameText } from "../core/option_types.ts";
import { type CommandDefinition, OptionError, readOptions } from "../core/options.ts";
import { aborted, runUntilSignal } from "../core/runtime/process.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { parseAddress } from "../core/runtime/system_net.ts";
import { openVolume } from "../core/store/volume_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { version } from "../core/version.ts";
import { startCollector } from "./collector.ts";

const optionDefinitions = {
  cluster: { value: "CLUSTER", help: "id of the cluster", schema: safeNameText },
  namespace: { value: "NAMESPACE", help: "namespace whose targets are scraped", schema: safeNameText },
  name: { value: "NAME", help: "name of this collector, such as bcs-collector-shop-0", schema: safeNameText },
  configSource: {
    value: "file|http",
    help: "where the assignment comes from: the shared volume, or a service (http is not supported yet)",
    schema: z.enum(["file", "http"]).default("file"),
  },
  volume: { value: "DIR", help: "the shared volume", schema: z.string().default("") },
  service: {
    value: "URL[,URL]",
    help: "services to subscribe to, with --config-source http",
    schema: z.string().default(""),
  },
  exporter: {
    value: "HOST:PORT",
    help: "the exporter; without it one is found in the registry on the volume",
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
  token: { value: "TOKEN", help: "shown to the exporter", schema: z.string().default("") },
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
  if (values.configSource === "http") {
    throw new OptionError('Cannot use --config-source "http": it is not supported yet; use "file" with --volume');
  }
  if (values.volume === "") {
    throw new OptionError("Cannot do without --volume (or BCS_METRIC_VOLUME): the shared volume");
  }
  const log = makeLogger("collector", values.logLevel);
  return await runUntilSignal(async (stop) => {
    const collector = await startCollector({
      identity: { cluster: values.cluster, namespace: values.namespace, name: values.name },
      data: values.data,
      http: parseAddress(values.http),
      exporter: values.exporter ?? "",
      frequencyMinSeconds: values.frequencyMin,
      token: values.token,
      version,
      openStore: () => openVolume({ root: values.volume, env: systemEnv, log }),
      env: systemEnv,
      log,
    });
    await aborted(stop);
    await collector.stop();
  });
}
