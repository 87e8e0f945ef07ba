import { Catalog, type CatalogChange, type FileStatus } from "../core/config/catalog.ts";
import { isIntact } from "../core/config/collection.ts";
import { type DocumentKey, keyOfPath } from "../core/config/key.ts";
import type { StoreEvent } from "../core/store/store.ts";
import type { StoredCollection, View } from "./reconcile/view.ts";

type ConfigView = Pick<View, "metrics" | "collectors" | "collections" | "unreadable" | "synced">;

/**
 * The configuration of the store as the service sees it: the documents that are in force, and the collection files
 * as they really are, whoever wrote them. It does no I/O: the events of the store are applied to it.
 */
export class ConfigState {
  readonly catalog: Catalog;
  readonly #collections = new Map<string, { readonly text: string; readonly revision: string | null }>();
  readonly #listeners = new Set<() => void>();
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
    const changes = this.catalog.apply(event);
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
