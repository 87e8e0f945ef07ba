import { isDeepStrictEqual } from "node:util";
import { type StoreEvent, systemPrefix } from "../store/store.ts";
import { CaseIndex } from "./case_index.ts";
import { type ConfigProblem, readDocument } from "./document.ts";
import { type DocumentKey, documentPath, keyOfPath } from "./key.ts";
import type { ConfigDocument, DocumentOf, Kind } from "./schema.ts";
import type { Place, YamlPath } from "./yaml.ts";

/**
 * `ok`: the file's content is in force. `invalid`: it cannot be read as a document. `stale-version`: its spec differs
 * from the one in force but its version does not. `conflict`: another file has its name in other upper and lower case.
 */
export type FileState = "ok" | "invalid" | "stale-version" | "conflict";

export interface FileStatus {
  readonly path: string;
  readonly state: FileState;
  readonly problems: readonly ConfigProblem[];
  /** `spec.version` of the Metric that is in force; null for other kinds, or when none is. */
  readonly effectiveVersion: string | null;
}

export type CatalogChange =
  /** `document` is in force from now on, in place of `previous`. */
  | {
    readonly type: "put";
    readonly key: DocumentKey;
    readonly document: ConfigDocument;
    readonly previous: ConfigDocument | null;
  }
  /** The document is no longer in force, because its file is gone. */
  | { readonly type: "removed"; readonly key: DocumentKey; readonly document: ConfigDocument }
  /** The file does not take effect; what was in force before, if anything, stays so. */
  | { readonly type: "refused"; readonly status: FileStatus }
  /** A file that was refused has been mended, back to what is in force. */
  | { readonly type: "mended"; readonly path: string };

interface File {
  readonly path: string;
  state: FileState;
  problems: readonly ConfigProblem[];
  /** What takes effect once the name is free; null unless the file is in conflict. */
  candidate: Candidate | null;
  effective: ConfigDocument | null;
}

interface Candidate {
  readonly document: ConfigDocument;
  readonly placeOf: (path: YamlPath) => Place;
}

/**
 * The configuration that is in force: the last good content of each file of the volume, built from the events of a
 * store. It does no I/O and looks at no clock.
 *
 * - A file that is invalid never takes effect: its last good content stays in force until it is mended or removed.
 * - A Metric whose spec differs while its version does not keeps its old content in force. Comments, layout and the
 *   order of keys are no difference.
 * - Of two files whose paths differ only in case, the one that came later is refused until the other is gone.
 * - While the store is unavailable everything stays as it is: missing is not empty.
 *
 * All of this is known to this process alone. After a restart there is nothing to compare with: a changed spec with
 * an unchanged version is then taken as it stands, an invalid file has no last good content, and of two names that
 * differ only in case the first by path wins.
 */
export class Catalog {
  readonly #frequencyMinSeconds: number;
  readonly #files = new Map<string, File>();
  readonly #cases = new CaseIndex();
  readonly #sorted = new Map<Kind, readonly { readonly key: DocumentKey; readonly document: ConfigDocument }[]>();
  #synced = false;

  constructor(options: { readonly frequencyMinSeconds: number }) {
    this.#frequencyMinSeconds = options.frequencyMinSeconds;
  }

