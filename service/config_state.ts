import { Catalog, type CatalogChange, type FileStatus } from "../core/config/catalog.ts";
import { isIntact } from "../core/config/collection.ts";
import { type DocumentKey, documentPath, keyOfPath } from "../core/config/key.ts";
import type { Entry, StoreEvent } from "../core/store/store.ts";
import type { StoredCollection, View } from "./reconcile/view.ts";

type ConfigView = Pick<View, "metrics" | "collectors" | "collections" | "unreadable" | "synced">;

/**
 * The configuration of the store as the service sees it: the documents that are in force, and the collection files
 * as they really are, whoever wrote them. It does no I/O: the events of the store are applied to it.
 */
export class ConfigState {
  readonly catalog: Catalog;
  readonly #collections = new Map<string, { readonly text: string; readonly revision: string | null }>();
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  readonly #keyListeners = new Set<(keys: readonly DocumentKey[]) => void>();
  #everSynced = false;

  constructor(options: { readonly frequencyMinSeconds: number }) {
    this.catalog = new Catalog(options);
  }

  /** Whether the store has been read completely since this process began. */
  get everSynced(): boolean {
    return this.#everSynced;
  }

  /** Takes one event of the store and returns what it changed among the documents. */
  apply(event: StoreEvent): CatalogChange[] {
    const collectionChanged = this.#applyToCollections(event);
    const changedKey = this.#applyToEntries(event);
    const changes = this.catalog.apply(event);
    this.#report(changes, changedKey);
    if (event.type === "synced") this.#everSynced = true;
    const changed = collectionChanged || changes.length > 0 || event.type === "synced" || event.type === "unavailable";
    if (this.#everSynced && changed) { for (const listener of this.#listeners) listener(); }
    return changes;
  }

  /** Calls back after each change, once the store has been read completely. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back with the documents that were changed, or whose files were. Returns what ends it. */
  onDocuments(listener: (keys: readonly DocumentKey[]) => void): () => void {
    this.#keyListeners.add(listener);
    return () => void this.#keyListeners.delete(listener);
  }

  /** The file of a document as it was last seen, whether it is in force or not; null without one. */
  entryOf(key: DocumentKey): Entry | null {
    return this.#entries.get(documentPath(key)) ?? null;
  }

  view(): ConfigView {
    const statuses = this.catalog.statuses();
    const states = new Map(statuses.map((status) => [status.path, status.state]));
    return {
      metrics: this.catalog.documents("Metric"),
      collectors: this.catalog.documents("Collector"),
      collections: [...this.#collections].flatMap(([path, stored]) => this.#collection(path, stored, states.get(path))),
      unreadable: statuses.flatMap((status) => this.#unreadable(status)),
      synced: this.catalog.synced,
    };
  }

  /** Returns the document whose file is another than before. */
  #applyToEntries(event: StoreEvent): DocumentKey | null {
    if (event.type === "delete") return this.#entries.delete(event.path) ? keyOfPath(event.path) : null;
    if (event.type !== "put") return null;
    const { entry } = event;
    const key = keyOfPath(entry.path);
    if (key === null || this.#entries.get(entry.path)?.revision === entry.revision) return null;
    this.#entries.set(entry.path, entry);
    return key;
  }

  #report(changes: readonly CatalogChange[], changedKey: DocumentKey | null): void {
    const keys = new Map(changedKey === null ? [] : [[documentPath(changedKey), changedKey]]);
    for (const change of changes) {
      const key = "key" in change ? change.key : keyOfPath("path" in change ? change.path : change.status.path);
      if (key !== null) keys.set(documentPath(key), key);
    }
    if (keys.size > 0) { for (const listener of this.#keyListeners) listener([...keys.values()]); }
  }

  /** Returns whether a collection file is another than before. */
  #applyToCollections(event: StoreEvent): boolean {
    const path = event.type === "put" ? event.entry.path : "path" in event ? event.path : "";
    if (keyOfPath(path)?.kind !== "Collection") return false;
    if (event.type === "delete") return this.#collections.delete(path);
    const before = this.#collections.get(path);
    const { text, revision } = event.type === "put" ? event.entry : { text: "", revision: null };
    this.#collections.set(path, { text, revision });
    return before === undefined || before.revision !== revision;
  }

  #collection(
    path: string,
    stored: { readonly text: string; readonly revision: string | null },
    state: FileStatus["state"] | undefined,
  ): StoredCollection[] {
    const key = keyOfPath(path);
    if (key === null) return [];
    const { clusterId, namespace, name } = key;
    const document = state === "ok" ? this.catalog.get({ ...key, kind: "Collection" }) : null;
    const intact = document !== null && isIntact(document) ? document : null;
    return [{ path, clusterId, namespace, name, text: stored.text, revision: stored.revision, document: intact }];
  }

  /** A file in the place of a document that is invalid and never was otherwise. */
  #unreadable(status: FileStatus): DocumentKey[] {
    const key = keyOfPath(status.path);
    if (key === null || status.state !== "invalid" || this.catalog.get(key) !== null) return [];
    return [key];
  }
}
