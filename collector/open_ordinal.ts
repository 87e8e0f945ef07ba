import { resolve } from "node:path";
import type { CollectorIdentity } from "../core/protocol/session.ts";
import { collectorId } from "../core/registry/collector_id.ts";
import { type ClaimedOrdinal, claimOrdinal } from "../core/registry/ordinals/claim_ordinal.ts";
import { type Seats, StoredSeats } from "../core/registry/ordinals/stored_seats.ts";
import type { Env } from "../core/runtime/env.ts";
import { createInStore, createOnVolume } from "../core/store/create_entry.ts";
import { openStore } from "../core/store/open_store.ts";
import type { StorePlace } from "../core/store/store_place.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { HttpSeats, makeTransport, ServiceRequests } from "./service_client/mod.ts";

export interface OrdinalOptions extends StorePlace {
  readonly configSource: "file" | "http";
  readonly service: readonly string[];
  readonly token: () => string;
  /** Whose name is that of the workload. */
  readonly identity: CollectorIdentity;
  readonly env: Env;
  readonly log: Logger;
  /** Ends the search. */
  readonly signal: AbortSignal;
}

/**
 * Claims a number among the collectors of a workload, in the store or through the services. Null when it was stopped
 * before there was one.
 * @throws UserError when the store cannot be opened.
 */
export async function openOrdinal(options: OrdinalOptions): Promise<ClaimedOrdinal | null> {
  const { env, log, signal, identity } = options;
  const { seats, close } = await openSeats(options);
  const instance = Buffer.from(env.random.bytes(8)).toString("hex");
  const claimed = await claimOrdinal({ seats, clock: env.clock, log, instance, signal });
  if (claimed === null) {
    await close();
    return null;
  }
  log.info({ workload: identity.name, ordinal: claimed.ordinal }, "claimed a number");
  return {
    ordinal: claimed.ordinal,
    lost: claimed.lost,
    async release() {
      await claimed.release();
      await close();
    },
  };
}

async function openSeats(
  { configSource, service, token, identity, volume, store: url, env, log }: OrdinalOptions,
): Promise<{ readonly seats: Seats; readonly close: () => Promise<void> }> {
  if (configSource === "http") {
    const transport = makeTransport({ clock: env.clock, token });
    const requests = new ServiceRequests(transport, () => service);
    return { seats: new HttpSeats(requests, identity), close: () => transport.close() };
  }
  const store = await openStore({ volume, store: url, env, log });
  const create = volume === undefined ? createInStore(store) : createOnVolume(env.fs, resolve(volume));
  const workload = collectorId(identity);
  return { seats: new StoredSeats({ store, create, workload, log }), close: () => store.close() };
}
