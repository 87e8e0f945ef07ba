import { documentPath } from "../core/config/key.ts";
import type { CollectorIdentity } from "../core/protocol/session.ts";
import type { Registry } from "../core/registry/records.ts";
import { type CollectorStatus, writeStatus } from "../core/registry/status.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import type { Clock, Env } from "../core/runtime/env.ts";
import type { Store } from "../core/store/store.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { type AssignmentSource, FileSource } from "./assignment/mod.ts";
import type { ExporterRegistry } from "./send/mod.ts";
import { HttpSource, makeHttpRegistry, makeTransport, ServiceRequests, StatusWriter } from "./service_client/mod.ts";

/** What is around a collector: where it learns its assignment, where it is listed, and where it reports. */
export interface Surroundings {
  readonly source: AssignmentSource;
  readonly registry: Pick<Registry, "register"> & ExporterRegistry;
  readonly writeStatus: (status: CollectorStatus) => Promise<void>;
  /** Call it after the source and all registrations are closed. */
  close(): Promise<void>;
}

/** The shared store, with `--config-source file`. It is closed with the surroundings. */
export function storeSurroundings(
  options: {
    readonly store: Store;
    readonly identity: CollectorIdentity;
    readonly clock: Clock;
    readonly log: Logger;
  },
): Surroundings {
  const { store, identity, clock, log } = options;
  const { cluster: clusterId, namespace, name } = identity;
  return {
    source: new FileSource({
      store,
      path: documentPath({ clusterId, kind: "Collection", namespace, name }),
      clock,
      log,
    }),
    registry: makeRegistry({ store, clock, log }),
    writeStatus: (status) => writeStatus(store, { clusterId, namespace }, status),
    close: () => store.close(),
  };
}

/** The services, with `--config-source http`. */
export function serviceSurroundings(
  options: {
    /** Bases of the services that are known from the start; at least one. */
    readonly services: readonly string[];
    /** Those whose targets are wanted; empty for all. */
    readonly applications: readonly string[];
    /** A function is asked for each request. */
    readonly token: string | (() => string);
    readonly identity: CollectorIdentity;
    readonly env: Pick<Env, "clock" | "random">;
    readonly log: Logger;
  },
): Surroundings {
  const { services, applications, token, identity, env, log } = options;
  const { cluster, namespace, name } = identity;
  const transport = makeTransport({ clock: env.clock, token });
  const query = new URLSearchParams({
    cluster,
    namespace,
    collector: name,
    ...applications.length === 0 ? {} : { applications: applications.join(",") },
  });
  const source = new HttpSource({ services, path: `/v1/stream?${query.toString()}`, transport, env, log });
  const requests = new ServiceRequests(transport, () => source.services());
  const writer = new StatusWriter(requests, identity);
  return {
    source,
    registry: makeHttpRegistry({ requests, clock: env.clock, log }),
    writeStatus: (status) => writer.write(status),
    close: () => transport.close(),
  };
}
