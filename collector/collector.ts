import { join } from "node:path/posix";
import { documentPath } from "../core/config/key.ts";
import type { CollectorIdentity } from "../core/protocol/session.ts";
import type { Registration } from "../core/registry/records.ts";
import type { CollectorStatus } from "../core/registry/status.ts";
import type { Env, FileSystem, Listener, SocketAddress } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { inBackground } from "../core/runtime/process.ts";
import { formatAddress } from "../core/runtime/system_net.ts";
import { registerTlsMetrics, type TlsFiles } from "../core/runtime/tls_files.ts";
import type { ScrapeAccess } from "../core/scrape/mod.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { collectorRecord, RateMeter } from "./announce.ts";
import { collectorApp } from "./app.ts";
import { type Assignment, AssignmentKeeper, LastGood } from "./assignment/mod.ts";
import { type CollectorMetrics, makeCollectorMetrics } from "./collector_metrics.ts";
import { openDataFolder } from "./data_folder.ts";
import { Departures } from "./departures.ts";
import { guardedFetchers } from "./guarded_fetcher.ts";
import { KernelBodyMemory } from "./kernel/body_memory.ts";
import { kernelBytesDefault } from "./kernel/kernel_memory.ts";
import { openKernel } from "./kernel/open_kernel.ts";
import { Late, lateAddresses } from "./late.ts";
import { Matching } from "./match/mod.ts";
import { concurrencyMaxDefault, ScheduleLoop } from "./schedule/mod.ts";
import { makeScraper, ShapeCache } from "./scrape/mod.ts";
import { fixedAddress, openDisk, type OpenedDisk, type Sender, startSender } from "./send/mod.ts";
import { StatusReporter } from "./status_reporter.ts";
import type { Surroundings } from "./surroundings.ts";
import { TargetTable } from "./target_table.ts";
import { UsageMeter } from "./usage_meter.ts";

export interface CollectorOptions {
  readonly identity: CollectorIdentity;
  /** Folder for what has to outlive the process. */
  readonly data: string;
  /** Where `/metrics` and the like are served; port 0 picks a free one. */
  readonly http: SocketAddress;
  /** `host:port` of the exporter; "" finds one in the registry. */
  readonly exporter: string;
  readonly frequencyMinSeconds: number;
  /** Shown to the exporter; a function is asked for each connection. */
  readonly token: string | (() => string);
  /** TLS to the exporter, by files that are read again when they change. */
  readonly exporterTls?: { readonly files: TlsFiles; readonly serverName?: string | undefined };
  /** Bytes of memory for what no exporter has acknowledged. Default 64 MiB. */
  readonly spoolMemoryBytes?: number;
  /** Bytes of disk for it, below `data`; 0: none. Default 1 GiB. */
  readonly spoolDiskBytes?: number;
  /**
   * Bytes of memory in which bodies are matched with what is expected of them, for expectations and for bodies under
   * way; 0: each body is parsed whole. What is not used takes no RAM. Default 128 MiB.
   */
  readonly matchingBytes?: number;
  /** What definitions may reach. Default: no secrets, no proxies, no address that is denied by default. */
  readonly access?: ScrapeAccess;
  readonly version: string;
  /** Opens the store, or the way to the services. */
  readonly open: () => Promise<Surroundings>;
  readonly env: Env;
  readonly log: Logger;
}

/** Default of {@link CollectorOptions.spoolDiskBytes}. */
export const spoolDiskBytesDefault: number = 1024 ** 3;

/** How long the exporter gets, at the end, to acknowledge what was scraped. */
export const flushMs = 5000;

/**
 * Starts a collector: it scrapes what its collection says and hands it to an exporter, until it is stopped.
 * Without its store or any service it goes on with the assignment of an earlier run, if there is one.
 * @throws UserError when data folder or store cannot be used, ListenError when the HTTP address cannot be bound.
 */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { data, env, log, spoolDiskBytes = spoolDiskBytesDefault } = options;
  const { epoch: newEpoch } = await openDataFolder(data, env);
  const disk = spoolDiskBytes === 0 ? null : await openSpoolDisk(env.fs, join(data, "spool"), spoolDiskBytes, log);
  // The number of this start may not be one that is in the spool, whatever became of the file that counts them.
  const epoch = disk !== null && disk.newestEpoch >= newEpoch ? disk.newestEpoch + 1n : newEpoch;
  const collector = new Collector(options, epoch, disk);
  try {
    await collector.start();
  } catch (error) {
    await collector.stop();
    throw error;
  }
  return collector;
}

