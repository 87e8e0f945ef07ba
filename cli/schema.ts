import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { jsonSchemaOf } from "../core/config/json_schema.ts";
import { type Kind, kindFolders } from "../core/config/schema.ts";
import { closest } from "../core/config/suggest.ts";
import { UserError } from "../core/errors.ts";
import { readOptions } from "../core/options.ts";

const definition = {
  name: "schema",
  summary: "Prints the JSON Schemas of the configuration files, all of them or that of one kind, such as Metric.",
  positional: "[KIND]",
  options: {
    write: {
      value: "DIR",
      help: "write them to DIR instead, as metric.json and so on",
      schema: z.string().min(1).optional(),
    },
  },
} as const;

const kinds = Object.keys(kindFolders) as Kind[];

/**
 * `schema [KIND] [--write DIR]`: prints one JSON Schema, or an object with one for each kind; or writes them as files.
 * @throws UserError for a kind that there is not.
 */
export async function schemaCommand(argv: readonly string[]): Promise<number> {
  const { values, positional } = await readOptions(definition, argv, process.env);
  const asked = positional[0];
  const chosen = asked === undefined ? kinds : [kindNamed(asked)];
  if (values.write !== undefined) {
    await mkdir(values.write, { recursive: true });
    for (const kind of chosen) {
      await writeFile(join(values.write, `${kindFolders[kind]}.json`), formatSchema(jsonSchemaOf(kind)));
    }
    return 0;
  }
  const [only] = chosen;
  const printed = asked === undefined || only === undefined
    ? Object.fromEntries(kinds.map((kind) => [kind, jsonSchemaOf(kind)]))
    : jsonSchemaOf(only);
  process.stdout.write(formatSchema(printed));
  return 0;
}

function kindNamed(text: string): Kind {
  const kind = kinds.find((one) => one.toLowerCase() === text.toLowerCase());
  if (kind !== undefined) return kind;
  const near = closest(text, kinds);
  const hint = near === null ? `the kinds are ${kinds.join(", ")}` : `did you mean ${near}?`;
  throw new UserError(`Cannot print the schema of "${text}": there is no such kind; ${hint}`);
}

function formatSchema(schema: unknown): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
