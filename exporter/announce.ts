import { hostname } from "node:os";
import type { RegistryRecord } from "../core/registry/records.ts";
import type { Clock, SocketAddress } from "../core/runtime/env.ts";
import { reachableHost } from "../core/runtime/reachable_host.ts";
import { version } from "../core/version.ts";
import type { IngestStats } from "./ingest/server.ts";
import type { WalStats } from "./wal/wal.ts";

export interface Announced {
  readonly name: string;
  readonly cluster: string;
  /** Where collectors connect, and where `/metrics` is. */
  readonly frames: SocketAddress;
  readonly http: SocketAddress;
  /** Random for each start. */
  readonly instance: string;
  readonly clock: Clock;
  readonly ingest: () => IngestStats;
  readonly wal: () => WalStats;
  /** Bytes of the log that the slowest sink has not delivered. */
  readonly lagBytes: () => number;
}

/**
 * The exporter's record in the registry, made anew for each renewal of its lease. Its load: `connections`,
 * `bytesPerSecond` received since the previous renewal, `lagBytes`, `walBytes` and `walPendingBytes`.
 */
export function exporterRecord(announced: Announced): () => RegistryRecord {
  const { name, cluster, frames, http, instance, clock, ingest, wal, lagBytes } = announced;
  let previous = { atMs: clock.monotonicMs(), bytes: 0 };
  let bytesPerSecond = 0;
  return () => {
    const { connections, receivedBytes } = ingest();
    const elapsedMs = clock.monotonicMs() - previous.atMs;
    if (elapsedMs > 0) {
      bytesPerSecond = Math.round((receivedBytes - previous.bytes) * 1000 / elapsedMs);
      previous = { atMs: clock.monotonicMs(), bytes: receivedBytes };
    }
    const { bytes: walBytes, pendingBytes: walPendingBytes } = wal();
    return {
      ip: reachableHost(frames.host),
      port: frames.port,
      metric_port: http.port,
      hostname: hostname(),
      scheme: "http",
      version,
      cluster,
      pid: process.pid,
      module: "exporter",
      id: name,
      namespace: "",
      load: { connections, bytesPerSecond, lagBytes: lagBytes(), walBytes, walPendingBytes },
      instance,
    };
  };
}
