import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf, UserError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { readOptions } from "../core/options.ts";
import { call, type ClientOptions, clientOptions, readJson } from "./client.ts";
import { type Output, runGroup, terminal } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption, printable } from "./output.ts";

const common = {
  output: outputOption,
  exporter: {
    value: "URL",
    help: "the running exporter to ask",
    schema: z.url({ protocol: /^https?$/, error: "must be a URL, such as http://127.0.0.1:7072" })
      .default("http://127.0.0.1:7072"),
  },
  token: clientOptions.token,
  sink: { value: "NAME", help: "the sink", schema: z.string().min(1) },
} as const;

const shown = {
  ...common,
  data: {
    value: "DIR",
    help: "read the files in this data folder of an exporter instead of asking it",
    schema: z.string().min(1).optional(),
  },
} as const;

const letterSchema = z.looseObject({ rejectedMs: z.number(), reason: z.string(), timestampMs: z.number() });
type Letter = z.output<typeof letterSchema>;
const listSchema = z.object({ total: z.number(), letters: z.array(letterSchema) });
const tally = z.object({ entries: z.number(), samples: z.number() });
const resentSchema = z.object({ delivered: tally, rejected: tally, left: tally, reason: z.string().nullable() });
const refusal = z.object({ error: z.string() });
const pageLetters = 1000;

/** `bcs-metric dead-letters`: what a sink's destination refused for good. */
export async function deadLettersCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const summary = "What the destination of a sink refused for good.";
  return await runGroup("dead-letters", summary, { list, show, resend }, argv, output);
}

const list = {
  summary: "one line for each, with the reason",
  async run(argv: readonly string[], output: Output): Promise<number> {
    const definition = { name: "dead-letters list", summary: "Lists the dead letters of a sink.", options: shown };
    const { values } = await readOptions(definition, argv, process.env);
    const letters = await lettersOf(values);
    output.print(formatOutput(values.output, { letters }, () => formatTable(columns, letters)));
    return 0;
  },
};

const show = {
  summary: "all of them, as JSON lines",
  async run(argv: readonly string[], output: Output): Promise<number> {
    const definition = { name: "dead-letters show", summary: "Prints the dead letters of a sink.", options: shown };
    const { values } = await readOptions(definition, argv, process.env);
    const letters = await lettersOf(values);
    output.print(letters.map((letter) => `${JSON.stringify(letter)}\n`).join(""));
    return 0;
  },
};

const resend = {
  summary: "send them again through the running exporter; exit code 1 when some stay",
  async run(argv: readonly string[], output: Output): Promise<number> {
    const definition = { name: "dead-letters resend", summary: "Sends dead letters again.", options: common };
    const { values } = await readOptions(definition, argv, process.env);
    const path = `/v1/dead-letters/${encodeURIComponent(values.sink)}/resend`;
    const result = await ask(values, "POST", path, resentSchema);
    output.print(formatOutput(values.output, result, () => {
      const { delivered, rejected, left } = result;
      return `${delivered.entries} delivered, ${rejected.entries} refused again, ${left.entries} left\n`;
    }));
    if (result.reason !== null) output.complain(`bcs-metric: ${printable(result.reason)}`);
    return result.rejected.entries + result.left.entries === 0 ? 0 : 1;
  },
};

const columns: readonly Column<Letter>[] = [
  { title: "REJECTED", text: ({ rejectedMs }) => new Date(rejectedMs).toISOString() },
  { title: "SCRAPED", text: ({ timestampMs }) => new Date(timestampMs).toISOString() },
  { title: "FROM", text: fromOf },
  { title: "REASON", text: ({ reason }) => reason },
];

function fromOf({ origin }: Letter): string {
  const read = z.looseObject({ namespace: z.string(), name: z.string(), sequence: z.number() }).safeParse(origin);
  return read.success ? `${read.data.namespace}/${read.data.name}#${read.data.sequence}` : "";
}

interface Place {
  readonly exporter: string;
  readonly token: string;
  readonly sink: string;
  readonly data?: string | undefined;
}

async function lettersOf(place: Place): Promise<Letter[]> {
  if (place.data !== undefined) return await readLetters(place.data, place.sink);
  const letters: Letter[] = [];
  for (;;) {
    const path = `/v1/dead-letters/${encodeURIComponent(place.sink)}?limit=${pageLetters}&offset=${letters.length}`;
    const page = await ask(place, "GET", path, listSchema);
    letters.push(...page.letters);
    if (page.letters.length === 0 || letters.length >= page.total) return letters;
  }
}

async function ask<Schema extends z.ZodType>(
  { exporter, token }: Place,
  method: "GET" | "POST",
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const options: ClientOptions = { server: exporter, token };
  const [pathname = "", search = ""] = path.split("?");
  const query = Object.fromEntries(new URLSearchParams(search));
  const answer = await call(options, { method, path: pathname, query, timeoutMs: 600_000 });
  if (answer.ok) return readJson(answer, exporter + path, schema);
  const told = refusal.safeParse(parseJson(answer.text));
  throw new UserError(`Cannot ask ${exporter}: ${told.success ? printable(told.data.error) : `HTTP ${answer.status}`}`);
}

/** Those of an interrupted resend first, as the exporter would send them. */
async function readLetters(dataDir: string, sink: string): Promise<Letter[]> {
  if (!/^[\w.-]+$/.test(sink)) {
    throw new UserError(`Cannot read dead letters of "${printable(sink)}": no name of a sink`);
  }
  const letters: Letter[] = [];
  for (const suffix of [".resend.jsonl", ".jsonl"]) {
    const path = join(dataDir, "dead-letter", sink + suffix);
    let text = "";
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (!isMissing) throw new UserError(`Cannot read "${path}": ${messageOf(error)}`, { cause: error });
    }
    for (const line of text.split("\n").slice(0, -1)) {
      const read = letterSchema.safeParse(parseJson(line));
      if (read.success) letters.push(read.data);
    }
  }
  return letters;
}
