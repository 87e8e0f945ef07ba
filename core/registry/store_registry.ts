import type { Clock } from "../runtime/env.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { Announcement } from "./announcement.ts";
import type { Registry } from "./records.ts";
import { RegistryWatch } from "./registry_watch.ts";

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a record lives without being renewed; it is renewed three times as often. 15 s by default. */
  readonly leaseMs?: number;
}

/**
 * A registry in a store: one entry for each instance, `.bcs-metric/registry/<module>/<id>.json`, which its process
 * rewrites as long as it lives. Who reads it decides by its own clock when an entry that stopped changing is dead.
 *
 * Trouble with the store never reaches the callers: a renewal that fails is logged and tried again, and while the
 * store is unavailable the records last seen stay live.
 */
export function makeRegistry(options: RegistryOptions): Registry {
  const deps = { ...options, leaseMs: options.leaseMs ?? 15_000 };
  return {
    async register(record) {
      const announcement = new Announcement(deps, record);
      await announcement.start();
      return { close: () => announcement.close() };
    },
    async watch(module, onChange) {
      const watch = new RegistryWatch(deps, module, onChange);
      await watch.start();
      return watch;
    },
  };
}
