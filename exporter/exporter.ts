import { join } from "node:path";
import type { Registry as ServiceRegistry } from "../core/registry/records.ts";
import type { Env, SocketAddress } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { formatAddress } from "../core/runtime/system_net.ts";
import type { Readiness } from "../core/telemetry/health.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import { exporterRecord } from "./announce.ts";
import { type Delivery, startDelivery } from "./delivery/delivery.ts";
import { exporterRoutes, type ExporterStatus } from "./http.ts";
import { type Ingest, startIngest } from "./ingest/server.ts";
import type { Sink } from "./sink.ts";
import { openWal } from "./wal/file_wal.ts";
import { type Wal, WalClosedError } from "./wal/wal.ts";

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
  /** Null: the exporter does not announce itself. */
  readonly registry: ServiceRegistry | null;
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
  const http = await serveHttp(options.http, exporterRoutes({ metrics, readiness, status }).fetch);
  started.defer(() => http.close());
  const wal = await openWal({ dir: join(dataDir, "wal"), env, log, onFailure: failure.resolve });
  started.defer(() => wal.close());
  const delivery = startDelivery({ wal, sinks, dataDir, env, log, metrics });
  // A start that fails, as its port is in use, is told at once.
  started.defer(() => delivery.stop(running === null ? 0 : sinkGraceMs));
  const ingest = await startIngest({ env, log, metrics, wal, address: options.listen, exporter: name });
  started.defer(() => ingest.stop());
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

async function announce(
  { registry, name, cluster, env }: ExporterOptions,
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
    instance: Buffer.from(env.random.bytes(8)).toString("hex"),
    clock: env.clock,
    ingest: () => ingest.stats(),
    wal: () => wal.stats(),
    lagBytes: () => Math.max(0, ...delivery.stats().map((sink) => sink.lagBytes)),
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
