import { z } from "zod";
import { suggestion } from "./suggest.ts";
import type { YamlPath } from "./yaml_tree.ts";

/** What is wrong at a value of a document, and whether it shows at the value or at its key. */
export interface Issue {
  readonly path: YamlPath;
  readonly at: "key" | "value";
  readonly message: string;
}

/** Checks `value` against `schema` and says in plain words what is wrong; no issues when nothing is. */
export function checkSchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { readonly value: z.output<Schema> | null; readonly issues: readonly Issue[] } {
  const result = schema.safeParse(value, { error: describe });
  if (result.success) return { value: result.data, issues: [] };
  return { value: null, issues: result.error.issues.flatMap((issue) => issuesOf(issue, schema, value)) };
}

/** The value at `path`, or undefined when there is none. */
export function valueAt(value: unknown, path: YamlPath): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}

function issuesOf(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): Issue[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({ path: [...issue.path, key], at: "key", message: unknownKey(key, known) }));
  }
  if (issue.code === "invalid_key") {
    const reason = issue.issues[0]?.message ?? "is not allowed";
    return [{ path: issue.path, at: "key", message: `key "${String(issue.path.at(-1))}" ${reason}` }];
  }
  const key = issue.path.at(-1);
  if (key !== undefined && valueAt(value, issue.path) === undefined) {
    return [{ path: issue.path, at: "value", message: `missing key "${String(key)}"` }];
  }
  return [{ path: issue.path, at: "value", message: issue.message }];
}

function unknownKey(key: string, known: readonly string[]): string {
  if (key === "<<") return "merge keys (<<) are not supported; write the values out";
  return `unknown key "${key}"${suggestion(key, known)}`;
}

/** The keys that the mapping at `path` may have; none when they are free. */
function keysAt(schema: z.ZodType, path: YamlPath): readonly string[] {
  let current: unknown = unwrap(schema);
  for (const key of path) {
    if (current instanceof z.ZodObject) current = unwrap(current.shape[String(key)]);
    else if (current instanceof z.ZodArray) current = unwrap(current.element);
    else if (current instanceof z.ZodRecord) current = unwrap(current.valueType);
    else return [];
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let current = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault) {
    current = current.unwrap();
  }
  return current;
}

/** Words for zod's own issues; a message that the schema states itself goes before it. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") return describeType(issue.expected, issue.input);
  if (issue.code === "invalid_value") {
    const values = issue.values.map((value) => JSON.stringify(value));
    if (values.length === 1) return `must be ${values[0]}`;
    const near = typeof issue.input === "string" ? suggestion(issue.input, issue.values.map(String)) : "";
    return `must be one of ${values.join(", ")}${near}`;
  }
  if (issue.code === "too_small") {
    return issue.origin === "string"
      ? "must not be empty"
      : `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
  }
  return issue.code === "too_big" ? `must be at most ${issue.maximum}` : undefined;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
};

function describeType(expected: string, input: unknown): string {
  return `must be ${typeNames[expected] ?? expected}, not ${describeInput(expected, input)}`;
}

function describeInput(expected: string, input: unknown): string {
  if (input === null) return "nothing";
  if (Array.isArray(input)) return "a list";
  if (expected === "string" && typeof input !== "object") return `a ${typeof input}; put it in quotes`;
  const isNumber = typeof input === "string" && /^[+-]?\d+(\.\d+)?$/.test(input);
  if (isNumber && (expected === "number" || expected === "int")) return "text; remove the quotes";
  if (expected === "int" && typeof input === "number") return "a number with a fraction";
  return typeNames[typeof input] ?? typeof input;
}
