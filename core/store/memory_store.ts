import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { entryBytesMax, requireEntryPath } from "./paths.ts";
import {
  type Entry,
  EntryTooLargeError,
  RevisionConflictError,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  type Watch,
} from "./store.ts";

/**
 * A store in memory, for tests and simulations. Its events are reported at once, before `put` and `delete` resolve.
 * {@link MemoryStore.fail} makes it unavailable until {@link MemoryStore.recover}.
 */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  readonly #watches = new Set<{ readonly prefix: string; readonly onEvent: (event: StoreEvent) => void }>();
  /** What happened since the store failed, which the watchers learn when it has recovered. */
  readonly #missed: { readonly path: string; readonly event: StoreEvent }[] = [];
  #failure: string | null = null;

  /** From now on every operation fails with `reason`, and watchers are told that the store is unavailable. */
  fail(reason: string): void {
    this.#failure = reason;
    for (const watch of this.#watches) watch.onEvent({ type: "unavailable", reason });
  }

  recover(): void {
    this.#failure = null;
    for (const { path, event } of this.#missed.splice(0)) this.#report(path, event);
    for (const watch of this.#watches) watch.onEvent({ type: "synced" });
  }

  /** Writes as another process would, which reaches the store even while this one does not. */
  putElsewhere(path: string, text: string): Entry {
    const revision = createHash("sha256").update(text).digest("hex").slice(0, 32);
    const entry = { path, text, revision };
    const changed = this.#entries.get(path)?.revision !== revision;
    this.#entries.set(path, entry);
    if (changed) this.#report(path, { type: "put", entry });
    return entry;
  }

  async get(path: string): Promise<Entry | null> {
    requireEntryPath(path);
    await this.#require();
    return this.#entries.get(path) ?? null;
  }

  async list(prefix: string): Promise<Entry[]> {
    await this.#require();
    return [...this.#entries.values()]
      .filter((entry) => entry.path.startsWith(prefix))
      .toSorted((a, b) => a.path < b.path ? -1 : 1);
  }

  async put(path: string, text: string, expected?: string | null): Promise<string> {
    requireEntryPath(path);
    if (Buffer.byteLength(text) > entryBytesMax(path)) {
      throw new EntryTooLargeError(
        `Cannot write entry "${path}": it exceeds the limit of ${entryBytesMax(path)} bytes`,
      );
    }
    await this.#require();
    if (expected !== undefined) this.#requireRevision("write", path, expected);
    return this.putElsewhere(path, text).revision;
  }

  async delete(path: string, expected?: string): Promise<void> {
    requireEntryPath(path);
    await this.#require();
    if (expected !== undefined) this.#requireRevision("delete", path, expected);
    if (this.#entries.delete(path)) this.#report(path, { type: "delete", path });
  }

  async watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch> {
    const watch = { prefix, onEvent };
    this.#watches.add(watch);
    if (this.#failure !== null) {
      onEvent({ type: "unavailable", reason: this.#failure });
    } else {
      for (const entry of await this.list(prefix)) onEvent({ type: "put", entry });
      onEvent({ type: "synced" });
    }
    return {
      close: () => {
        this.#watches.delete(watch);
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    this.#watches.clear();
    return Promise.resolve();
  }

  #require(): Promise<void> {
    return this.#failure === null
      ? Promise.resolve()
      : Promise.reject(new StoreUnavailableError(`Cannot reach the store: ${this.#failure}`));
  }

  #requireRevision(what: string, path: string, expected: string | null): void {
    if ((this.#entries.get(path)?.revision ?? null) === expected) return;
    throw new RevisionConflictError(`Cannot ${what} entry "${path}": somebody changed it meanwhile`);
  }

  #report(path: string, event: StoreEvent): void {
    if (this.#failure !== null) {
      this.#missed.push({ path, event });
      return;
    }
    for (const watch of this.#watches) if (path.startsWith(watch.prefix)) watch.onEvent(event);
  }
}
