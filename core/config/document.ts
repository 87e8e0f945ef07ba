import { checkSchema, type Issue, valueAt } from "./issues.ts";
import { type DocumentKey, readPath } from "./key.ts";
import { nameProblem } from "./names.ts";
import { type ConfigDocument, documentSchemas, frequencySecondsDefault, type Kind, kindFolders } from "./schema.ts";
import { suggestion } from "./suggest.ts";
import { byPlace, type Place, readYaml, yamlBytesMax, type YamlDocument, type YamlPath } from "./yaml.ts";

/** Lowest frequency, in seconds, unless the operator lowers it with `--frequency-min`. */
export const frequencyMinSecondsDefault = 60;

/** Largest generated document: one collector's share of a big namespace outgrows what a user writes by hand. */
export const generatedBytesMax = 16 * 1024 * 1024;

/** Problems told of one file; a file that is wrong throughout needs no longer list. */
const problemsMax = 100;

/** Something wrong in a file. Line and column count from 1. */
export interface ConfigProblem extends Place {
  readonly path: string;
  readonly message: string;
}

export interface DocumentOptions {
  /** Lowest frequency of a Metric, in seconds. */
  readonly frequencyMinSeconds: number;
  /**
   * What the file's place says that it holds. By default it is read from `path`, which then has to be a document's;
   * null when the place says nothing, so that it is not compared.
   */
  readonly key?: DocumentKey | null;
}

export type DocumentResult =
  | { readonly ok: true; readonly document: ConfigDocument; readonly placeOf: (path: YamlPath) => Place }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads a configuration document and checks it whole: the YAML, the schema of its kind, the minimum frequency, the
 * timeout against the frequency, and its metadata against `path`.
 * All problems of a well-formed text are returned at once, by place, up to a hundred.
 */
export function readDocument(path: string, text: string, options: DocumentOptions): DocumentResult {
  const place = placeOfFile(path, options.key);
  const yaml = readYaml(text, place.key?.kind === "Collection" ? generatedBytesMax : yamlBytesMax);
  if (!yaml.ok) return refused(path, [...place.problems, ...yaml.problems]);
  const { value, ...places } = yaml.document;
  return check(path, value, { ...options, key: place.key }, places, place.problems);
}

/** Where the values and keys of a document stand in the text that it was read from. */
export type DocumentPlaces = Pick<YamlDocument, "placeOf" | "placeOfKey">;

/** What was not read from a text begins at its first line. */
export const noPlaces: DocumentPlaces = {
  placeOf: () => ({ line: 1, column: 1 }),
  placeOfKey: () => ({ line: 1, column: 1 }),
};

/** As {@link readDocument}, for what has been read from YAML or JSON already. */
export function checkDraft(
  path: string,
  draft: unknown,
  options: DocumentOptions & { readonly key: DocumentKey | null },
  places: DocumentPlaces = noPlaces,
): DocumentResult {
  return check(path, draft, options, places, []);
}

