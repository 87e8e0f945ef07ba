import type { z } from "zod";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Sink } from "../sink.ts";
import type { Variables } from "./http/mod.ts";

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

/** What is known of a configured sink before it is made. */
export interface SinkDraft {
  readonly name: string;
  readonly place: string | null;
  create(): Sink | Promise<Sink>;
}

/**
 * The kinds of sink that a configuration can name. Each rejects with ZodError for wrong options. The code of a kind is
 * loaded when it is named: none of the others takes memory.
 */
export const sinkTypes: Readonly<Record<string, (config: unknown, context: SinkContext) => Promise<SinkDraft>>> = {
  file: async (config, context) => draft((await import("./file_type.ts")).fileType, config, context),
  otlp: async (config, context) => draft((await import("./otlp/type.ts")).otlpType, config, context),
  remote_write: async (config, context) =>
    draft((await import("./remote_write/type.ts")).remoteWriteType, config, context),
  bkdata: async (config, context) => draft((await import("./bkdata/sink.ts")).bkdataType, config, context),
  bkmonitor: async (config, context) => draft((await import("./bkmonitor/sink.ts")).bkmonitorType, config, context),
  module: async (config, context) => draft((await import("./module/sink.ts")).moduleType, config, context),
  nats: async (config, context) => draft((await import("./nats/sink.ts")).natsType, config, context),
  pull: async (config, context) => draft((await import("./pull/sink.ts")).pullType, config, context),
  stdout: async (config, context) => draft((await import("./stdout/sink.ts")).stdoutType, config, context),
};

function draft<Options extends { name: string }>(
  type: SinkType<Options>,
  config: unknown,
  context: SinkContext,
): SinkDraft {
  const options = type.schema.parse(config);
  return { name: options.name, place: type.place(options, context), create: () => type.create(options, context) };
}
