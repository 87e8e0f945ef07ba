import { z } from "zod";
import { causeMessageOf, UserError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { type OptionValues, readOptions } from "../core/options.ts";
import { delay } from "../core/runtime/delay.ts";
import { runUntilSignal } from "../core/runtime/process.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { printable } from "./output.ts";
import { sampleText } from "./sample_text.ts";

const patterns = (what: string) => ({
  value: "PATTERN[,PATTERN]",
  help: `${what}; * stands for any characters, ? for one`,
  schema: z.string().optional(),
});

const options = {
  name: patterns("of the series"),
  cluster: patterns("only of these clusters"),
  namespace: patterns("only of these namespaces"),
  metric: patterns("only of these Metrics"),
  instance: patterns("only of these instances"),
  pod: patterns("only of these pods"),
  label: {
    value: "NAME=PATTERN[,…]",
    help: "only with these labels, all of them",
    schema: z.string().optional(),
  },
  samplesPerSecond: {
    value: "COUNT",
    help: "most that an exporter shows in a second; what is left out is counted",
    schema: z.coerce.number().int().min(1).max(100_000).default(1000),
  },
  count: { value: "COUNT", help: "end after so many samples", schema: z.coerce.number().int().min(1).optional() },
  exporter: {
    value: "URL[,URL]",
    help: "HTTP address of exporters, such as http://127.0.0.1:7072; by default all that the service knows",
    schema: z.string().optional(),
  },
  output: {
    value: "text|json",
    help: "how to show them: as an exposition would, or as JSON lines",
    schema: z.enum(["text", "json"]).default("text"),
  },
  ...clientOptions,
} as const;

const definition = { name: "tail", summary: "Shows samples as the exporters take them.", options } as const;
type Options = OptionValues<typeof options>;

const againMs = 1000;
/** An exporter sends a line at least every 10 s. */
const silenceMs = 30_000;

const exportersSchema = z.object({
  exporters: z.array(z.looseObject({ ip: z.string(), metric_port: z.number(), scheme: z.string() })),
});
const lineSchema = z.union([
  z.object({
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    value: z.union([z.number(), z.string()]),
    timestampMs: z.number(),
  }),
  z.object({ notice: z.string(), samples: z.number().optional(), scrapes: z.number().optional() }),
]);

/** `bcs-metric tail`: prints samples until Ctrl-C or `--count` of them. Returns the exit code. */
export async function tailCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  return await runUntilSignal((stop) => tail(values, output, stop));
}

/**
 * Prints samples of all exporters until `stop`, or `count` of them. One that goes away is asked again and again.
 * @throws UserError when no exporter is known, or one refuses.
 */
export async function tail(values: Options, output: Output, stop: AbortSignal): Promise<void> {
  const urls = values.exporter === undefined ? await knownExporters(values) : list(values.exporter);
  const enough = new AbortController();
  const signal = AbortSignal.any([stop, enough.signal]);
  let left = values.count ?? Infinity;
  const show = (line: string, from: string) => {
    const shown = left > 0 ? readLine(line, from, values.output) : null;
    if (shown === null) return;
    if (shown.isNotice) return output.complain(shown.text);
    output.print(`${shown.text}\n`);
    if (--left === 0) enough.abort();
  };
  await Promise.all(urls.map((url) => follow(url, values, show, output, signal).finally(() => enough.abort())));
}

/** Follows one exporter until the signal. */
async function follow(
  url: string,
  values: Options,
  show: (line: string, from: string) => void,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await readTail(url, values, show, signal);
      if (!signal.aborted) output.complain(`${url} has ended the stream; asking again`);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof UserError) throw error;
      output.complain(`Cannot follow ${url}: ${causeMessageOf(error)}; asking again`);
    }
    await delay(againMs, signal);
  }
}

/** @throws UserError when the exporter refuses. */
async function readTail(
  url: string,
  values: Options,
  show: (line: string, from: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const silent = new AbortController();
  const headers: Record<string, string> = values.token === "" ? {} : { authorization: `Bearer ${values.token}` };
  const answer = await fetch(tailUrl(url, values), {
    headers,
    redirect: "error",
    signal: AbortSignal.any([signal, silent.signal]),
  });
  if (answer.status === 503) throw new Error("it is starting");
  if (!answer.ok || answer.body === null) {
    throw new UserError(
      `Cannot follow ${url}: HTTP ${answer.status} ${printable((await answer.text()).slice(0, 500))}`,
    );
  }
  let rest = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  };
  listen();
  try {
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      listen();
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") show(line, url);
    }
  } finally {
    clearTimeout(timer);
  }
}

function tailUrl(base: string, values: Options): URL {
  const url = new URL(`${base.replace(/\/+$/, "")}/v1/tail`);
  for (const name of ["name", "cluster", "namespace", "metric", "instance", "pod", "label"] as const) {
    for (const pattern of list(values[name] ?? "")) url.searchParams.append(name, pattern);
  }
  url.searchParams.set("samplesPerSecond", String(values.samplesPerSecond));
  return url;
}

async function knownExporters(values: Options): Promise<string[]> {
  const { exporters } = await getJson(values, "/v1/exporters", {}, exportersSchema);
  if (exporters.length === 0) {
    throw new UserError(
      `Cannot find an exporter: the service at ${values.server} knows none; name one with --exporter`,
    );
  }
  return exporters.map(({ scheme, ip, metric_port }) =>
    `${scheme}://${ip.includes(":") ? `[${ip}]` : ip}:${metric_port}`
  );
}

function readLine(line: string, from: string, format: Options["output"]): { text: string; isNotice: boolean } | null {
  const read = lineSchema.safeParse(parseJson(line));
  if (!read.success) return null;
  if ("notice" in read.data) {
    const { notice, samples, scrapes } = read.data;
    const count = samples === undefined ? `${scrapes ?? 0} scrapes` : `${samples} samples`;
    return { text: `${from}: ${printable(notice)} (${count})`, isNotice: true };
  }
  if (format === "json") return { text: line, isNotice: false };
  const time = new Date(read.data.timestampMs).toISOString();
  return { text: printable(`${time} ${sampleText(read.data)}`), isNotice: false };
}

function list(text: string): string[] {
  return text.split(",").map((one) => one.trim()).filter((one) => one !== "");
}
