import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { applyVerb } from "./apply.ts";
import { call, clientOptions, refusalOf } from "./client.ts";
import type { Output, Verb } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption } from "./output.ts";
import { findPath, listAll, type ListedDocument, placeOptions, type ResourceKind } from "./place.ts";

/** The verbs that every kind of document has. */
export function resourceVerbs(
  kind: ResourceKind,
  columns: readonly Column<ListedDocument>[],
): Readonly<Record<"list" | "get" | "apply" | "delete", Verb>> {
  return {
    list: {
      summary: `list the ${kind.plural} that are in force`,
      run: (argv, output) => list(kind, columns, argv, output),
    },
    get: {
      summary: `show one ${kind.word}: its file, or what is in force with all defaults`,
      run: (argv, output) => get(kind, argv, output),
    },
    apply: applyVerb(kind),
    delete: {
      summary: `remove one ${kind.word}, by its exact name`,
      run: (argv, output) => remove(kind, argv, output),
    },
  };
}

async function list(
  kind: ResourceKind,
  columns: readonly Column<ListedDocument>[],
  argv: readonly string[],
  output: Output,
): Promise<number> {
  const { values } = await readOptions(
    {
      name: `${kind.word} list`,
      summary: `Lists the ${kind.plural} that are in force.`,
      options: {
        ...placeOptions,
        selector: {
          short: "l",
          value: "SELECTOR",
          help: "only those whose metadata.labels match, such as team=trade,tier!=test",
          schema: z.string().optional(),
        },
        output: outputOption,
        ...clientOptions,
      },
    },
    argv,
    process.env,
  );
  const items = await listAll(values, kind, values, values.selector);
  output.print(formatOutput(values.output, { items }, () => documentTable(columns, items)));
  return 0;
}

/** The clusters are shown only where there are several. */
function documentTable(columns: readonly Column<ListedDocument>[], items: readonly ListedDocument[]): string {
  const clusters = new Set(items.map(({ metadata }) => metadata.clusterId));
  const place: Column<ListedDocument>[] = [
    ...clusters.size > 1 ? [{ title: "CLUSTER", text: (item: ListedDocument) => item.metadata.clusterId }] : [],
    { title: "NAMESPACE", text: ({ metadata }) => metadata.namespace },
    { title: "NAME", text: ({ metadata }) => metadata.name },
  ];
  return formatTable([...place, ...columns, { title: "FILE", text: ({ status }) => status.state }], items);
}

async function get(kind: ResourceKind, argv: readonly string[], output: Output): Promise<number> {
  const { values, positional } = await readOptions(
    {
      name: `${kind.word} get`,
      summary: `Shows one ${kind.word}. Cluster and namespace may be left out where the name is the only one.`,
      positional: "NAME",
      options: {
        ...placeOptions,
        output: {
          value: "yaml|json",
          help: "yaml: the file with its comments; json: what is in force, with all defaults",
          schema: z.enum(["yaml", "json"]).default("yaml"),
        },
        ...clientOptions,
      },
    },
    argv,
    process.env,
  );
  const { path, title } = await findPath(values, kind, values, onlyName(positional));
  const answer = await call(values, { path, headers: { accept: `application/${values.output}` } });
  if (!answer.ok) throw new UserError(`Cannot get ${kind.word} "${title}": ${refusalOf(answer).message}`);
  const state = answer.headers.get("bcs-metric-state");
  if (values.output === "yaml" && state !== null && state !== "ok") {
    output.complain(`${title}: the file is ${state}: what is in force differs; see --output json`);
  }
  const text = values.output === "json" ? JSON.stringify(JSON.parse(answer.text), null, 2) : answer.text;
  output.print(text.endsWith("\n") ? text : `${text}\n`);
  return 0;
}

async function remove(kind: ResourceKind, argv: readonly string[], output: Output): Promise<number> {
  const { values, positional } = await readOptions(
    {
      name: `${kind.word} delete`,
      summary: `Removes one ${kind.word}, without asking. Its name must be the exact one.`,
      positional: "NAME",
      options: { ...placeOptions, ...clientOptions },
    },
    argv,
    process.env,
  );
  const { path, title } = await findPath(values, kind, values, onlyName(positional));
  const answer = await call(values, { method: "DELETE", path });
  if (!answer.ok) throw new UserError(`Cannot delete ${kind.word} "${title}": ${refusalOf(answer).message}`);
  output.print(`deleted ${kind.word} ${title}\n`);
  return 0;
}

/** @throws OptionError for more names than one: two at once would be one too many to delete by accident. */
export function onlyName(positional: readonly string[]): string {
  const [name, ...more] = positional;
  if (name === undefined || more.length > 0) throw new OptionError("Cannot tell what is meant: give one NAME");
  return name;
}
