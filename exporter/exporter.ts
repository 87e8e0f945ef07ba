import { join } from "node:path";
import type { Registry as ServiceRegistry } from "../core/registry/records.ts";
import type { Clock, Env, Listener, SocketAddress } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { formatAddress } from "../core/runtime/system_net.ts";
import { registerTlsMetrics, type TlsFiles } from "../core/runtime/tls_files.ts";
import type { Readiness } from "../core/telemetry/health.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import { openAccess } from "./access/access.ts";
import { type Security, serverTls } from "./access/security.ts";
import { exporterRecord } from "./announce.ts";
import { positionsOnRecord } from "./delivery/cursor_file.ts";
import { type Delivery, startDelivery } from "./delivery/delivery.ts";
import { retentionDefault, type RetentionLimits } from "./delivery/retention.ts";
import { exporterRoutes, type ExporterStatus } from "./http.ts";
import { type Ingest, startIngest } from "./ingest/server.ts";
import { ledgerRoutes } from "./ledger/routes.ts";
import type { Route } from "./routing/routes.ts";
import type { Sink } from "./sink.ts";
import { tailRoutes } from "./tail/routes.ts";
import { openWal } from "./wal/file_wal.ts";
import { type OpaqueWalRecord, type Wal, WalClosedError } from "./wal/wal.ts";
import { registerWalMetrics } from "./wal/wal_metrics.ts";

/** What the sinks get, after the last record was taken, to take what is still pending. */
const sinkGraceMs = 5000;

export interface ExporterOptions {
  readonly name: string;
  readonly cluster: string;
  /** Folder of the log and the cursors; made when it is absent. */
  readonly dataDir: string;
  /** Port 0 picks a free one, here and for `http`. */
  readonly listen: SocketAddress;
  readonly http: SocketAddress;
  /** At least one. The exporter closes them. */
  readonly sinks: readonly Sink[];
  /** What goes to which sink. Default: everything to all of them. */
  readonly routes?: readonly Route[] | null;
  /** Default: 10 GiB and 7 days. */
  readonly retention?: RetentionLimits;
  /** Null: the exporter does not announce itself. */
  readonly registry: ServiceRegistry | null;
  /** Who may connect, and by which certificate. Default: everybody, without TLS. */
  readonly security?: Security;
  /** What all collectors together may have sent without an acknowledgement. Default 64 MiB. */
  readonly ingestBytes?: number;
  /** What the bases of coded scrapes may take, over all sessions; 256 MiB by default. */
  readonly baseBytes?: number;
  readonly env: Env;
  readonly log: Logger;
  readonly metrics: Registry;
}

export interface Exporter {
  readonly listen: SocketAddress;
  readonly http: SocketAddress;
  /** Resolves when the log takes nothing any more: the process has to end, and be started again. */
  readonly failed: Promise<WalClosedError>;
  status(): ExporterStatus;
  /**
   * Takes nothing more, acknowledges what was taken once it is durable, gives the sinks up to 5 s for what they lack,
   * and closes everything.
   * @throws WalClosedError when something was taken that could not be made durable; it was not acknowledged.
   */
  stop(): Promise<void>;
}

/** The parts that run; null before all of them do. */
interface Running {
  readonly wal: Wal;
  readonly delivery: Delivery;
  readonly ingest: Ingest;
}

/**
 * Runs an exporter: ingest, log and delivery, its HTTP routes and its registration.
 * @throws ListenError when an address cannot be bound.
 * @throws UserError when the data folder cannot be used.
 */
