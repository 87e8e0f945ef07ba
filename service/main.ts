import { hostname } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "../core/options.ts";
import type { RegistryRecord } from "../core/registry/records.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { aborted, runUntilSignal } from "../core/runtime/process.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { formatAddress, parseAddress } from "../core/runtime/system_net.ts";
import { openVolume } from "../core/store/volume_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { version } from "../core/version.ts";
import { makeApp } from "./api/app.ts";
import { prepareDataFolder } from "./data_folder.ts";
import { requireLoopback } from "./loopback.ts";
import { openOrchestrator } from "./open_orchestrator.ts";
import { defaultName, serviceCommand, type ServiceOptions, supported } from "./options.ts";
import { Service } from "./service.ts";

const program = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

/**
 * `bcs-metric service`: runs until SIGINT or SIGTERM, then stops the collectors that it runs. Returns the exit code.
 * @throws OptionError or HelpShown when there is nothing to run.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = await readOptions(serviceCommand, argv, process.env);
  const options = supported(values);
  return await runUntilSignal((stop) => run(options, stop));
}

async function run(options: ServiceOptions, stop: AbortSignal): Promise<void> {
  const log = makeLogger("service", options.logLevel);
  const { clock, fs } = systemEnv;
  const listen = parseAddress(options.listen);
  requireLoopback(listen);
  if (options.orchestrator === "process") await prepareDataFolder(fs, options.data);

  await using opened = new AsyncDisposableStack();
  const volume = resolve(options.volume);
  const store = await openVolume({ root: volume, env: systemEnv, log });
  opened.defer(() => store.close());
  const registry = makeRegistry({ store, clock, log });
  const metrics = makeMetrics("service");
  const service = new Service({
    store,
    registry,
    clock,
    log,
    metrics,
    frequencyMinSeconds: options.frequencyMin,
    makeOrchestrator: (onRestart) =>
      openOrchestrator({ ...options, volume, data: resolve(options.data), script: program, log, onRestart }),
  });
  const app = makeApp({
    metrics,
    log,
    readiness: () => service.readiness(),
    targets: () => service.targets(),
    collectors: () => service.collectors(),
    exporters: () => service.exporters(),
    status: () => service.status(),
  });
  // The address comes first: a second service on the same port must not start collectors.
  const listener = await serveHttp(listen, (request) => app.fetch(request));
  opened.defer(() => listener.close());
  opened.defer(() => service.close());
  await service.start();
  const identity = recordOf(options, listener.address, Buffer.from(systemEnv.random.bytes(8)).toString("hex"));
  const registration = await registry.register(() => ({ ...identity, load: { targets: service.targets().length } }));
  opened.defer(() => registration.close());
  log.info({ address: formatAddress(listener.address), volume }, "serving");
  await aborted(stop);
  log.info("stopping");
}

/** What the service tells of itself, but for its load. */
function recordOf(options: ServiceOptions, address: SocketAddress, instance: string): Omit<RegistryRecord, "load"> {
  return {
    ip: address.host === "localhost" ? "127.0.0.1" : address.host,
    port: address.port,
    metric_port: address.port,
    hostname: hostname(),
    scheme: "http",
    version,
    cluster: "",
    pid: process.pid,
    module: "service",
    id: options.name ?? defaultName(address.port),
    namespace: "",
    instance,
  };
}
