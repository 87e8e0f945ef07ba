import { createHash } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import type { CollectorIdentity } from "../core/protocol/session.ts";
import type { RegistryRecord } from "../core/registry/records.ts";
import type { Clock, SocketAddress } from "../core/runtime/env.ts";

/** Longest id that is still a file name with what a store appends to it. */
const idBytesMax = 240;
const idHashDigits = 12;

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
    instance,
  };
}

/** Collectors of different clusters and namespaces may have one name, so all three make the id. */
export function collectorId({ cluster, namespace, name }: CollectorIdentity): string {
  const id = `${cluster}.${namespace}.${name}`;
  if (id.length <= idBytesMax) return id;
  // A name that is too long ends in a hash of the whole, so that two long ones stay apart.
  const hash = createHash("sha256").update(id).digest("hex").slice(0, idHashDigits);
  return `${id.slice(0, idBytesMax - idHashDigits)}${hash}`;
}

/** An address of this machine that others can reach, where `host` stands for all of them. */
function reachableHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const addresses = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return addresses.find((one) => !one.internal && one.family === "IPv4")?.address ?? "127.0.0.1";
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