/** A spool that cannot be opened is done without, and told of: scraping matters more than what a crash may cost. */
async function openSpoolDisk(
  fs: FileSystem,
  folder: string,
  bytesMax: number,
  log: Logger,
): Promise<OpenedDisk | null> {
  try {
    const disk = await openDisk(fs, folder, bytesMax);
    const records = disk.runs.reduce((sum, run) => sum + run.records, 0);
    if (records > 0) log.info({ records, starts: disk.runs.length }, "records of earlier starts are in the spool");
    if (disk.badFiles > 0) log.error({ files: disk.badFiles, folder }, "files of the spool cannot be read: see *.bad");
    // Records of a commit that was cut off were never made, unless damage only looks like that.
    if (disk.cutBytes > 0) log.warn({ bytes: disk.cutBytes }, "the end of the spool was cut off, and is passed over");
    return disk;
  } catch (error) {
    log.error({ err: error, folder }, "cannot open the spool on disk; what is not acknowledged is in memory only");
    return null;
  }
}

export class Collector {
  readonly #options: CollectorOptions;
  readonly #metricsRegistry = makeMetrics("collector");
  readonly #metrics: CollectorMetrics;
  readonly #surroundings: Late<Surroundings>;
  readonly #table: TargetTable;
  readonly #schedule: ScheduleLoop;
  readonly #keeper: AssignmentKeeper;
  readonly #sender: Sender;
  readonly #sampleRate: RateMeter;
  readonly #usage: UsageMeter;
  #listener: Listener | null = null;
  #registration: Registration | null = null;
  #reporter: StatusReporter | null = null;
  #joining: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(options: CollectorOptions, epoch: bigint, disk: OpenedDisk | null) {
    this.#options = options;
    const { identity, env, log, token, exporterTls, spoolMemoryBytes: budgetBytes } = options;
    const { clock } = env;
    const { cluster: clusterId, namespace, name } = identity;
    const cache = new ShapeCache();
    const { matchingBytes = kernelBytesDefault } = options;
    const kernel = matchingBytes === 0 ? null : openKernel(log, matchingBytes);
    const matching = kernel === null ? null : new Matching(kernel);
    const bodies = kernel === null
      ? undefined
      : new KernelBodyMemory(kernel.memory, undefined, undefined, kernel.makeInflater());
    const makeFetcher = guardedFetchers(options.access, this.#metricsRegistry, bodies);
    this.#sampleRate = new RateMeter(clock);
    this.#usage = new UsageMeter(clock);
    this.#surroundings = new Late(options.open, clock, log);
    this.#table = new TargetTable({
      place: identity,
      epoch,
      makeScraper: (target, metric, place, predecessor) =>
        makeScraper(
          target,
          metric,
          place,
          { clock, cache, outbox: this.#sender, log, version: options.version, matching, makeFetcher },
          predecessor,
        ),
      onDuplicate: (key) => log.warn({ target: key }, "the collection lists a target twice; the first one counts"),
      departures: new Departures(clock, (series) => this.#metrics.ended(series)),
      nowMs: () => clock.wallMs(),
    });
    this.#schedule = new ScheduleLoop({
      clock,
      concurrencyMax: concurrencyMaxDefault,
      scrape: (key, _scheduledMs, latenessMs) => this.#scrape(key, latenessMs),
    });
    this.#keeper = new AssignmentKeeper({
      path: documentPath({ clusterId, kind: "Collection", namespace, name }),
      frequencyMinSeconds: options.frequencyMinSeconds,
      lastGood: new LastGood(env, options.data),
      log,
      apply: (assignment) => this.#apply(assignment),
    });
    const addresses = options.exporter === ""
      ? lateAddresses(this.#surroundings.opened.then(({ registry }) => registry))
      : fixedAddress(options.exporter);
    const metrics = this.#metricsRegistry;
    if (exporterTls !== undefined) registerTlsMetrics(metrics, "collector", exporterTls.files, clock);
    this.#sender = startSender({
      identity,
      epoch,
      token,
      addresses,
      env,
      log,
      metrics,
      ...budgetBytes === undefined ? {} : { budgetBytes },
      ...disk === null ? {} : { disk },
      ...exporterTls === undefined
        ? {}
        : { tls: () => ({ ...exporterTls.files.content, serverName: exporterTls.serverName }) },
    });
    this.#metrics = makeCollectorMetrics(metrics, {
      schedule: this.#schedule,
      table: this.#table,
      cache,
      matching,
      generation: () => this.#keeper.inForce?.generation ?? 0,
    });
  }

  /** Where HTTP is served. */
  get httpAddress(): SocketAddress {
    return this.#listener?.address ?? this.#options.http;
  }

  async start(): Promise<void> {
    const { http, log } = this.#options;
    const app = collectorApp({
      metrics: this.#metricsRegistry,
      readiness: () => this.#keeper.isSettled ? { ready: true } : { ready: false, reason: "no assignment yet" },
      status: () => this.#status(),
      problem: () => this.#keeper.problem,
    });
    this.#listener = await serveHttp(http, (request) => app.fetch(request));
    await this.#keeper.restore();
    await this.#surroundings.start(this.#keeper.inForce !== null);
    const joined = this.#surroundings.opened.then((surroundings) => this.#join(surroundings));
    this.#joining = joined.catch(() => undefined);
    if (this.#surroundings.isOpen) await joined;
    else inBackground(log, "joining the store", joined);
    log.info({ http: formatAddress(this.httpAddress), ...this.#options.identity }, "collector started");
  }

  /**
   * Stops scraping, gives the exporter some time to acknowledge what was scraped, and withdraws from the registry.
   * What is not acknowledged then stays in the spool on disk for the next start; without one it is lost, and logged.
   */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#schedule.stop();
    this.#table.close();
    await this.#keeper.close();
    const isAcknowledged = await this.#sender.flush(flushMs);
    await this.#sender.close();
    if (this.#surroundings.isOpen) await this.#joining;
    await this.#registration?.close();
    await this.#reporter?.close();
    await this.#listener?.close();
    await this.#surroundings.close();
    this.#options.log.info({ isAcknowledged }, "collector stopped");
  }

  /** Takes part in what goes on around it: follows the collection, is listed, and reports. */
  async #join({ source, registry, writeStatus }: Surroundings): Promise<void> {
    if (this.#stopping) return;
    const { identity, env, log, version } = this.#options;
    this.#reporter = new StatusReporter({ write: writeStatus, clock: env.clock, log, status: () => this.#status() });
    await this.#keeper.follow(source);
    await this.#reporter.start();
    const instance = Buffer.from(env.random.bytes(8)).toString("hex");
    const record = collectorRecord(identity, this.httpAddress, version, instance);
    this.#registration = await registry.register(() => ({ ...record, load: this.#load(), ledger: this.#ledger() }));
  }

  #apply(assignment: Assignment | null): void {
    this.#schedule.assign(this.#table.replace(assignment));
    this.#reporter?.changed();
  }

  async #scrape(key: string, latenessMs: number): Promise<void> {
    this.#metrics.started(latenessMs);
    this.#usage.started(latenessMs);
    try {
      const result = await this.#table.scrape(key);
      if (result === null) return;
      this.#metrics.scraped(result);
      this.#sampleRate.add(result.samples);
    } catch (error) {
      this.#metrics.broken();
      this.#options.log.error({ err: error, target: key }, "a scrape broke for a defect of ours");
    }
    this.#reporter?.changed();
  }

  #status(): CollectorStatus {
    return {
      collector: this.#options.identity.name,
      generation: this.#keeper.inForce?.generation ?? 0,
      reportedAtMs: this.#options.env.clock.wallMs(),
      targets: this.#table.statuses(),
    };
  }

  #ledger(): Record<string, number> {
    const stats = this.#sender.stats();
    const lost = Object.entries(stats.lostByReason).map(([reason, records]) => [`lost: ${reason}`, records] as const);
    return {
      recovered: stats.recoveredRecords,
      made: stats.madeRecords,
      acknowledged: stats.acknowledgedRecords,
      lost: stats.lostRecords,
      held: stats.unacknowledgedRecords,
      heldMemory: stats.unacknowledgedRecords - stats.onDiskRecords,
      heldDisk: stats.onDiskRecords,
      ...Object.fromEntries(lost),
    };
  }

  #load(): Record<string, number> {
    const { unacknowledgedRecords, unacknowledgedBytes } = this.#sender.stats();
    const samplesPerSecond = this.#sampleRate.read();
    const usage = this.#usage.read();
    return { targets: this.#table.size, samplesPerSecond, unacknowledgedRecords, unacknowledgedBytes, ...usage };
  }
}
