import { readLeaseEntry, registryPath, writeLeaseEntry } from "../../core/registry/lease_entry.ts";
import type { LeaseEntry } from "../../core/registry/lease_table.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { RevisionConflictError, type Store } from "../../core/store/store.ts";

/** How long a record lives without being renewed, as in `core/registry/store_registry.ts`. */
export const leaseMs = 15_000;

export type Renewal = "renewed" | "missing" | "taken";

/**
 * The registry for collectors that do not reach the store: writes the entries that they would write themselves. It
 * keeps nothing in memory, so that each renewal may come to another service.
 */
export class CollectorRegistry {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Announces a collector, in place of another process of the same id.
   * Returns false when the id belongs to a collector of another namespace, as an entry that somebody wrote by hand.
   */
  async announce(record: RegistryRecord): Promise<boolean> {
    const present = await this.#read(record.id);
    if (present !== null && !isSamePlace(present.entry.record, record)) return false;
    await this.#write(record, (present?.entry.renewals ?? 0) + 1);
    return true;
  }

  /** Renews the lease of a process, with its load as it is now. */
  async renew(
    id: string,
    place: Pick<RegistryRecord, "cluster" | "namespace">,
    { instance, load, ledger }: Pick<RegistryRecord, "instance" | "load" | "ledger">,
  ): Promise<Renewal> {
    const present = await this.#read(id);
    if (present === null) return "missing";
    const { record, renewals } = present.entry;
    if (record.instance !== instance || !isSamePlace(record, place)) return "taken";
    await this.#write({ ...record, load, ...ledger === undefined ? {} : { ledger } }, renewals + 1);
    return "renewed";
  }

  /** Withdraws the record, unless a successor of the same id has taken its place; a missing one is a success. */
  async withdraw(
    id: string,
    place: Pick<RegistryRecord, "cluster" | "namespace">,
    instance: string,
  ): Promise<void> {
    const present = await this.#read(id);
    if (present === null) return;
    const { record } = present.entry;
    if (record.instance !== instance || !isSamePlace(record, place)) return;
    try {
      await this.#store.delete(registryPath("collector", id), present.revision);
    } catch (error) {
      // Somebody has announced itself under this id meanwhile, and stays.
      if (!(error instanceof RevisionConflictError)) throw error;
    }
  }

  async #read(id: string): Promise<{ readonly entry: LeaseEntry; readonly revision: string } | null> {
    const stored = await this.#store.get(registryPath("collector", id));
    if (stored === null) return null;
    const read = readLeaseEntry(stored.text);
    return read.ok ? { entry: read.entry, revision: stored.revision } : null;
  }

  async #write(record: RegistryRecord, renewals: number): Promise<void> {
    const entry = { record, leaseMs, renewedAtMs: this.#clock.wallMs(), renewals };
    await this.#store.put(registryPath("collector", record.id), writeLeaseEntry(entry));
  }
}

function isSamePlace(
  a: Pick<RegistryRecord, "cluster" | "namespace">,
  b: Pick<RegistryRecord, "cluster" | "namespace">,
): boolean {
  return a.cluster === b.cluster && a.namespace === b.namespace;
}