/** `path:line:column: message`, as compilers write it. */
export function formatProblem(problem: ConfigProblem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`;
}

interface PlaceOfFile {
  readonly key: DocumentKey | null;
  readonly problems: readonly (Place & { message: string })[];
}

function placeOfFile(path: string, key: DocumentKey | null | undefined): PlaceOfFile {
  if (key !== undefined) return { key, problems: [] };
  const read = readPath(path);
  if (read.ok) return { key: read.key, problems: [] };
  return { key: null, problems: [{ line: 1, column: 1, message: read.problem }] };
}

function refused(path: string, problems: readonly (Place & { readonly message: string })[]): DocumentResult {
  const sorted = problems.toSorted(byPlace).map(({ line, column, message }) => ({ path, line, column, message }));
  if (sorted.length <= problemsMax) return { ok: false, problems: sorted };
  const shown = sorted.slice(0, problemsMax);
  const last = shown.at(-1) ?? { line: 1, column: 1 };
  const message = `${sorted.length - problemsMax} more problems follow`;
  return { ok: false, problems: [...shown, { path, line: last.line, column: last.column, message }] };
}

function locate(issue: Issue, places: DocumentPlaces): Place {
  return issue.at === "key" ? places.placeOfKey(issue.path) : places.placeOf(issue.path);
}

function check(
  path: string,
  value: unknown,
  options: DocumentOptions & { readonly key: DocumentKey | null },
  places: DocumentPlaces,
  problems: PlaceOfFile["problems"],
): DocumentResult {
  const { document, issues } = checkDocument(value, options.key, options.frequencyMinSeconds);
  if (document !== null && issues.length === 0 && problems.length === 0) {
    return { ok: true, document, placeOf: places.placeOf };
  }
  const located = issues.map((issue) => ({ ...locate(issue, places), message: issue.message }));
  return refused(path, [...problems, ...located]);
}

function checkDocument(
  value: unknown,
  key: DocumentKey | null,
  frequencyMinSeconds: number,
): { document: ConfigDocument | null; issues: readonly Issue[] } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const message = "must be a mapping with apiVersion, kind, metadata and spec";
    return { document: null, issues: [{ path: [], at: "value", message }] };
  }
  const stated = valueAt(value, ["kind"]);
  const kind = isKind(stated) ? stated : null;
  // A file of an unknown kind is read as what its folder holds, so that its other problems show at once.
  const assumed = kind ?? key?.kind ?? null;
  const checked = assumed === null
    ? { value: null, issues: [] }
    : checkSchema(documentSchemas[assumed], value);
  const issues = checked.issues.filter((issue) => kind !== null || issue.path[0] !== "kind");
  if (kind === null) issues.push(kindIssue(stated));
  if (kind === "Metric") issues.push(...timingIssues(value, frequencyMinSeconds));
  if (key !== null) issues.push(...placementIssues(value, kind, key));
  return { document: checked.value, issues };
}

function isKind(value: unknown): value is Kind {
  return typeof value === "string" && Object.hasOwn(kindFolders, value);
}

function kindIssue(stated: unknown): Issue {
  const kinds = Object.keys(kindFolders);
  if (stated === undefined) return { path: ["kind"], at: "value", message: `missing key "kind"` };
  const message = typeof stated === "string"
    ? `unknown kind "${stated}"${suggestion(stated, kinds) || `; the kinds are ${kinds.join(", ")}`}`
    : `must be one of ${kinds.join(", ")}`;
  return { path: ["kind"], at: "value", message };
}

/** What is wrong with the frequency and the timeout of a Metric's document. */
export function timingIssues(value: unknown, frequencyMinSeconds: number): Issue[] {
  const issues: Issue[] = [];
  const frequency = valueAt(value, ["spec", "frequency"]) ?? frequencySecondsDefault;
  const timeout = valueAt(value, ["spec", "timeout"]);
  if (typeof frequency !== "number") return issues;
  if (Number.isInteger(frequency) && frequency >= 1 && frequency < frequencyMinSeconds) {
    const message = `frequency ${frequency} is below the minimum of ${frequencyMinSeconds} seconds, `
      + `which the operator lowers with --frequency-min`;
    issues.push({ path: ["spec", "frequency"], at: "value", message });
  }
  if (typeof timeout === "number" && timeout > frequency) {
    const message = `timeout ${timeout} is longer than the frequency of ${frequency} seconds`;
    issues.push({ path: ["spec", "timeout"], at: "value", message });
  }
  return issues;
}

function placementIssues(value: unknown, kind: Kind | null, key: DocumentKey): Issue[] {
  const issues: Issue[] = [];
  if (kind !== null && kind !== key.kind) {
    const message = `file says kind ${kind} but its path says ${key.kind}: `
      + `a ${kind} belongs in a folder "${kindFolders[kind]}"`;
    issues.push({ path: ["kind"], at: "value", message });
  }
  for (const field of ["clusterId", "namespace", "name"] as const) {
    const stated = valueAt(value, ["metadata", field]);
    if (typeof stated !== "string" || stated === key[field] || nameProblem(stated) !== null) continue;
    const message = `file says ${field} ${stated} but its path says ${key[field]}`;
    issues.push({ path: ["metadata", field], at: "value", message });
  }
  return issues;
}
