import type { z } from "zod";
import { messageOf } from "../errors.ts";
import type { FileSystem } from "../runtime/env.ts";
import { checkSchema, type Issue } from "./issues.ts";
import { readYaml, type YamlDocument } from "./yaml.ts";

/**
 * What a YAML file of an option holds, checked against `schema`.
 *
 * @param cannot Makes the error of why the file cannot be used: why it cannot be read, or everything that is wrong with
 * it as `line:column: field: reason`.
 */
export async function readYamlFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  fs: Pick<FileSystem, "readFile">,
  cannot: (why: string, cause?: unknown) => Error,
): Promise<z.output<Schema>> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path));
  } catch (error) {
    throw cannot(messageOf(error), error);
  }
  const yaml = readYaml(text);
  if (!yaml.ok) throw cannot(yaml.problems.map((one) => `${one.line}:${one.column}: ${one.message}`).join("; "));
  const { value, issues } = checkSchema(schema, yaml.document.value);
  if (value === null) throw cannot(issues.map((issue) => placed(issue, yaml.document)).join("; "));
  return value;
}

function placed({ path, at, message }: Issue, { placeOf, placeOfKey }: YamlDocument): string {
  const { line, column } = (at === "key" ? placeOfKey : placeOf)(path);
  return `${line}:${column}: ${path.length === 0 ? "" : `${path.join(".")}: `}${message}`;
}