export async function startExporter(options: ExporterOptions): Promise<Exporter> {
  const { env, log, metrics, dataDir, sinks, name } = options;
  const failure = Promise.withResolvers<WalClosedError>();
  let running: Running | null = null;
  let stopping: Promise<void> | null = null;
  const status = () => running === null ? null : statusOf(name, running);
  const readiness = () => readinessOf(running, stopping !== null);
  // Closed in the reverse order: what takes data goes first, what tells of it last.
  await using started = new AsyncDisposableStack();
  const { access, tls } = options.security ?? { access: openAccess, tls: null };
  const take = (record: OpaqueWalRecord) => running === null ? null : running.ingest.take(record);
  const app = exporterRoutes({ metrics, readiness, status, access, host: options.http.host, clock: env.clock, take });
  const { host } = options.http;
  const authenticated = access.required;
  app.route("/", ledgerRoutes({ name, clock: env.clock, host, authenticated, parts: () => running }));
  const tails = tailRoutes({ wal: () => running?.wal ?? null, clock: env.clock, log });
  app.route("/", tails.app);
  const http = await serveHttp(options.http, app.fetch, tls === null ? undefined : serverTls(tls.content, "http"));
  started.defer(() => http.close());
  const names = sinks.map((sink) => sink.name);
  const knownPositions = await positionsOnRecord(join(dataDir, "cursors"), names, env.fs);
  const wal = await openWal({ dir: join(dataDir, "wal"), env, log, knownPositions, onFailure: failure.resolve });
  started.defer(() => wal.close());
  started.defer(() => tails.close());
  registerWalMetrics(metrics, () => wal.stats());
  const { routes = null, retention = retentionDefault } = options;
  const delivery = startDelivery({ wal, sinks, routes, retention, dataDir, env, log, metrics });
  // A start that fails, as its port is in use, is told at once.
  started.defer(() => delivery.stop(running === null ? 0 : sinkGraceMs));
  const ingest = await startIngest({
    env,
    log,
    metrics,
    wal,
    address: options.listen,
    exporter: name,
    access,
    tls: tls === null ? undefined : serverTls(tls.content, "frames"),
    ...(options.ingestBytes === undefined ? {} : { ingestBytes: options.ingestBytes }),
    ...(options.baseBytes === undefined ? {} : { baseBytes: options.baseBytes }),
  });
  started.defer(() => ingest.stop());
  if (tls !== null) started.defer(renewWith(tls, ingest, http, metrics, env.clock));
  const parts: Running = { wal, delivery, ingest };
  running = parts;
  await announce(options, parts, http.address, started);
  log.info({ listen: formatAddress(ingest.address), http: formatAddress(http.address), name }, "listening");
  const rest = started.move();
  return {
    listen: ingest.address,
    http: http.address,
    failed: failure.promise,
    status: () => statusOf(name, parts),
    stop: () => stopping ??= rest.disposeAsync(),
  };
}

/** Shows renewed certificates on both ports. Returns what ends that. */
function renewWith(tls: TlsFiles, ingest: Ingest, http: Listener, metrics: Registry, clock: Clock): () => void {
  registerTlsMetrics(metrics, "exporter", tls, clock);
  return tls.onRenew((content) => {
    ingest.renewTls(serverTls(content, "frames"));
    http.renewTls(serverTls(content, "http"));
  });
}

async function announce(
  { registry, name, cluster, env, security, retention = retentionDefault }: ExporterOptions,
  { ingest, wal, delivery }: Running,
  http: SocketAddress,
  started: AsyncDisposableStack,
): Promise<void> {
  if (registry === null) return;
  const record = exporterRecord({
    name,
    cluster,
    frames: ingest.address,
    http,
    scheme: security?.tls ? "https" : "http",
    draining: () => ingest.draining,
    instance: Buffer.from(env.random.bytes(8)).toString("hex"),
    clock: env.clock,
    ingest: () => ingest.stats(),
    wal: () => wal.stats(),
    lagBytes: () => Math.max(0, ...delivery.stats().map((sink) => sink.lagBytes)),
    queueAgeMs: () => Math.max(0, ...delivery.stats().map((sink) => sink.oldestHeldAgeMs)),
    retentionBytes: retention.bytes,
  });
  const registration = await registry.register(record);
  started.defer(() => registration.close());
}

function statusOf(name: string, { wal, delivery, ingest }: Running): ExporterStatus {
  return { name, ...ingest.stats(), wal: wal.stats(), sinks: delivery.stats() };
}

/** An exporter whose disk is full is not ready either: it serves, but acknowledges nothing. */
function readinessOf(running: Running | null, stopping: boolean): Readiness {
  if (running === null) return { ready: false, reason: "starting" };
  if (stopping) return { ready: false, reason: "shutting down" };
  const { condition } = running.wal.stats();
  return condition === "good" ? { ready: true } : { ready: false, reason: `write-ahead log: ${condition}` };
}
