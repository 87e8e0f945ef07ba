import { UserError } from "../core/errors.ts";
import { type OptionValues, type ReadOptions, readOptions } from "../core/options.ts";
import type { Registry } from "../core/registry/records.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import { aborted, runUntilSignal } from "../core/runtime/process.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { parseAddress } from "../core/runtime/system_net.ts";
import { openStore } from "../core/store/open_store.ts";
import { type Logger, makeLogger } from "../core/telemetry/log.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { openSecurity } from "./access/security.ts";
import { startExporter } from "./exporter.ts";
import { exporterCommand } from "./options.ts";
import { readRoutes } from "./routing/routes.ts";
import { readSinks } from "./sinks/mod.ts";

export { inspectWal } from "./wal/inspect.ts";

type Options = typeof exporterCommand.options;

/**
 * `bcs-metric exporter`: runs until SIGINT or SIGTERM, then drains. Returns the exit code.
 * @throws OptionError or HelpShown when there is nothing to run.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const read = await readOptions(exporterCommand, argv, process.env);
  return await runUntilSignal((stop) => run(read, stop));
}

async function run({ values, config, configPath }: ReadOptions<Options>, stop: AbortSignal): Promise<void> {
  const log = makeLogger("exporter", values.logLevel);
  const env = systemEnv;
  const routes = readRoutes(config, configPath);
  const sinks = await readSinks(config, configPath, { env, dataDir: values.data, log, variables: process.env });
  await using opened = new AsyncDisposableStack();
  const registry = await openRegistry(values, log, opened);
  const addresses = { listen: parseAddress(values.listen), http: parseAddress(values.http) };
  const { clock, fs } = env;
  const security = await openSecurity(values, addresses, { fs, clock, log, variables: process.env }, opened);
  const exporter = await startExporter({
    name: values.name,
    cluster: values.cluster,
    dataDir: values.data,
    ...addresses,
    security,
    ingestBytes: values.ingestMemory,
    baseBytes: values.baseMemory,
    sinks,
    routes,
    retention: { bytes: values.retentionBytes, ageMs: values.retentionAge * 1000 },
    registry,
    env,
    log,
    metrics: makeMetrics("exporter"),
  });
  const failure = await Promise.race([aborted(stop), exporter.failed]);
  log.info({ reason: failure === undefined ? "signal" : failure.message }, "stopping");
  if (failure === undefined) {
    await exporter.stop();
    log.info("stopped");
    return;
  }
  // The reason comes first; closing a failed log only says the same again.
  await exporter.stop().catch((error: unknown) => log.error({ err: error }, "stopping failed"));
  throw new UserError(`${failure.message}; mend the disk and start the exporter again: nothing acknowledged is lost`);
}

async function openRegistry(
  { volume, store: url }: OptionValues<Options>,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<Registry | null> {
  if (volume === undefined && url === undefined) return null;
  const store = await openStore({ volume, store: url, env: systemEnv, log });
  opened.defer(() => store.close());
  return makeRegistry({ store, clock: systemEnv.clock, log });
}
