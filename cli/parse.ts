import { createReadStream } from "node:fs";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { errorCode, messageOf, UserError } from "../core/errors.ts";
import { type Exposition, ExpositionError } from "../core/exposition/exposition.ts";
import { jsonNativeSample } from "../core/exposition/json_native.ts";
import { jsonSample } from "../core/exposition/json_sample.ts";
import { parseExposition } from "../core/exposition/parse.ts";
import { OptionError, readOptions } from "../core/options.ts";

/** A larger exposition is refused: it is held in memory as a whole, since nothing is printed of a bad one. */
const bodyBytesMax = 256 * 1024 * 1024;

/** How much text is handed to the output at once, in characters. */
const chunkLength = 64 * 1024;

const definition = {
  name: "parse",
  summary: "Reads an exposition from FILE, or from standard input when FILE is -, and prints each sample as a line of "
    + "JSON. A bad exposition prints nothing but its line and column (in protobuf the byte) and the reason, and the exit "
    + "code is 1.",
  positional: "<FILE>",
  options: {
    format: {
      value: "FORMAT",
      help: "prometheus (text 0.0.4 and 1.0.0), openmetrics (text 1.0) or protobuf (delimited MetricFamily)",
      schema: z.enum(["prometheus", "openmetrics", "protobuf"]).default("prometheus"),
    },
    strict: {
      help: "take what the format's description says instead of what Prometheus takes",
      schema: z.union([z.boolean(), z.stringbool()]).default(false),
    },
  },
} as const;

/** What the command reads and writes. */
export interface ParseStreams {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * `bcs-metric parse [--format prometheus|openmetrics|protobuf] [--strict] FILE|-`.
 * Returns 0, or 1 after `line:column: reason`, or `byte N: reason`, was printed to standard error.
 * @throws OptionError or HelpShown for the arguments, UserError when the file cannot be read.
 */
export async function parseCommand(argv: readonly string[], streams: ParseStreams = process): Promise<number> {
  const { values, positional } = await readOptions(definition, argv, streams.env);
  const [path = "-", ...more] = positional;
  if (more.length > 0) throw new OptionError(`Cannot run "parse": expected one FILE, not ${positional.length}`);
  const body = await readBody(path, path === "-" ? streams.stdin : createReadStream(path));
  let exposition: Exposition;
  try {
    exposition = parseExposition(body, values.format, values.strict);
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    streams.stderr.write(`${error.message}\n`);
    return 1;
  }
  await print(exposition, streams.stdout);
  return 0;
}

async function readBody(path: string, source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) throw new UserError(`it is larger than ${bodyBytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new UserError(`Cannot read ${describe(path)}: ${readFault(error)}`, { cause: error });
  }
  return Buffer.concat(chunks, bytes);
}

function describe(path: string): string {
  return path === "-" ? "standard input" : JSON.stringify(path);
}

function readFault(error: unknown): string {
  switch (errorCode(error)) {
    case "ENOENT":
      return "there is no such file";
    case "EISDIR":
      return "it is a directory";
    case "EACCES":
      return "permission denied";
    default:
      return messageOf(error);
  }
}

/** Prints as fast as the output takes it, so that a slow reader does not fill the memory. */
async function print(exposition: Exposition, stdout: Writable): Promise<void> {
  try {
    await pipeline(Readable.from(chunksOf(exposition)), stdout, { end: false });
  } catch (error) {
    // The reader has seen enough, as in `bcs-metric parse … | head`.
    if (errorCode(error) !== "EPIPE") throw error;
  }
}

function* chunksOf(exposition: Exposition): Generator<string> {
  let chunk = "";
  for (const line of linesOf(exposition)) {
    chunk += `${line}\n`;
    if (chunk.length < chunkLength) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

function* linesOf({ families }: Exposition): Generator<string> {
  for (const { type, samples, nativeHistograms } of families) {
    for (const { name, labels, value, timestampMs } of samples) {
      yield jsonSample({ name, labels, value, timestampMs, type });
    }
    for (const sample of nativeHistograms ?? []) yield jsonNativeSample(sample, type);
  }
}
