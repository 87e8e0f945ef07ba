/**
 * Where configuration, generated files and coordination records live: a flat set of texts under slash-separated
 * paths, such as `BCS-K8S-00001/metric/shop/cart.yaml`. Implementations pass the suite in tests/conformance.
 */
export interface Store {
  /** The entry at `path`, or null when there is none. */
  get(path: string): Promise<Entry | null>;

  /** The entries whose path begins with `prefix` ("" for all), sorted by path. */
  list(prefix: string): Promise<Entry[]>;

  /**
   * Writes the whole text at `path`, atomically and durably, and returns its new revision.
   * `expected` makes it conditional: a revision, or null for "must not exist".
   * Writing the text that is already there succeeds and changes nothing.
   * @throws RevisionConflictError when the condition does not hold.
   */
  put(path: string, text: string, expected?: string | null): Promise<string>;

  /**
   * Removes the entry at `path`; removing what is not there is a success, unless `expected` names a revision.
   * @throws RevisionConflictError when `expected` is given and is not the present revision.
   */
  delete(path: string, expected?: string): Promise<void>;

  /**
   * Reports every entry under `prefix` as a `put`, then `synced`, then each change as it is seen. Several quick
   * changes of one entry may be reported as one. When the store cannot be read, `unavailable` is reported instead
   * of removals (missing is not empty), and `synced` again once it can.
   */
  watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch>;

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
  | { readonly type: "synced" }
  | { readonly type: "unavailable"; readonly reason: string };

export interface Watch {
  close(): Promise<void>;
}

/** Somebody else changed the entry since it was read. */
export class RevisionConflictError extends Error {
  override name = "RevisionConflictError";
}

/** The folder of everything that is coordination and not configuration: leases, registry, status. */
export const systemPrefix = ".bcs-metric/";
