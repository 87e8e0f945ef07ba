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
  /** Of the HTTP port. */
  readonly scheme: "http" | "https";
  /** Random for each start. */
  readonly instance: string;
  readonly clock: Clock;
  readonly draining: () => boolean;
  readonly ingest: () => IngestStats;
  readonly wal: () => WalStats;
  /** Bytes of the log that the slowest sink has not delivered. */
  readonly lagBytes: () => number;
  /** Age of the oldest record that a sink has not delivered. */
  readonly queueAgeMs: () => number;
  /** Size of the log at which its oldest part goes. */
  readonly retentionBytes: number;
}

/**
 * The exporter's record in the registry, made anew for each renewal of its lease. Its load: `connections`,
 * `bytesPerSecond` received since the previous renewal, `unacknowledgedBytes`, `lagBytes`, `queueAgeMs`, `walBytes`,
 * `walFill` (the share of its retention), `walPendingBytes`, and `draining`: 1 when it takes nothing more.
 */
export function exporterRecord(announced: Announced): () => RegistryRecord {
  const { name, cluster, frames, http, scheme, instance, clock, draining, ingest, wal } = announced;
  let previous = { atMs: clock.monotonicMs(), bytes: 0 };
  let bytesPerSecond = 0;
  return () => {
    const { connections, receivedBytes, unacknowledgedBytes } = ingest();
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
      scheme,
      version,
      cluster,
      pid: process.pid,
      module: "exporter",
      id: name,
      namespace: "",
      load: {
        connections,
        bytesPerSecond,
        unacknowledgedBytes,
        lagBytes: announced.lagBytes(),
        queueAgeMs: announced.queueAgeMs(),
        walBytes,
        walFill: walBytes / announced.retentionBytes,
        walPendingBytes,
        draining: draining() ? 1 : 0,
      },
      instance,
    };
  };
}
