import type { LiveRecord, RegistryRecord } from "./records.ts";

/** What a registry entry holds. */
export interface LeaseEntry {
  readonly record: RegistryRecord;
  readonly leaseMs: number;
  /** The writer's wall clock at its last renewal, in Unix milliseconds. */
  readonly renewedAtMs: number;
  readonly renewals: number;
}

/** The two clocks of a reader at one moment. */
export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** How far two machines' wall clocks may be apart without a live record being taken for a dead one. */
export const clockSkewMsMax = 30_000;

/** A record that was not renewed for so long is removed by whoever sees it. */
export const removeAfterMs = 600_000;

interface Lease {
  readonly entry: LeaseEntry;
  readonly revision: string;
  /** The reader's monotonic clock when the entry was seen to change, or was first seen. */
  readonly seenAtMs: number;
  readonly live: boolean;
}

/**
 * Decides which entries of a registry are live. It does no I/O.
 *
 * Clocks of different machines are not compared where it can be avoided: a lease ends when the reader, by its own
 * monotonic clock, has not seen the entry change for the length of the lease. Only of an entry that was never seen to
 * change, as after the reader's start, the writer's wall clock tells whether it may be long dead.
 */
export class LeaseTable {
  readonly #leases = new Map<string, Lease>();
  #frozen = false;

  /** Takes an entry as it was read now. */
  put(id: string, entry: LeaseEntry, revision: string, now: Now): void {
    const known = this.#leases.get(id);
    if (known?.revision === revision) return;
    const plausible = now.wallMs - entry.renewedAtMs <= entry.leaseMs + clockSkewMsMax;
    this.#leases.set(id, { entry, revision, seenAtMs: now.monotonicMs, live: known !== undefined || plausible });
  }

  delete(id: string): void {
    this.#leases.delete(id);
  }

  /** Nothing can be seen to change now, so no lease ends until {@link thaw}. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Entries can be seen to change again: every live lease begins anew. */
  thaw(now: Now): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    for (const [id, lease] of this.#leases) this.#leases.set(id, { ...lease, seenAtMs: now.monotonicMs });
  }

  /** The live records whose lease has run out; they stay live until {@link expire}, so that they can be looked at. */
  overdue(now: Now): readonly { readonly id: string; readonly revision: string }[] {
    if (this.#frozen) return [];
    return [...this.#leases]
      .filter(([, lease]) => lease.live && lease.seenAtMs + lease.entry.leaseMs <= now.monotonicMs)
      .map(([id, { revision }]) => ({ id, revision }));
  }

  /** Ends the lease, unless the entry has changed from `revision`. */
  expire(id: string, revision: string): void {
    const lease = this.#leases.get(id);
    if (lease?.revision === revision) this.#leases.set(id, { ...lease, live: false });
  }

  /** Lets the lease begin anew, because it could not be found out whether it was renewed. */
  postpone(id: string, now: Now): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.#leases.set(id, { ...lease, seenAtMs: now.monotonicMs });
  }

  /** Dead entries that neither this reader nor, by its own word, the writer has renewed for a long time. */
  abandoned(now: Now): readonly { readonly id: string; readonly revision: string }[] {
    if (this.#frozen) return [];
    return [...this.#leases]
      .filter(([, { live, entry, seenAtMs }]) =>
        !live && now.wallMs - entry.renewedAtMs > removeAfterMs && now.monotonicMs - seenAtMs > 4 * entry.leaseMs
      )
      .map(([id, { revision }]) => ({ id, revision }));
  }

  /** The live records, sorted by id. */
  records(): RegistryRecord[] {
    return this.#liveEntries().map(({ record }) => record);
  }

  /** The same, each with how its lease stands. */
  live(): LiveRecord[] {
    return this.#liveEntries().map(({ record, leaseMs, renewedAtMs }) => ({ ...record, leaseMs, renewedAtMs }));
  }

  #liveEntries(): LeaseEntry[] {
    return [...this.#leases]
      .filter(([, lease]) => lease.live)
      .toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([, { entry }]) => entry);
  }

  /** Milliseconds until a lease may run out; null when none can. */
  nextCheckMs(now: Now): number | null {
    if (this.#frozen) return null;
    const ends = [...this.#leases.values()]
      .filter((lease) => lease.live)
      .map((lease) => lease.seenAtMs + lease.entry.leaseMs - now.monotonicMs);
    return ends.length === 0 ? null : Math.max(0, Math.min(...ends));
  }
}
