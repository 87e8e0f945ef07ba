import { resolve } from "node:path";
import { z } from "zod";
import { type CheckedFile, checkFiles } from "../core/config/check_files.ts";
import { type ConfigProblem, formatProblem, readDocument } from "../core/config/document.ts";
import type { Metadata } from "../core/config/schema.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { findFiles } from "./check.ts";
import { call, type ClientOptions, clientOptions, refusalOf } from "./client.ts";
import type { Output, Verb } from "./group.ts";
import { formatOutput, formatTable, outputOption, printable } from "./output.ts";
import { listPath, type ResourceKind } from "./place.ts";
import { readSource } from "./source.ts";

/** A document that can be sent. */
interface Draft {
  readonly path: string;
  readonly text: string;
  readonly metadata: Metadata;
}

/** What became of a document. */
interface Applied {
  readonly path: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: "created" | "updated" | "unchanged" | "refused";
  /** Why it was refused; "" when it was not. */
  readonly reason: string;
}

/** The lowest frequency is the service's to know, so any is let through to it. */
const anyFrequency = { frequencyMinSeconds: 1 };

/** `apply -f FILE|DIR|-`: checks everything here first, and sends nothing while a problem is left. */
export function applyVerb(kind: ResourceKind): Verb {
  return {
    summary: `create or change ${kind.plural} from files`,
    run: (argv, output) => apply(kind, argv, output),
  };
}

async function apply(kind: ResourceKind, argv: readonly string[], output: Output): Promise<number> {
  const { values, positional } = await readOptions(
    {
      name: `${kind.word} apply`,
      summary:
        `Creates or changes ${kind.plural} as files say, or as standard input does with -. Everything is checked `
        + "before anything is sent; problems are shown as file:line:column.",
      positional: "[FILE|DIR...]",
      options: {
        file: { short: "f", value: "FILE|DIR|-", help: "what to apply", schema: z.string().min(1).optional() },
        output: outputOption,
        ...clientOptions,
      },
    },
    argv,
    process.env,
  );
  const sources = [...values.file === undefined ? [] : [values.file], ...positional];
  if (sources.length === 0) {
    throw new OptionError("Cannot apply nothing: name a file or folder, or - for standard input");
  }
  const { drafts, problems } = await readDrafts(kind, sources);
  for (const problem of problems) output.complain(formatProblem(problem));
  if (problems.length > 0) {
    output.complain("nothing was sent");
    return 1;
  }
  const applied: Applied[] = [];
  for (const draft of drafts) applied.push(await send(kind, draft, values, output));
  output.print(formatOutput(values.output, { applied }, () => appliedTable(applied)));
  return applied.some(({ outcome }) => outcome === "refused") ? 1 : 0;
}

async function readDrafts(
  kind: ResourceKind,
  sources: readonly string[],
): Promise<{ drafts: Draft[]; problems: ConfigProblem[] }> {
  const files: CheckedFile[] = [];
  const problems: ConfigProblem[] = [];
  for (const source of sources) {
    const found = source === "-" ? [{ path: "-", folder: null, problem: null }] : await findFiles(source);
    for (const { path, folder, problem } of found) {
      const read = problem === null ? await readSource(path) : { problem };
      if ("problem" in read) problems.push({ path, line: 1, column: 1, message: read.problem });
      else files.push({ path: nameOf(path), folder, absolutePath: resolve(path), text: read.text });
    }
  }
  problems.push(...checkFiles(files, anyFrequency));
  if (problems.length > 0) return { drafts: [], problems };
  const drafts = files.flatMap((file) => draftOf(kind, file, problems));
  return { drafts, problems };
}

/** In a folder, documents of other kinds are none of this command's business. */
function draftOf(kind: ResourceKind, { path, folder, text }: CheckedFile, problems: ConfigProblem[]): Draft[] {
  const read = readDocument(path, text, { ...anyFrequency, key: null });
  if (!read.ok) {
    problems.push(...read.problems);
    return [];
  }
  const { document } = read;
  if (document.kind === kind.kind) return [{ path, text, metadata: document.metadata }];
  if (folder === null) {
    const message = `its kind is ${document.kind}; this command applies ${kind.plural}`;
    problems.push({ path, ...read.placeOf(["kind"]), message });
  }
  return [];
}

async function send(kind: ResourceKind, draft: Draft, client: ClientOptions, output: Output): Promise<Applied> {
  const { path, text, metadata: { clusterId: cluster, namespace, name } } = draft;
  const answer = await call(client, {
    method: "PUT",
    path: `${listPath(kind, { cluster, namespace })}/${encodeURIComponent(name)}`,
    headers: { "content-type": "application/yaml" },
    body: text,
  });
  const place = { path, cluster, namespace, name };
  if (answer.ok) return { ...place, outcome: outcomeOf(answer.headers, answer.status), reason: "" };
  const { message, problems } = refusalOf(answer);
  for (const problem of problems) output.complain(formatProblem({ path, ...problem }));
  if (problems.length === 0) output.complain(`${printable(path)}: ${message}`);
  return { ...place, outcome: "refused", reason: message };
}

function outcomeOf(headers: Headers, status: number): "created" | "updated" | "unchanged" {
  const told = headers.get("bcs-metric-outcome");
  if (told === "created" || told === "unchanged") return told;
  return status === 201 ? "created" : "updated";
}

function appliedTable(applied: readonly Applied[]): string {
  if (applied.length === 0) return "nothing to apply\n";
  return formatTable([
    { title: "OUTCOME", text: ({ outcome }) => outcome },
    { title: "CLUSTER", text: ({ cluster }) => cluster },
    { title: "NAMESPACE", text: ({ namespace }) => namespace },
    { title: "NAME", text: ({ name }) => name },
    { title: "FROM", text: ({ path }) => path },
  ], applied);
}

function nameOf(path: string): string {
  return path === "-" ? "(standard input)" : path;
}
