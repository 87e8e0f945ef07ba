import { hostname } from "node:os";
import type { CollectorIdentity } from "../core/protocol/session.ts";
import { collectorId } from "../core/registry/collector_id.ts";
import type { RegistryRecord } from "../core/registry/records.ts";
import type { Clock, SocketAddress } from "../core/runtime/env.ts";
import { reachableHost } from "../core/runtime/reachable_host.ts";

/** What does not change in a collector's record. */
export function collectorRecord(
  identity: CollectorIdentity,
  http: SocketAddress,
  version: string,
  instance: string,
): Omit<RegistryRecord, "load"> {
  return {
    ip: reachableHost(http.host),
    port: http.port,
    metric_port: http.port,
    hostname: hostname(),
    scheme: "http",
    version,
    cluster: identity.cluster,
    pid: process.pid,
    module: "collector",
    id: collectorId(identity),
    namespace: identity.namespace,
    name: identity.name,
    instance,
  };
}

/** How many a second, over the time between two readings. */
export class RateMeter {
  readonly #clock: Clock;
  #count = 0;
  #sinceMs: number;
  #rate = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  add(count: number): void {
    this.#count += count;
  }

  /** The rate since the last reading; that of the one before while less than a second has passed. */
  read(): number {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < 1000) return this.#rate;
    this.#rate = Math.round(this.#count / elapsedMs * 1000);
    this.#count = 0;
    this.#sinceMs = nowMs;
    return this.#rate;
  }
}
