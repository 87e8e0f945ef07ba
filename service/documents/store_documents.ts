import { isDeepStrictEqual } from "node:util";
import { withoutNewDefaults } from "../../core/config/defaults.ts";
import { checkDraft, noPlaces } from "../../core/config/document.ts";
import { editDocument, UnwritableValueError, writeDocument } from "../../core/config/edit.ts";
import { type DocumentKey, documentPath } from "../../core/config/key.ts";
import { nameProblem } from "../../core/config/names.ts";
import { type ConfigDocument, documentSchemas, type Kind } from "../../core/config/schema.ts";
import { readYaml, type YamlDocument } from "../../core/config/yaml.ts";
import { type Entry, EntryTooLargeError, type Store, type StoreEvent } from "../../core/store/store.ts";
import {
  RevisionConflictError,
  StorePathError,
  StoreUnavailableError,
  UnreadableEntryError,
} from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { ConfigState } from "../config_state.ts";
import {
  DocumentError,
  type DocumentFilter,
  type Documents,
  managedByAnnotation,
  type PutOptions,
  type PutOutcome,
  type StoredDocument,
} from "./documents.ts";
import { completeDraft, completeText } from "./draft.ts";
import { describeProblem, type DocumentProblem, withFields } from "./problem_fields.ts";

export interface DocumentsDeps {
  readonly store: Pick<Store, "get" | "put" | "delete">;
  readonly config: ConfigState;
  readonly log: Logger;
  /** Lowest frequency of a Metric. */
  readonly frequencyMinSeconds: number;
  /** Takes a change of the store, before the store's own watch tells of it. */
  apply(event: StoreEvent): void;
}

/** How often a write is tried when others change the same file. */
const attemptsMax = 5;

/** The documents of a store that `config` follows. */
export function makeDocuments(deps: DocumentsDeps): Documents {
  return new StoreDocuments(deps);
}

class StoreDocuments implements Documents {
  readonly #deps: DocumentsDeps;

  constructor(deps: DocumentsDeps) {
    this.#deps = deps;
  }

  get<K extends Kind>(key: DocumentKey & { readonly kind: K }): StoredDocument<K> | null {
    const { config } = this.#deps;
    const document = config.catalog.get(key);
    const entry = config.entryOf(key);
    const status = this.fileStatus(key);
    if (document === null || entry === null || status === null) return null;
    return { key, document, text: entry.text, revision: entry.revision, status };
  }

