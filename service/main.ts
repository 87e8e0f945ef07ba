import { hostname } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "../core/options.ts";
import type { RegistryRecord } from "../core/registry/records.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { aborted, runUntilSignal } from "../core/runtime/process.ts";
import { reachableHost } from "../core/runtime/reachable_host.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { formatAddress, parseAddress } from "../core/runtime/system_net.ts";
import { accessEnvironment, accessOf } from "../core/scrape/access_options.ts";
import { createInStore, createOnVolume } from "../core/store/create_entry.ts";
import { openStore } from "../core/store/open_store.ts";
import { type Logger, makeLogger } from "../core/telemetry/log.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { openToken } from "../core/tokens/own_token.ts";
import { version } from "../core/version.ts";
import { makeApp } from "./api/app.ts";
import { diagnosisRoutes } from "./api/diagnosis_routes.ts";
import { DocumentWatches } from "./api/document_watch.ts";
import { folderKeys } from "./api/old/folder_keys.ts";
import { oldApiRoutes } from "./api/old/routes.ts";
import { resourceRoutes } from "./api/resources.ts";
import { openTokens } from "./api/tokens.ts";
import { openAutoscale } from "./autoscale/open_autoscale.ts";
import { prepareDataFolder } from "./data_folder.ts";
import { dockerSetup } from "./docker_options.ts";
import { guardDefaults } from "./guards/guard.ts";
import { guardRoutes } from "./guards/routes.ts";
import { openKubernetes } from "./kubernetes_options.ts";
import { collectorLaunch } from "./launch_options.ts";
import { openLeader } from "./leader/open_leader.ts";
import { gatherLedger } from "./ledger/gather.ts";
import { ledgerRoutes } from "./ledger/routes.ts";
import { requireLoopback } from "./loopback.ts";
import { openMesos } from "./mesos_options.ts";
import { openOrchestrator } from "./open_orchestrator.ts";
import { defaultName, serviceCommand, type ServiceOptions, supported } from "./options.ts";
import { handoverTimingOf } from "./reconcile/handover.ts";
import { Service } from "./service.ts";
import { CollectorRegistry } from "./stream/collector_registry.ts";
import { StreamHub } from "./stream/hub.ts";
import { streamRoutes } from "./stream/routes.ts";
import { openWishSettings } from "./workloads/wish_settings.ts";

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
  if (options.tokens === undefined) requireLoopback(listen);
  if (options.orchestrator === "process") await prepareDataFolder(fs, options.data);
  const docker = options.orchestrator === "docker" ? await dockerSetup(options, collectorLaunch(options)) : undefined;

  await using opened = new AsyncDisposableStack();
  const tokens = options.tokens === undefined ? null : await openTokenFile(resolve(options.tokens), log);
  if (tokens !== null) opened.defer(() => tokens.close());
  const exporterToken = await openToken(options.exporterToken, process.env, {
    fs,
    clock,
    log,
    flag: "--exporter-token",
  });
  opened.defer(() => exporterToken.close());
  const place = { volume: options.volume && resolve(options.volume), store: options.store };
  const store = await openStore({ ...place, env: systemEnv, log });
  opened.defer(() => store.close());
  const registry = makeRegistry({ store, clock, log });
  const metrics = makeMetrics("service");
  const kubernetes = await openKubernetes(options, { env: systemEnv, environment: process.env, log, metrics });
  opened.defer(async () => await kubernetes?.close());
  const mesos = await openMesos(options, { env: systemEnv, log, metrics });
  opened.defer(async () => await mesos?.close());
  const isElsewhere = options.orchestrator === "kubernetes" || options.orchestrator === "mesos";
  const launch = isElsewhere ? collectorLaunch(options) : null;
  const wishes = await openWishSettings(options, { fs, clock, log, metrics });
  opened.defer(() => wishes.close());
  const service = new Service({
    store,
    registry,
    clock,
    log,
    metrics,
    frequencyMinSeconds: options.frequencyMin,
    guard: { ...guardDefaults, share: options.guardShare },
    handoverTiming: handoverTimingOf(options.leaseSeconds * 1000),
    wishSettings: () => wishes.current(),
    random: systemEnv.random,
    discoveries: [...kubernetes?.discoveries ?? [], ...mesos?.discoveries ?? []],
    makeOrchestrator: (onRestart) =>
      openOrchestrator({
        ...options,
        ...place,
        docker,
        ...(kubernetes === null || launch === null
          ? {}
          : { makeKubernetes: () => kubernetes.makeOrchestrator(launch) }),
        ...(mesos === null || launch === null ? {} : { makeMesos: () => mesos.makeOrchestrator(launch) }),
        collectorEnv: { ...accessEnvironment(options), ...options.collectorEnv },
        data: resolve(options.data),
        script: program,
        log,
        onRestart,
      }),
  });
  wishes.onChange(() => service.changed());
  const hub = new StreamHub({ feed: service.feed, clock, metrics });
  const collectors = new CollectorRegistry(store, clock);
  const create = place.volume === undefined ? createInStore(store) : createOnVolume(systemEnv.fs, place.volume);
  const streams = streamRoutes({ hub, store, create, log, collectors, services: () => service.services() });
  const { documents } = service;
  const instance = Buffer.from(systemEnv.random.bytes(8)).toString("hex");
  const watches = new DocumentWatches({ documents, clock, epoch: instance });
  const frequencyMinSeconds = options.frequencyMin;
  const oldApi = oldApiRoutes({
    documents,
    clock,
    log,
    frequencyMinSeconds,
    keys: options.secrets === undefined ? undefined : folderKeys(resolve(options.secrets), systemEnv),
    storeRead: () => service.storeRead(),
  });
  const books = {
    exporters: () => service.exporters(),
    collectors: () => service.collectorRecords(),
    token: () => exporterToken.current(),
  };
  const diagnosis = diagnosisRoutes({
    clock,
    frequencyMinSeconds,
    events: service.events,
    explainView: () => service.explainView(),
    askExporters: (query) => gatherLedger({ ...books, collectors: () => [] }, query),
    sources: () => service.sources(),
    metric: (key) => documents.get(key)?.document ?? null,
    access: (at) => accessOf(options, at, { env: systemEnv, environment: {}, log }),
  });
  let own = { base: `http://${options.listen}`, name: "" };
  const autoscale = await openAutoscale({
    options,
    service,
    store,
    env: systemEnv,
    variables: process.env,
    metrics,
    log,
    base: () => own.base,
    name: () => own.name,
  });
  opened.defer(() => autoscale.close());
  const app = makeApp({
    metrics,
    log,
    authenticator: tokens,
    readiness: () => service.readiness(),
    targets: () => service.targets(),
    collectors: () => service.collectors(),
    workloads: () => service.workloads(),
    exporters: () => service.exporters(),
    resources: resourceRoutes({ documents, watches, workloadOf: (key) => service.workloadOf(key) }),
    streams,
    oldApi,
    diagnosis: diagnosis.app,
    guards: guardRoutes(service.holds),
    ledger: ledgerRoutes(books),
    approvals: autoscale.routes,
    status: () => service.status(),
  });
  // The address comes first: a second service on the same port must not start collectors.
  const listener = await serveHttp(listen, (request) => app.fetch(request));
  opened.defer(() => listener.close());
  opened.defer(() => service.close());
  opened.defer(() => hub.close());
  opened.defer(() => diagnosis.close());
  opened.defer(() => watches.close());
  const identity = recordOf(options, listener.address, instance);
  own = { base: `http://${formatAddress(listener.address)}`, name: identity.id };
  await service.start(openLeader({ ...options, ...place, store, log, holder: identity.id, instance }));
  autoscale.start();
  const registration = await registry.register(() => ({ ...identity, load: service.load() }));
  opened.defer(() => registration.close());
  log.info({ address: formatAddress(listener.address), ...place }, "serving");
  await aborted(stop);
  log.info("stopping");
}

function openTokenFile(path: string, log: Logger): ReturnType<typeof openTokens> {
  const { fs, clock } = systemEnv;
  return openTokens(path, { fs, clock, log, variables: process.env });
}

/** What the service tells of itself, but for its load. */
function recordOf(options: ServiceOptions, address: SocketAddress, instance: string): Omit<RegistryRecord, "load"> {
  return {
    ip: address.host === "localhost" ? "127.0.0.1" : reachableHost(address.host),
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
