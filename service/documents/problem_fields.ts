import type { ConfigProblem, DocumentPlaces } from "../../core/config/document.ts";
import type { Place, YamlPath } from "../../core/config/yaml.ts";

/** Something wrong in a document, for people who look at the text, and for programs that made it. */
export interface DocumentProblem extends ConfigProblem {
  /** Such as `spec.pods[0].port`; "" for the document itself, or when it is not known. */
  readonly field: string;
}

/** Names the field of each problem, which knows only its place in the text that `value` was read from. */
export function withFields(
  problems: readonly ConfigProblem[],
  value: unknown,
  places: DocumentPlaces,
): DocumentProblem[] {
  const fields = new Map<string, string>();
  const visit = (path: YamlPath, field: string, at: unknown) => {
    // A mapping begins where its first key stands: the deeper one is set last.
    for (const place of [places.placeOf(path), places.placeOfKey(path)]) fields.set(textOf(place), field);
    if (typeof at !== "object" || at === null) return;
    for (const [key, inner] of Object.entries(at)) {
      const isItem = Array.isArray(at);
      visit([...path, isItem ? Number(key) : key], fieldOf(field, key, isItem), inner);
    }
  };
  if (problems.length > 0) visit([], "", value);
  return problems.map((problem) => ({ ...problem, field: fields.get(textOf(problem)) ?? "" }));
}

/** `spec.port must be at most 65535`, or `spec: missing key "uri"`. */
export function describeProblem({ field, message }: Pick<DocumentProblem, "field" | "message">): string {
  if (field === "") return message;
  return /^(must|is) /.test(message) ? `${field} ${message}` : `${field}: ${message}`;
}

function fieldOf(parent: string, key: string, isItem: boolean): string {
  if (isItem) return `${parent}[${key}]`;
  return parent === "" ? key : `${parent}.${key}`;
}

function textOf({ line, column }: Place): string {
  return `${line}:${column}`;
}
