import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { FileMissingError, type FileSystem } from "../core/runtime/env.ts";
import { systemFileSystem } from "../core/runtime/system_fs.ts";
import { type Output, runGroup, terminal } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption, printable } from "./output.ts";

interface Origin {
  readonly epoch: bigint;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
}

interface ByteRange {
  readonly offset: number;
  readonly end: number;
}

interface SegmentSummary {
  readonly file: string;
  readonly bytes: number;
  readonly createdMs: number | null;
  readonly startEntry: number;
  readonly endEntry: number;
  readonly records: Readonly<Record<"scrapes" | "opaque" | "lost", { readonly count: number }>>;
  readonly origins: readonly { readonly origin: Origin }[];
  readonly damaged: readonly (ByteRange & { readonly entries: number })[];
  readonly tail: ByteRange | null;
  readonly problem: string | null;
}

interface LogSummary {
  readonly dir: string;
  readonly locks: readonly { readonly processId: number; readonly isRunning: boolean }[];
  readonly segments: readonly SegmentSummary[];
  readonly setAside: readonly string[];
  readonly bytes: number;
  readonly entries: number;
  readonly damagedEntries: number;
  readonly missing: readonly {
    readonly origin: Origin;
    readonly firstSequence: number;
    readonly lastSequence: number;
  }[];
  readonly isDamaged: boolean;
}

export interface RecordSummary {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly kind: string;
  readonly entry: number;
  readonly entries: number;
  readonly origin: Origin | null;
  readonly sequence: number;
}

/** What looks into a log: `inspectWal` of the exporter, which a command may not import. */
export type Inspect = (
  dir: string,
  deps: { readonly fs: FileSystem; readonly onRecord?: (record: RecordSummary) => void },
) => Promise<LogSummary>;

const definition = {
  name: "wal inspect",
  summary: "Tells what stands in the write-ahead log in DIR, an exporter's data folder or its log. It only reads, and "
    + "may be used while the exporter runs. The exit code is 1 when something is damaged.",
  positional: "<DIR>",
  options: {
    records: {
      help: "print each record too, before the rest; in JSON and YAML as a document of its own",
      schema: z.union([z.boolean(), z.stringbool()]).default(false),
    },
    output: outputOption,
  },
} as const;

/** `bcs-metric wal inspect DIR [--records] [--output table|json|yaml]`. Returns the exit code. */
export function walCommand(argv: readonly string[], inspect: Inspect, output: Output = terminal): Promise<number> {
  const summary = "Looks into an exporter's write-ahead log.";
  const verbs = {
    inspect: {
      summary: "segments, entries, collectors and damage of a log",
      run: (rest: readonly string[]) => inspectCommand(rest, inspect, output),
    },
  };
  return runGroup("wal", summary, verbs, argv, output);
}

async function inspectCommand(argv: readonly string[], inspect: Inspect, output: Output): Promise<number> {
  const { values, positional } = await readOptions(definition, argv, process.env);
  const [dir, ...more] = positional;
  if (dir === undefined || more.length > 0) {
    throw new OptionError(`Cannot run "wal inspect": expected one DIR, not ${positional.length}`);
  }
  const print = (record: RecordSummary) => {
    if (values.output === "table") output.print(recordLine(record));
    else output.print(document(values.output, plain(record)));
  };
  const log = await inspect(dir, { fs: systemFileSystem, ...values.records && { onRecord: print } })
    .catch((error: unknown) => {
      if (!(error instanceof FileMissingError)) throw error;
      throw new UserError(`Cannot inspect WAL "${dir}": there is no such folder`, { cause: error });
    });
  if (values.output === "table") output.print(logText(log));
  else if (values.records) output.print(document(values.output, plain(log)));
  else output.print(formatOutput(values.output, plain(log), () => ""));
  return log.isDamaged ? 1 : 0;
}

/** One of several: a line of JSON, or a YAML document. */
function document(format: "json" | "yaml", value: unknown): string {
  return format === "json" ? `${JSON.stringify(value)}\n` : `---\n${formatOutput(format, value, () => "")}`;
}

/** An epoch is a 64-bit number, which neither JSON nor YAML carry safely: text in both. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, member: unknown) => typeof member === "bigint" ? String(member) : member),
  );
}

function originText({ cluster, namespace, name, epoch }: Origin): string {
  return printable(`${cluster}/${namespace}/${name}@${epoch}`);
}

function recordLine({ segment, offset, bytes, kind, entry, entries, origin, sequence }: RecordSummary): string {
  const from = origin === null ? "-" : originText(origin);
  return `${segment}:${offset} ${kind} entries ${entry}+${entries} ${from} sequence ${sequence}, ${bytes} bytes\n`;
}

const columns: Column<SegmentSummary>[] = [
  { title: "SEGMENT", text: ({ file }) => file },
  { title: "CREATED", text: ({ createdMs }) => createdMs === null ? "" : new Date(createdMs).toISOString() },
  { title: "BYTES", align: "right", text: ({ bytes }) => String(bytes) },
  { title: "FIRST ENTRY", align: "right", text: ({ startEntry }) => String(startEntry) },
  { title: "ENTRIES", align: "right", text: ({ startEntry, endEntry }) => String(endEntry - startEntry) },
  { title: "SCRAPES", align: "right", text: ({ records }) => String(records.scrapes.count) },
  { title: "OPAQUE", align: "right", text: ({ records }) => String(records.opaque.count) },
  { title: "LOST", align: "right", text: ({ records }) => String(records.lost.count) },
  { title: "ORIGINS", align: "right", text: ({ origins }) => String(origins.length) },
  { title: "DAMAGED", align: "right", text: ({ damaged }) => String(damaged.length) },
];

/** The table of segments, and below it whatever is not as it should be. */
export function logText(log: LogSummary): string {
  const lines = log.segments.flatMap(({ file, damaged, tail, problem }) => [
    ...damaged.map(({ offset, end, entries }) =>
      `damaged   ${file} bytes ${offset} to ${end}: ${entries} entries ${end > offset ? "" : "missing behind it"}`
        .trimEnd()
    ),
    ...tail === null ? [] : [`tail      ${file} bytes ${tail.offset} to ${tail.end}: being written, or torn`],
    ...problem === null ? [] : [`no segment ${file}: ${problem}`],
  ]);
  const missing = log.missing.map(({ origin, firstSequence, lastSequence }) =>
    `missing   ${originText(origin)} sequence ${firstSequence} to ${lastSequence}`
  );
  const locks = log.locks.map(({ processId, isRunning }) =>
    `lock      process ${processId}, which ${isRunning ? "runs" : "has ended"}`
  );
  const aside = log.setAside.map((name) => `set aside ${printable(name)}`);
  const total = `${log.dir}: ${log.bytes} bytes, ${log.entries} entries over its life, ${log.damagedEntries} damaged`;
  return `${formatTable(columns, log.segments)}\n${[...lines, ...missing, ...locks, ...aside, total].join("\n")}\n`;
}
