import { resolve } from "node:path";
import { z } from "zod";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Sink } from "../sink.ts";
import { bkdataType } from "./bkdata/sink.ts";
import { bkmonitorType } from "./bkmonitor/sink.ts";
import { createFileSink, filesMaxDefault, rotateBytesDefault } from "./file_sink.ts";
import { openHttpClient, type Variables } from "./http/mod.ts";
import { moduleType } from "./module/sink.ts";
import { natsType } from "./nats/sink.ts";
import { otlpSchema } from "./otlp/options.ts";
import { createOtlpSink } from "./otlp/sink.ts";
import { pullType } from "./pull/sink.ts";
import { remoteWriteSchema } from "./remote_write/options.ts";
import { createRemoteWriteSink } from "./remote_write/sink.ts";
import { stdoutType } from "./stdout/sink.ts";

export interface SinkDeps {
  readonly env: Pick<Env, "clock" | "fs" | "net">;
  /** The exporter's data folder: a file sink without `path` writes to `export` in it. */
  readonly dataDir: string;
  readonly log: Logger;
  /** The environment variables that `env:NAME` refers to. */
  readonly variables: Variables;
}

export interface SinkContext extends SinkDeps {
  /** The directory that a relative path in the configuration starts from. */
  readonly configDir: string;
}

/** A kind of sink: the schema of its options, and how one is made of them. */
export interface SinkType<Options> {
  readonly schema: z.ZodType<Options>;
  /** What no two sinks may share, such as a directory; null when there is no such thing. */
  place(options: Options, context: SinkContext): string | null;
  /** @throws RangeError when an option cannot be used in this environment. */
  create(options: Options, context: SinkContext): Sink | Promise<Sink>;
}

const fileSchema = z.strictObject({
  name: z.string(),
  type: z.literal("file"),
  path: z.string().min(1).optional(),
  rotateBytes: z.int().min(1024).default(rotateBytesDefault),
  filesMax: z.int().min(1).default(filesMaxDefault),
});

const fileType: SinkType<z.output<typeof fileSchema>> = {
  schema: fileSchema,
  place: fileDirectory,
  create(options, context) {
    const { name, rotateBytes, filesMax } = options;
    const directory = fileDirectory(options, context);
    return createFileSink({ name, directory, rotateBytes, filesMax, fs: context.env.fs });
  },
};

const remoteWriteType: SinkType<z.output<typeof remoteWriteSchema>> = {
  schema: remoteWriteSchema,
  place: () => null,
  async create(options, context) {
    const { name, protocol, samplesMax } = options;
    const { env: { clock }, log } = context;
    const client = await openHttpClient(options, context);
    return createRemoteWriteSink({ name, client, protocol, samplesMax, clock, log });
  },
};

const otlpType: SinkType<z.output<typeof otlpSchema>> = {
  schema: otlpSchema,
  place: () => null,
  async create(options, context) {
    const { name, compression, samplesMax, resourceLabels } = options;
    const { env: { clock }, log } = context;
    const client = await openHttpClient(options, context);
    return createOtlpSink({ name, client, compression, samplesMax, resourceLabels, clock, log });
  },
};

/** What is known of a configured sink before it is made. */
export interface SinkDraft {
  readonly name: string;
  readonly place: string | null;
  create(): Sink | Promise<Sink>;
}

/** The kinds of sink that a configuration can name. Each throws ZodError for wrong options. */
export const sinkTypes: Readonly<Record<string, (config: unknown, context: SinkContext) => SinkDraft>> = {
  file: (config, context) => draft(fileType, config, context),
  otlp: (config, context) => draft(otlpType, config, context),
  remote_write: (config, context) => draft(remoteWriteType, config, context),
  bkdata: (config, context) => draft(bkdataType, config, context),
  bkmonitor: (config, context) => draft(bkmonitorType, config, context),
  module: (config, context) => draft(moduleType, config, context),
  nats: (config, context) => draft(natsType, config, context),
  pull: (config, context) => draft(pullType, config, context),
  stdout: (config, context) => draft(stdoutType, config, context),
};

function draft<Options extends { name: string }>(
  type: SinkType<Options>,
  config: unknown,
  context: SinkContext,
): SinkDraft {
  const options = type.schema.parse(config);
  return { name: options.name, place: type.place(options, context), create: () => type.create(options, context) };
}

function fileDirectory(options: { readonly path?: string | undefined }, context: SinkContext): string {
  if (options.path === undefined) return resolve(context.dataDir, "export");
  return resolve(context.configDir, options.path);
}
