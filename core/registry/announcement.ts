import { nameProblem } from "../config/names.ts";
import { UserError } from "../errors.ts";
import type { Clock } from "../runtime/env.ts";
import { RevisionConflictError, type Store, type StoreLease } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { readLeaseEntry, registryPath, writeLeaseEntry } from "./lease_entry.ts";
import type { RegistryRecord } from "./records.ts";

/** A failed renewal is tried again after this, or at the next regular one if that is sooner. */
const retryMs = 1000;

/** Keeps one record in the registry for as long as its process runs. */
export class Announcement {
  readonly #deps: { readonly store: Store; readonly clock: Clock; readonly log: Logger; readonly leaseMs: number };
  readonly #record: () => RegistryRecord;
  readonly #path: string;
  readonly #instance: string;
  #renewals = 0;
  #ownRevision: string | null = null;
  /** Of the store's own, where it has leases: then the record of a process that dies is removed by the store. */
  #lease: StoreLease | null = null;
  #renewing: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};
  #closed = false;

  /** @throws UserError when the record's id is no safe name. */
  constructor(
    deps: { readonly store: Store; readonly clock: Clock; readonly log: Logger; readonly leaseMs: number },
    record: () => RegistryRecord,
  ) {
    this.#deps = deps;
    this.#record = record;
    const { module, id, instance } = record();
    const problem = nameProblem(id);
    if (problem !== null) throw new UserError(`Cannot register the ${module} "${id}": its name ${problem}`);
    this.#path = registryPath(module, id);
    this.#instance = instance;
  }

  /** Tries to announce the record; whether or not it succeeds, the renewals follow. */
  start(): Promise<void> {
    return this.#renew();
  }

  /** Ends the renewals and withdraws the record, unless a successor of the same id has taken its place. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#renewing;
    const { store, log } = this.#deps;
    try {
      const present = await store.get(this.#path);
      if (present !== null && instanceIn(present.text) === this.#instance) {
        await store.delete(this.#path, present.revision);
      }
      await this.#lease?.end();
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) {
        log.warn({ err: error, path: this.#path }, "withdrawing from the registry failed; the lease will run out");
      }
    }
  }

  #renew(): Promise<void> {
    this.#renewing = this.#renewOnce().then((renewed) => {
      if (this.#closed) return;
      const periodMs = this.#deps.leaseMs / 3;
      const delayMs = renewed ? periodMs : Math.min(retryMs, periodMs);
      this.#cancelTimer = this.#deps.clock.after(delayMs, () => void this.#renew());
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<boolean> {
    const { clock, log, leaseMs } = this.#deps;
    try {
      await this.#warnOfNamesake();
      const renewals = this.#renewals + 1;
      const entry = { record: this.#record(), leaseMs, renewedAtMs: clock.wallMs(), renewals };
      this.#ownRevision = await this.#put(writeLeaseEntry(entry));
      this.#renewals = renewals;
      return true;
    } catch (error) {
      log.warn({ err: error, path: this.#path }, "announcing to the registry failed; it is tried again");
      return false;
    }
  }

  async #put(text: string): Promise<string> {
    const { store, leaseMs } = this.#deps;
    if (store.grantLease === undefined) return await store.put(this.#path, text);
    if (this.#lease === null || !(await this.#lease.renew())) this.#lease = await store.grantLease(leaseMs);
    return await this.#lease.put(this.#path, text);
  }

  /** Two living processes of one id overwrite each other's record: a mistake that nothing else would show. */
  async #warnOfNamesake(): Promise<void> {
    if (this.#ownRevision === null) return;
    const present = await this.#deps.store.get(this.#path);
    if (present === null || present.revision === this.#ownRevision) return;
    const other = instanceIn(present.text);
    if (other === this.#instance) return;
    this.#deps.log.warn({ path: this.#path, other }, "another process announces the same id; give each its own name");
  }
}

function instanceIn(text: string): string | null {
  const read = readLeaseEntry(text);
  return read.ok ? read.entry.record.instance : null;
}