  list<K extends Kind>({ kind, clusterId, namespace, labels }: DocumentFilter<K>): StoredDocument<K>[] {
    const place = { ...clusterId !== undefined && { clusterId }, ...namespace !== undefined && { namespace } };
    const wanted = Object.entries(labels ?? {});
    return this.#deps.config.catalog.documents(kind, place).flatMap(({ metadata }) => {
      if (!wanted.every(([name, value]) => Object.hasOwn(metadata.labels, name) && metadata.labels[name] === value)) {
        return [];
      }
      return this.get({ kind, clusterId: metadata.clusterId, namespace: metadata.namespace, name: metadata.name })
        ?? [];
    });
  }

  fileStatus(key: DocumentKey) {
    return this.#deps.config.catalog.statusOf(documentPath(key));
  }

  watch: Documents["watch"] = (listener) =>
    this.#deps.config.onDocuments((keys) => {
      for (const key of keys) {
        if (this.get(key) !== null) listener({ type: "put", key });
        else if (this.fileStatus(key) === null) listener({ type: "delete", key });
      }
    });

  async put<K extends Kind>(
    draft: unknown,
    options: PutOptions & { readonly key: DocumentKey & { readonly kind: K } },
  ): Promise<PutOutcome<K>> {
    const { key } = options;
    requireWritable(key);
    const read = options.source === undefined ? null : readYaml(options.source.text);
    const source = read?.ok === true ? read.document : null;
    const completed = completeDraft(draft, key);
    const document = this.#check(key, completed, source);
    return await this.#attempt(key, options.ifMatch !== undefined, async (entry) => {
      requireRevision(key, entry, options.ifMatch);
      const stored = this.get(key);
      this.#requireFree(key, stored, entry);
      if (stored !== null) {
        requireOtherVersion(stored, document, source);
        const { state } = stored.status;
        if (state === "ok" && isDeepStrictEqual(stored.document, document)) return { outcome: "unchanged", stored };
      }
      const template = options.source?.format === "yaml" ? options.source.text : undefined;
      const written = textFor(key, completed, entry, template);
      await this.#write(key, written, entry, options.by);
      const now = this.get(key);
      if (now === null) throw new Error(`Cannot find "${documentPath(key)}" in force right after it was written`);
      return { outcome: entry === null ? "created" : "updated", stored: now };
    });
  }

  async delete(
    key: DocumentKey,
    options: { readonly ifMatch?: string | undefined; readonly by: string },
  ): Promise<"deleted" | "absent"> {
    requireWritable(key);
    return await this.#attempt(key, options.ifMatch !== undefined, async (entry) => {
      if (entry === null && options.ifMatch === undefined) return "absent";
      requireRevision(key, entry, options.ifMatch);
      requireNotManaged(key, this.get(key)?.document ?? null, entry);
      const path = documentPath(key);
      await this.#deps.store.delete(path, entry?.revision);
      this.#deps.apply({ type: "delete", path });
      this.#deps.log.info({ path, by: options.by }, "document deleted by request");
      return "deleted";
    });
  }

  #check(key: DocumentKey, draft: unknown, source: YamlDocument | null): ConfigDocument {
    const { frequencyMinSeconds } = this.#deps;
    const checked = checkDraft(documentPath(key), draft, { key, frequencyMinSeconds }, source ?? noPlaces);
    if (checked.ok) return checked.document;
    const { problems } = checked;
    // Without a text all of them stand at its beginning, and say no more than that.
    const nowhere = problems.map((problem) => ({ ...problem, field: "" }));
    throw invalid(key, source === null ? nowhere : withFields(problems, source.value, source));
  }

  /** @throws DocumentError when another has the name, or only the file may be edited. */
  #requireFree(key: DocumentKey, stored: StoredDocument | null, entry: Entry | null): void {
    const path = documentPath(key);
    const rival = this.#deps.config.catalog.rivalOf(path);
    if (rival !== null) {
      const why = `a name in it differs only in case from "${rival.replace(/\.yaml$/, "")}", which was there before`;
      throw new DocumentError("conflict", `Cannot write "${path}": ${why}`);
    }
    requireNotManaged(key, stored?.document ?? null, entry);
  }

  async #write(key: DocumentKey, text: string, entry: Entry | null, by: string): Promise<void> {
    const { store, log } = this.#deps;
    const path = documentPath(key);
    const revision = await store.put(path, text, entry?.revision ?? null);
    this.#deps.apply({ type: "put", entry: { path, text, revision } });
    log.info({ path, by }, entry === null ? "document created by request" : "document updated by request");
  }

  /**
   * Runs `change` with the file as it is now, and again when somebody changes it meanwhile. What the store has and the
   * watch has not told yet is in force before `change` looks.
   */
  async #attempt<T>(key: DocumentKey, conditional: boolean, change: (entry: Entry | null) => Promise<T>): Promise<T> {
    const path = documentPath(key);
    if (!this.#deps.config.everSynced) throw new DocumentError("unavailable", "the store has not been read yet");
    for (let attempt = 1;; attempt++) {
      try {
        return await change(await this.#fresh(path));
      } catch (error) {
        if (error instanceof RevisionConflictError) {
          if (attempt < attemptsMax) continue;
          const code = conditional ? "precondition-failed" : "conflict";
          throw new DocumentError(code, `Cannot change "${path}": others keep changing it; try again`, {
            cause: error,
          });
        }
        throw asDocumentError(error, path);
      }
    }
  }

  async #fresh(path: string): Promise<Entry | null> {
    const entry = await this.#deps.store.get(path);
    // That a file is gone is for the watch to say, which looks twice: some editors remove a file to write it anew.
    if (entry !== null) this.#deps.apply({ type: "put", entry });
    return entry;
  }
}