  /** Whether the store has been read whole and can be read now. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Takes one event of the store and returns what it changed; entries that are no configuration change nothing. */
  apply(event: StoreEvent): CatalogChange[] {
    switch (event.type) {
      case "put":
        return event.entry.path.startsWith(systemPrefix) ? [] : this.#put(event.entry.path, event.entry.text);
      case "delete":
        return this.#delete(event.path);
      case "unreadable":
        return event.path.startsWith(systemPrefix) ? [] : this.#refuse(this.#file(event.path), "invalid", [{
          path: event.path,
          line: 1,
          column: 1,
          message: event.reason,
        }]);
      case "synced":
        this.#synced = true;
        return [];
      case "unavailable":
        this.#synced = false;
        return [];
      default:
        return event satisfies never;
    }
  }

  /** The documents of a kind that are in force, sorted by path; all of them, or those of a cluster or namespace. */
  documents<K extends Kind>(
    kind: K,
    filter: { readonly clusterId?: string; readonly namespace?: string } = {},
  ): DocumentOf<K>[] {
    const { clusterId, namespace } = filter;
    return this.#ofKind(kind)
      .filter(({ key }) => clusterId === undefined || key.clusterId === clusterId)
      .filter(({ key }) => namespace === undefined || key.namespace === namespace)
      .map(({ document }) => document as DocumentOf<K>);
  }

  /** The document in force under `key`, or null when there is none. */
  get<K extends Kind>(key: DocumentKey & { readonly kind: K }): DocumentOf<K> | null {
    return this.#files.get(documentPath(key))?.effective as DocumentOf<K> | null ?? null;
  }

  /** How each file stands, sorted by path. */
  statuses(): FileStatus[] {
    return [...this.#files.values()].toSorted(byPath).map(statusOf);
  }

  /** How one file stands; null when there is none. */
  statusOf(path: string): FileStatus | null {
    const file = this.#files.get(path);
    return file === undefined ? null : statusOf(file);
  }

  /** Another spelling, in upper and lower case, of a name in `path` that a document has already; null without one. */
  rivalOf(path: string): string | null {
    return this.#cases.rival(path)?.spelling ?? null;
  }

  #put(path: string, text: string): CatalogChange[] {
    const file = this.#file(path);
    const read = readDocument(path, text, { frequencyMinSeconds: this.#frequencyMinSeconds });
    if (!read.ok) {
      file.candidate = null;
      return this.#refuse(file, "invalid", read.problems);
    }
    return this.#settle(file, read);
  }

  #delete(path: string): CatalogChange[] {
    const file = this.#files.get(path);
    if (file === undefined) return [];
    this.#files.delete(path);
    const key = keyOfPath(path);
    if (file.effective === null || key === null) return [];
    this.#cases.release(path);
    this.#sorted.delete(key.kind);
    const waiting = [...this.#files.values()].filter((other) => other.state === "conflict").toSorted(byPath);
    const promoted = waiting.flatMap((other) => other.candidate === null ? [] : this.#settle(other, other.candidate));
    return [{ type: "removed", key, document: file.effective }, ...promoted];
  }

  /** Decides whether a well-formed document takes effect. */
  #settle(file: File, candidate: Candidate): CatalogChange[] {
    const { document } = candidate;
    const key = keyOfPath(file.path);
    if (key === null) throw new Error(`Cannot settle "${file.path}": a document was read from no document's path`);
    const rival = this.#cases.rival(file.path);
    // Only a file that waits for its name keeps its candidate, since that holds the whole text.
    file.candidate = rival === null ? null : candidate;
    if (rival !== null) return this.#refuse(file, "conflict", [conflictProblem(file.path, candidate, rival)]);
    const previous = file.effective;
    if (previous !== null && isStale(previous, document)) {
      const place = candidate.placeOf(["spec", "version"]);
      const message = `spec changed but version is still ${document.spec.version}`;
      return this.#refuse(file, "stale-version", [{ path: file.path, ...place, message }]);
    }
    const wasOk = file.state === "ok";
    file.state = "ok";
    file.problems = [];
    if (previous !== null && isDeepStrictEqual(previous, document)) {
      return wasOk ? [] : [{ type: "mended", path: file.path }];
    }
    if (previous === null) this.#cases.claim(file.path);
    file.effective = document;
    this.#sorted.delete(key.kind);
    return [{ type: "put", key, document, previous }];
  }

  #refuse(file: File, state: FileState, problems: readonly ConfigProblem[]): CatalogChange[] {
    const known = file.state === state && isDeepStrictEqual(file.problems, problems);
    file.state = state;
    file.problems = problems;
    return known ? [] : [{ type: "refused", status: statusOf(file) }];
  }

  #file(path: string): File {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = { path, state: "ok", problems: [], candidate: null, effective: null };
      this.#files.set(path, file);
    }
    return file;
  }

  #ofKind(kind: Kind): readonly { readonly key: DocumentKey; readonly document: ConfigDocument }[] {
    let sorted = this.#sorted.get(kind);
    if (sorted === undefined) {
      sorted = [...this.#files.values()].toSorted(byPath).flatMap((file) => {
        const key = file.effective === null ? null : keyOfPath(file.path);
        return file.effective !== null && key?.kind === kind ? [{ key, document: file.effective }] : [];
      });
      this.#sorted.set(kind, sorted);
    }
    return sorted;
  }
}

function isStale(
  previous: ConfigDocument,
  document: ConfigDocument,
): document is Extract<ConfigDocument, { kind: "Metric" }> {
  return previous.kind === "Metric" && document.kind === "Metric" && previous.spec.version === document.spec.version
    && !isDeepStrictEqual(previous.spec, document.spec);
}

function conflictProblem(path: string, candidate: Candidate, rival: { spelling: string; segment: number }) {
  const field = (["clusterId", "kind", "namespace", "name"] as const)[rival.segment] ?? "name";
  const own = path.split("/")[rival.segment] ?? "";
  const place = candidate.placeOf(["metadata", field]);
  const message = `${field} ${withoutExtension(own)} differs only in case from `
    + `${withoutExtension(rival.spelling)}, which was there before`;
  return { path, ...place, message };
}

function withoutExtension(segment: string): string {
  return segment.replace(/\.yaml$/, "");
}

function statusOf(file: File): FileStatus {
  const effectiveVersion = file.effective?.kind === "Metric" ? file.effective.spec.version : null;
  return { path: file.path, state: file.state, problems: file.problems, effectiveVersion };
}

function byPath(a: File, b: File): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
