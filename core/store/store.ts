/**
 * Where configuration, generated files and coordination records live: a flat set of texts under slash-separated
 * paths, such as `BCS-K8S-00001/metric/shop/cart.yaml`. Implementations pass the suite in tests/conformance.
 */
export interface Store {
  /**
   * The entry at `path`, or null when there is none.
   * @throws UnreadableEntryError when there is one that cannot be read; StoreUnavailableError when nothing can.
   */
  get(path: string): Promise<Entry | null>;

  /**
   * The entries whose path begins with `prefix` ("" for all), sorted by path; unreadable ones are left out and logged.
   * @throws StoreUnavailableError when the store cannot be read.
   */
  list(prefix: string): Promise<Entry[]>;

  /**
   * Writes the whole text at `path`, atomically and durably, and returns its new revision.
   * `expected` makes it conditional: a revision, or null for "must not exist".
   * Writing the text that is already there succeeds and changes nothing, provided that the condition holds.
   * @throws RevisionConflictError when the condition does not hold.
   * @throws StorePathError for a path that is no safe place for an entry, EntryTooLargeError for too long a text,
   * StoreUnavailableError when the store cannot be reached.
   */
  put(path: string, text: string, expected?: string | null): Promise<string>;

  /**
   * Removes the entry at `path`; removing what is not there is a success, unless `expected` names a revision.
   * @throws RevisionConflictError when `expected` is given and is not the present revision; else as `put`.
   */
  delete(path: string, expected?: string): Promise<void>;

  /**
   * Reports every entry under `prefix` as a `put`, then `synced`, then each change as it is seen. Several quick
   * changes of one entry may be reported as one. When the store cannot be read, `unavailable` is reported instead
   * of removals (missing is not empty), and `synced` again once it can, after the changes that were missed.
   * An entry that is there but cannot be read is reported as `unreadable`; what was reported of it before stays valid.
   * The listener must not throw.
   */
  watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch>;

  /**
   * Grants a lease of the store's own, which lives `ttlMs` after each renewal; a store may make that somewhat longer.
   * Absent where a store, such as a folder, removes nothing by itself: there whoever reads an entry has to judge
   * whether its writer lives, as core/registry does.
   * @throws StoreUnavailableError when the store cannot be reached.
   */
  grantLease?(ttlMs: number): Promise<StoreLease>;

  close(): Promise<void>;
}

export interface Entry {
  readonly path: string;
  readonly text: string;
  /** Differs whenever the text differs. */
  readonly revision: string;
}

export type StoreEvent =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly path: string }
  | { readonly type: "unreadable"; readonly path: string; readonly reason: string }
  | { readonly type: "synced" }
  | { readonly type: "unavailable"; readonly reason: string };

/** Removes the entries that belong to it when it ends. */
export interface StoreLease {
  /** As {@link Store.put}; the entry belongs to this lease until it is put otherwise. Fails when the lease is over. */
  put(path: string, text: string, expected?: string | null): Promise<string>;
  /** Begins its time anew. Returns false when the lease is over, and its entries are gone: a new one is needed. */
  renew(): Promise<boolean>;
  /** Ends it now. */
  end(): Promise<void>;
}

export interface Watch {
  close(): Promise<void>;
}

/** Somebody else changed the entry since it was read. */
export class RevisionConflictError extends Error {
  override name = "RevisionConflictError";
}

/** The path cannot be an entry's: it leaves the store, or has a segment that is no safe name. */
export class StorePathError extends Error {
  override name = "StorePathError";
}

/** The text is longer than the store keeps. */
export class EntryTooLargeError extends Error {
  override name = "EntryTooLargeError";
}

/** There is an entry, but it cannot be read: too large, not permitted, or no UTF-8 text. */
export class UnreadableEntryError extends Error {
  override name = "UnreadableEntryError";
}

/**
 * The whole store is out of reach, which says nothing about what it holds; whether a write that fails so was done is
 * not known. Transient: try again.
 */
export class StoreUnavailableError extends Error {
  override name = "StoreUnavailableError";
}

/** The folder of everything that is coordination and not configuration: leases, registry, status. */
export const systemPrefix = ".bcs-metric/";