function requireWritable(key: DocumentKey): void {
  for (const field of ["clusterId", "namespace", "name"] as const) {
    const problem = nameProblem(key[field]);
    if (problem !== null) throw new DocumentError("invalid", `the ${field} "${key[field]}" ${problem}`);
  }
  if (key.kind !== "Collection") return;
  throw new DocumentError("generated", "Collections are written by the service alone, from metrics and instances");
}

function requireRevision(key: DocumentKey, entry: Entry | null, ifMatch: string | null | undefined): void {
  if (ifMatch === undefined) return;
  const path = documentPath(key);
  if (ifMatch === null ? entry === null : entry !== null && (ifMatch === "*" || ifMatch === entry.revision)) return;
  const why = entry === null
    ? "there is no such document"
    : ifMatch === null
    ? "it exists already"
    : `it is at revision ${entry.revision}, not ${ifMatch}: somebody changed it meanwhile`;
  throw new DocumentError("precondition-failed", `Cannot change "${path}": ${why}`);
}

/** A file that is not in force may say it too; of one that cannot be read its text is taken at its word. */
function requireNotManaged(key: DocumentKey, document: ConfigDocument | null, entry: Entry | null): void {
  const read = entry === null ? null : readYaml(entry.text);
  const stated = read?.ok === true ? read.document.value as Partial<ConfigDocument> : null;
  const annotations = [document?.metadata.annotations, stated?.metadata?.annotations];
  const isManaged = annotations.some((some) => some?.[managedByAnnotation] === "git")
    || (read?.ok === false && /bcs-metric\/managed-by["']?\s*:\s*["']?git\b/.test(entry?.text ?? ""));
  if (!isManaged) return;
  const why = `its annotation ${managedByAnnotation} says that only its file in Git may be edited`;
  throw new DocumentError("managed-by-git", `Cannot change "${documentPath(key)}": ${why}`);
}

function requireOtherVersion(stored: StoredDocument, document: ConfigDocument, source: YamlDocument | null): void {
  const before = stored.document;
  if (before.kind !== "Metric" || document.kind !== "Metric") return;
  if (before.spec.version !== document.spec.version || isDeepStrictEqual(before.spec, document.spec)) return;
  const message = `spec changed but version is still ${document.spec.version}`;
  const place = (source ?? noPlaces).placeOf(["spec", "version"]);
  const problems = [{ path: documentPath(stored.key), ...place, field: "spec.version", message }];
  throw new DocumentError("version-unchanged", `${message}; give it another version`, { problems });
}

function textFor(key: DocumentKey, draft: unknown, entry: Entry | null, template: string | undefined): string {
  try {
    if (entry === null) return template === undefined ? writeDocument(draft) : completeText(template, draft);
    const read = readYaml(entry.text);
    const present = read.ok ? read.document.value : undefined;
    return editDocument(entry.text, withoutNewDefaults(documentSchemas[key.kind], draft, present));
  } catch (error) {
    if (!(error instanceof UnwritableValueError)) throw error;
    throw new DocumentError("invalid", error.message, { cause: error });
  }
}

function invalid(key: DocumentKey, problems: readonly DocumentProblem[]): DocumentError {
  const [first] = problems;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more problems` : "";
  return new DocumentError(
    "invalid",
    `this is no valid ${key.kind}: ${first === undefined ? "" : describeProblem(first)}${more}`,
    { problems },
  );
}

function asDocumentError(error: unknown, path: string): unknown {
  if (error instanceof StoreUnavailableError) {
    return new DocumentError("unavailable", error.message, { cause: error });
  }
  if (error instanceof StorePathError) return new DocumentError("invalid", error.message, { cause: error });
  if (error instanceof UnreadableEntryError) {
    return new DocumentError("conflict", `${error.message}; mend or remove the file first`, { cause: error });
  }
  if (error instanceof EntryTooLargeError) {
    return new DocumentError("invalid", `the document is too large for "${path}": ${error.message}`, { cause: error });
  }
  return error;
}
