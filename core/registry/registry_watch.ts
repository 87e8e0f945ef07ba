import type { Clock } from "../runtime/env.ts";
import { inBackground } from "../runtime/process.ts";
import { RevisionConflictError, type Store, type StoreEvent, type Watch } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { idOfPath, readLeaseEntry, registryFolder, registryPath } from "./lease_entry.ts";
import { LeaseTable, type Now } from "./lease_table.ts";
import type { LiveRecord, RegistryModule, RegistryRecord, RegistryWatching } from "./records.ts";

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseMs: number;
}

/** Follows the live records of a module: feeds what the store tells to a {@link LeaseTable} and reports its changes. */
export class RegistryWatch implements RegistryWatching {
  readonly #deps: Deps;
  readonly #module: RegistryModule;
  readonly #onChange: (records: readonly RegistryRecord[]) => void;
  readonly #table = new LeaseTable();
  #reported: string | null = null;
  #synced = false;
  #closed = false;
  #watch: Watch | null = null;
  #cancelTimer = () => {};
  #checking: Promise<void> | null = null;

  constructor(deps: Deps, module: RegistryModule, onChange: (records: readonly RegistryRecord[]) => void) {
    this.#deps = deps;
    this.#module = module;
    this.#onChange = onChange;
  }

  async start(): Promise<void> {
    this.#watch = await this.#deps.store.watch(registryFolder(this.#module), (event) => this.#take(event));
    this.#planCheck();
  }

  live(): readonly LiveRecord[] {
    return this.#synced ? this.#table.live() : [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#watch?.close();
    await this.#checking;
  }

  #take(event: StoreEvent): void {
    if (this.#closed) return;
    switch (event.type) {
      case "put":
        this.#put(event.entry.path, event.entry.text, event.entry.revision);
        break;
      case "delete":
        this.#table.delete(idOfPath(this.#module, event.path));
        break;
      case "synced":
        this.#synced = true;
        this.#table.thaw(this.#now());
        break;
      case "unavailable":
        this.#table.freeze();
        break;
      case "unreadable":
        break;
      default:
        event satisfies never;
    }
    this.#report();
    this.#planCheck();
  }

  #put(path: string, text: string, revision: string): void {
    const id = idOfPath(this.#module, path);
    const read = readLeaseEntry(text);
    const { log } = this.#deps;
    if (!read.ok) {
      log.warn({ path, reason: read.reason }, "an entry of the registry is invalid");
    } else if (read.entry.record.id !== id || read.entry.record.module !== this.#module) {
      log.warn({ path, id: read.entry.record.id }, "an entry of the registry does not match its path");
    } else {
      this.#table.put(id, read.entry, revision, this.#now());
    }
  }

  #report(): void {
    if (!this.#synced || this.#closed) return;
    const records = this.#table.records();
    const text = JSON.stringify(records);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#onChange(records);
  }

  #planCheck(): void {
    if (this.#closed || this.#checking !== null) return;
    this.#cancelTimer();
    // Dead entries end no lease any more, but they have to be looked at to be removed some day.
    const delayMs = Math.min(this.#table.nextCheckMs(this.#now()) ?? Infinity, 4 * this.#deps.leaseMs);
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#checking = this.#check().finally(() => {
        this.#checking = null;
        this.#planCheck();
      });
      inBackground(this.#deps.log, "checking the registry's leases", this.#checking);
    });
  }

  /**
   * Ends the leases that ran out. Each entry is read once more before: the notification of its change may be late or
   * lost, or this process may have stood still.
   */
  async #check(): Promise<void> {
    for (const { id, revision } of this.#table.overdue(this.#now())) {
      const path = registryPath(this.#module, id);
      try {
        const entry = await this.#deps.store.get(path);
        if (entry !== null) this.#put(path, entry.text, entry.revision);
        this.#table.expire(id, revision);
      } catch (error) {
        this.#deps.log.warn({ err: error, path }, "looking at a lease that ran out failed; it stays");
        this.#table.postpone(id, this.#now());
      }
    }
    this.#report();
    for (const { id, revision } of this.#table.abandoned(this.#now())) await this.#remove(id, revision);
  }

  async #remove(id: string, revision: string): Promise<void> {
    const path = registryPath(this.#module, id);
    try {
      await this.#deps.store.delete(path, revision);
      this.#table.delete(id);
      this.#deps.log.info({ path }, "removed a long dead entry of the registry");
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) {
        this.#deps.log.warn({ err: error, path }, "removing a dead entry of the registry failed");
      }
    }
  }

  #now(): Now {
    return { monotonicMs: this.#deps.clock.monotonicMs(), wallMs: this.#deps.clock.wallMs() };
  }
}
