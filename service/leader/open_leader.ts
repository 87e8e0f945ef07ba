import { systemEnv } from "../../core/runtime/system_env.ts";
import { createInStore, createOnVolume } from "../../core/store/create_entry.ts";
import type { Store } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { makeClaims } from "./claims.ts";
import { visibleProcesses } from "./holder_process.ts";
import { type Leadership, makeLeader } from "./leader.ts";

export interface OpenLeaderOptions {
  readonly store: Store;
  /** Folder of the store, when it is a volume. */
  readonly volume: string | undefined;
  readonly log: Logger;
  /** Id of the service in the registry. */
  readonly holder: string;
  /** Random for each start of the process. */
  readonly instance: string;
  readonly leaseSeconds: number;
}

/** This service's candidacy for the leadership among all services of the store. */
export function openLeader(options: OpenLeaderOptions): Leadership {
  const { store, volume, log, holder, instance, leaseSeconds } = options;
  const create = volume === undefined ? createInStore(store) : createOnVolume(systemEnv.fs, volume);
  const claims = makeClaims({ store, create, log });
  const processes = visibleProcesses();
  return makeLeader({ claims, clock: systemEnv.clock, log, holder, instance, processes, leaseMs: leaseSeconds * 1000 });
}
