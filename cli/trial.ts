import { z } from "zod";
import { formatProblem, readDocument } from "../core/config/document.ts";
import { UserError } from "../core/errors.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { call, clientOptions, readJson, refusalOf } from "./client.ts";
import type { Output, Verb } from "./group.ts";
import { formatOutput, outputOption, printable } from "./output.ts";
import { findPath, listPath, placeOptions, type ResourceKind } from "./place.ts";
import { onlyName } from "./resource.ts";
import { sampleText } from "./sample_text.ts";
import { readSource } from "./source.ts";

/** A trial may take 10 s itself. */
const timeoutMs = 20_000;

const trialSchema = z.looseObject({
  ok: z.boolean(),
  target: z.object({ address: z.string(), pod: z.string() }),
  targets: z.number(),
  request: z.object({ method: z.string(), url: z.string() }),
  status: z.number(),
  contentType: z.string(),
  durationMs: z.number(),
  bodyBytes: z.number(),
  samples: z.number(),
  series: z.number(),
  families: z.number(),
  duplicates: z.number(),
  first: z.array(z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    value: z.union([z.number(), z.string()]),
  })),
  problems: z.array(z.string()),
  error: z.object({ message: z.string(), line: z.number().optional(), column: z.number().optional() }).nullable(),
  note: z.string(),
});
type Trial = z.output<typeof trialSchema>;

/** `metric trial NAME` or `metric trial -f FILE`: one scrape now, made by the service. */
export function trialVerb(kind: ResourceKind): Verb {
  return {
    summary: "scrape one instance now, as saved or as a file says",
    run: (argv, output) => trial(kind, argv, output),
  };
}

async function trial(kind: ResourceKind, argv: readonly string[], output: Output): Promise<number> {
  const { values, positional } = await readOptions(
    {
      name: "metric trial",
      summary:
        "Scrapes one instance of a metric now: the metric called NAME as it is in force, or the draft in a file, "
        + "before it is saved. The exit code is 1 when a collector's scrape of the same would fail.",
      positional: "[NAME]",
      options: {
        file: { short: "f", value: "FILE|-", help: "a draft of the metric", schema: z.string().min(1).optional() },
        pod: { value: "POD", help: "the instance; the first by default", schema: z.string().min(1).optional() },
        address: { value: "HOST:PORT", help: "the instance, by its address", schema: z.string().min(1).optional() },
        ...placeOptions,
        output: outputOption,
        ...clientOptions,
      },
    },
    argv,
    process.env,
  );
  const { pod, address } = values;
  const draft = values.file === undefined ? null : await readDraft(kind, values.file, positional, output);
  if (draft === undefined) return 1;
  const { path, title } = draft ?? await findPath(values, kind, values, onlyName(positional));
  const answer = await call(values, {
    method: "POST",
    path: `${path}/trial`,
    query: { pod, address },
    timeoutMs,
    ...(draft === null ? {} : { body: draft.text, headers: { "content-type": "application/yaml" } }),
  });
  if (!answer.ok) {
    const { message, problems } = refusalOf(answer);
    for (const problem of problems) output.complain(formatProblem({ path: values.file ?? "-", ...problem }));
    throw new UserError(`Cannot try ${kind.word} "${title}": ${message}`);
  }
  const result = readJson(answer, path, trialSchema);
  output.print(formatOutput(values.output, result, () => trialText(result)));
  return result.ok ? 0 : 1;
}

/** Undefined after its problems were told. */
async function readDraft(kind: ResourceKind, file: string, positional: readonly string[], output: Output) {
  if (positional.length > 0) throw new OptionError("Cannot try both: give a NAME or a --file, which says its own name");
  const source = await readSource(file);
  if ("problem" in source) throw new UserError(`Cannot read "${file}": ${source.problem}`);
  const read = readDocument(file, source.text, { frequencyMinSeconds: 1, key: null });
  if (!read.ok) {
    for (const problem of read.problems) output.complain(formatProblem(problem));
    return undefined;
  }
  if (read.document.kind !== kind.kind) throw new UserError(`Cannot try "${file}": its kind is ${read.document.kind}`);
  const { clusterId: cluster, namespace, name } = read.document.metadata;
  const path = `${listPath(kind, { cluster, namespace })}/${encodeURIComponent(name)}`;
  return { path, title: `${cluster}/${namespace}/${name}`, text: source.text };
}

function trialText(result: Trial): string {
  const { target, request, error, note } = result;
  const pod = target.pod === "" ? "" : ` (pod ${target.pod})`;
  const size = `${result.samples} samples, ${result.series} series, ${result.families} families`;
  const lines: [string, string][] = [
    ["target", `${target.address}${pod}, one of ${result.targets}`],
    ["request", `${request.method} ${request.url}`],
    [
      "answer",
      result.status === 0 ? "none" : `HTTP ${result.status}, ${result.bodyBytes} bytes, ${result.contentType}`,
    ],
    ["took", `${Math.round(result.durationMs)} ms`],
    ["brought", result.duplicates === 0 ? size : `${size}, ${result.duplicates} duplicates`],
    ...result.problems.map((problem): [string, string] => ["limit", problem]),
    ...(error === null ? [] : [["error", error.message] as [string, string]]),
    ...(note === "" ? [] : [["note", note] as [string, string]]),
    ["result", result.ok ? "a collector's scrape would be up" : "a collector's scrape would fail"],
  ];
  const facts = lines.map(([name, text]) => `${name.padEnd(9)}${printable(text)}\n`).join("");
  const samples = result.first.map((sample) => `  ${printable(sampleText(sample))}\n`).join("");
  return samples === "" ? facts : `${facts}first samples:\n${samples}`;
}
