import type { FileStatus } from "../../core/config/catalog.ts";
import type { DocumentKey } from "../../core/config/key.ts";
import type { DocumentOf, Kind } from "../../core/config/schema.ts";
import type { DocumentProblem } from "./problem_fields.ts";

/**
 * The documents of the store as every API sees and changes them. Reading is from memory; what is written is in force
 * when the promise resolves. Any number of processes and people may write the same files meanwhile.
 */
export interface Documents {
  /** The document in force under `key`; null when there is none, or its file never was good. */
  get<K extends Kind>(key: DocumentKey & { readonly kind: K }): StoredDocument<K> | null;

  /** The documents of a kind that are in force, sorted by path. */
  list<K extends Kind>(filter: DocumentFilter<K>): StoredDocument<K>[];

  /** How the file of a document stands, also when nothing of it is in force; null without a file. */
  fileStatus(key: DocumentKey): FileStatus | null;

  /**
   * Writes a document. Comments, layout and order of its file are kept wherever `draft` says nothing else, and
   * defaults that the file leaves out stay out.
   *
   * A Metric takes effect only with another `spec.version` than the one in force: the same version with the same
   * content is `unchanged`, with other content it is refused.
   *
   * @param draft a document as a user writes it, defaults left out or not. `apiVersion`, `kind` and the names in
   * `metadata` may be missing, since the key says them; `status`, which the API shows, is ignored.
   * @throws DocumentError; nothing was written then.
   */
  put<K extends Kind>(
    draft: unknown,
    options: PutOptions & { readonly key: DocumentKey & { readonly kind: K } },
  ): Promise<PutOutcome<K>>;

  /**
   * Removes a document and its file; `absent` when there was none, which is a success.
   * @throws DocumentError; nothing was removed then.
   */
  delete(
    key: DocumentKey,
    options: { readonly ifMatch?: string | undefined; readonly by: string },
  ): Promise<"deleted" | "absent">;

  /** Calls back after each change of documents or of their files' status. Returns what ends it. */
  watch(listener: (change: DocumentChange) => void): () => void;
}

export interface DocumentFilter<K extends Kind = Kind> {
  readonly kind: K;
  readonly clusterId?: string | undefined;
  readonly namespace?: string | undefined;
  /** Every pair must equal one of `metadata.labels`. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface StoredDocument<K extends Kind = Kind> {
  readonly key: DocumentKey;
  /** What is in force, with all defaults. */
  readonly document: DocumentOf<K>;
  /** The file as it stands, which is not in force when `status.state` is not `ok`. */
  readonly text: string;
  /** Of the file; the API shows it as ETag. */
  readonly revision: string;
  readonly status: FileStatus;
}

export interface PutOptions {
  readonly key: DocumentKey;
  /** Revision that the file must have; `*`: it must exist; null: it must not. Without it there is no condition. */
  readonly ifMatch?: string | null | undefined;
  /** Who asks, for the log. */
  readonly by: string;
  /** What `draft` was read from: problems are placed in it, and a new file has the comments of YAML. */
  readonly source?: { readonly text: string; readonly format: "yaml" | "json" } | undefined;
}

export interface PutOutcome<K extends Kind = Kind> {
  readonly outcome: "created" | "updated" | "unchanged";
  readonly stored: StoredDocument<K>;
}

export type DocumentChange =
  | { readonly type: "put"; readonly key: DocumentKey }
  | { readonly type: "delete"; readonly key: DocumentKey };

/**
 * - `invalid`: the draft is no document of its kind; `problems` say where.
 * - `version-unchanged`: the spec differs from the one in force but its version does not.
 * - `managed-by-git`: the document's annotation says that only its file may be edited.
 * - `generated`: Collections are written by the system alone.
 * - `precondition-failed`: the file is not at the revision that `ifMatch` asks for.
 * - `conflict`: another document has this name in other upper and lower case, others keep changing the file, or
 *   the file cannot be read.
 * - `unavailable`: the store cannot be read or written; try again.
 */
export type DocumentErrorCode =
  | "invalid"
  | "version-unchanged"
  | "managed-by-git"
  | "generated"
  | "precondition-failed"
  | "conflict"
  | "unavailable";

/** Why a document was not written or removed. */
export class DocumentError extends Error {
  override name = "DocumentError";
  readonly code: DocumentErrorCode;
  readonly problems: readonly DocumentProblem[];

  constructor(
    code: DocumentErrorCode,
    message: string,
    options: { readonly problems?: readonly DocumentProblem[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}

/** The annotation that hands a document over to whoever edits its file. */
export const managedByAnnotation = "bcs-metric/managed-by";
