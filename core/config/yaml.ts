import { constructFromEvents, CORE_SCHEMA, type Event, EVENT_ID, parseEvents, YAMLException } from "js-yaml";
import { Buffer } from "node:buffer";
import { type Place, type YamlPath, YamlTree } from "./yaml_tree.ts";

export type { Place, YamlPath } from "./yaml_tree.ts";

/** Largest YAML text that is read, unless the caller allows more. */
export const yamlBytesMax = 1024 * 1024;

/** Deepest nesting of mappings and sequences; our documents need a quarter of it. */
const depthMax = 40;

/** The tags of the YAML core schema. Any other could only mean something to another program. */
const coreTags = new Set(["!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map"]);

export interface YamlProblem extends Place {
  readonly message: string;
}

export interface YamlDocument {
  readonly value: unknown;
  /** Where the value at `path` begins; the nearest mapping or sequence around it when there is no such value. */
  readonly placeOf: (path: YamlPath) => Place;
  /** Where the key of the value at `path` begins; for an item of a sequence, the item itself. */
  readonly placeOfKey: (path: YamlPath) => Place;
}

export type YamlResult =
  | { readonly ok: true; readonly document: YamlDocument }
  | { readonly ok: false; readonly problems: readonly YamlProblem[] };

/**
 * Reads one YAML 1.2 document (core schema), as plain objects, arrays, strings, numbers, booleans and nulls.
 * Refused with their place: syntax errors, duplicate keys, an empty file, more than one document, anchors and
 * aliases, tags outside the core schema, directives, nesting deeper than 40, and texts above `bytesMax`
 * (1 MiB by default). Lines and columns count from 1, columns in UTF-16 code units, as editors do.
 */
export function readYaml(text: string, bytesMax: number = yamlBytesMax): YamlResult {
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) return refuse(`the file has ${bytes} bytes; at most ${bytesMax} are read`);
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: depthMax });
  } catch (error) {
    return { ok: false, problems: [problemOf(error, new YamlTree(text, []))] };
  }
  const tree = new YamlTree(text, events);
  const documents = events.filter((event) => event.type === EVENT_ID.DOCUMENT).length;
  if (documents === 0) return refuse("the file is empty");
  if (documents > 1) {
    const message = "a second document begins here; a file holds one";
    return { ok: false, problems: [{ ...tree.placeOfSecondDocument(), message }] };
  }
  const problems = events.flatMap((event) => refusedFeatures(event, text, tree));
  const value = construct(events, text, tree, problems);
  if (problems.length > 0) return { ok: false, problems: problems.toSorted(byPlace) };
  if (value === null) return refuse("the file is empty");
  return {
    ok: true,
    document: { value, placeOf: (path) => tree.placeOf(path), placeOfKey: (path) => tree.placeOfKey(path) },
  };
}

/** Orders by line, then column. */
export function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}

function refuse(message: string): YamlResult {
  return { ok: false, problems: [{ line: 1, column: 1, message }] };
}

/** Builds the value, or adds the problems that stand in its way; all duplicate keys are named, not only the first. */
function construct(events: Event[], text: string, tree: YamlTree, problems: YamlProblem[]): unknown {
  try {
    return constructFromEvents(events, { source: text, schema: CORE_SCHEMA, maxAliases: 0 })[0] ?? null;
  } catch (error) {
    const found = tree.keyProblems().map(({ offset, message }) => ({ ...tree.placeAt(offset), message }));
    if (found.length > 0) problems.push(...found);
    else if (problems.length === 0) problems.push(problemOf(error, tree));
    return null;
  }
}

function problemOf(error: unknown, tree: YamlTree): YamlProblem {
  if (!(error instanceof YAMLException)) throw error;
  return { ...tree.placeAt(error.mark?.position ?? 0), message: plainerReasons[error.reason] ?? error.reason };
}

/** The parser's reasons that do not tell a user what to look for. */
const plainerReasons: Readonly<Record<string, string>> = {
  "deficient indentation": "this line is not indented enough; is a quotation mark or bracket before it left open?",
};

function refusedFeatures(event: Event, text: string, tree: YamlTree): YamlProblem[] {
  switch (event.type) {
    case EVENT_ID.ALIAS:
      return [{ ...tree.placeAt(event.anchorStart - 1), message: "aliases are not supported; write the value out" }];
    case EVENT_ID.DOCUMENT:
      return event.directives.length === 0 ? [] : [{ line: 1, column: 1, message: "directives are not supported" }];
    case EVENT_ID.POP:
      return [];
    case EVENT_ID.SCALAR:
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING: {
      const problems: YamlProblem[] = [];
      if (event.anchorStart >= 0) {
        problems.push({ ...tree.placeAt(event.anchorStart - 1), message: "anchors are not supported" });
      }
      const tag = event.tagStart < 0 ? "" : text.slice(event.tagStart, event.tagEnd);
      if (tag !== "" && !coreTags.has(tag)) {
        problems.push({ ...tree.placeAt(event.tagStart), message: `tag ${tag} is not supported` });
      }
      return problems;
    }
    default:
      return event satisfies never;
  }
}
