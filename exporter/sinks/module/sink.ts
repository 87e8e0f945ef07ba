import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { messageOf } from "../../../core/errors.ts";
import type { Clock } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Batch, DeliveryOutcome, ResolvedScrape, Sink } from "../../sink.ts";
import { type PlainSample, PlainSamples } from "../samples.ts";
import type { SinkType } from "../sink_types.ts";
import { readAnswer } from "./answer.ts";

/** What the default export of a module is given, besides the `options` of its configuration. */
export interface ModuleContext {
  /** The sink's name. */
  readonly name: string;
  /** Structured: `log.info({ count }, "message")`. */
  readonly log: Pick<Logger, "debug" | "info" | "warn" | "error">;
  /** The samples of a batch, or of some of its scrapes, one after the other. */
  readonly samples: (batch: { readonly scrapes: readonly ResolvedScrape[] }) => Iterable<PlainSample>;
}

/** What the default export of a module makes. `deliver` is as in exporter/sink.ts; undefined means delivered. */
export interface ModuleSink {
  readonly batchSamplesMax?: number;
  deliver(batch: Batch, signal: AbortSignal): unknown;
  close?(): unknown;
}

const moduleSchema = z.strictObject({
  name: z.string(),
  type: z.literal("module"),
  path: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000),
});

export type ModuleConfig = z.output<typeof moduleSchema>;

export const moduleType: SinkType<ModuleConfig> = {
  schema: moduleSchema,
  place: () => null,
  create: (config, { configDir, env, log }) =>
    loadModuleSink(config, resolve(configDir, config.path), { clock: env.clock, log }),
};

interface ModuleDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Loads a sink of somebody's own. Whatever its code throws or answers stays with this sink: a `deliver` that throws,
 * answers nonsense or does not settle in time is a retry.
 * @throws RangeError that names the file and what is wrong, when it cannot be loaded or makes no sink.
 */
export async function loadModuleSink(config: ModuleConfig, path: string, deps: ModuleDeps): Promise<Sink> {
  const { name, timeoutMs, options } = config;
  const log = deps.log.child({ sink: name });
  const plain = new PlainSamples();
  const context: ModuleContext = { name, log, samples: ({ scrapes }) => plain.of(scrapes) };
  const made = await makeSink(path, options, context);
  return {
    name,
    type: "module",
    ...made.batchSamplesMax === undefined ? {} : { batchSamplesMax: made.batchSamplesMax },
    async deliver(batch, signal) {
      if (signal.aborted) return { outcome: "retry", reason: "stopped" };
      return await deliverWithin(timeoutMs, deps.clock, batch, signal, made);
    },
    async close() {
      await made.close?.();
    },
  };
}

async function makeSink(path: string, options: unknown, context: ModuleContext): Promise<ModuleSink> {
  const make = await loadDefault(path);
  let made: unknown;
  try {
    made = await make(options, context);
  } catch (error) {
    throw new RangeError(`module "${path}": its default export failed: ${messageOf(error)}`, { cause: error });
  }
  const problem = sinkProblem(made);
  if (problem !== null) throw new RangeError(`module "${path}": ${problem}`);
  return made as ModuleSink;
}

type MakeSink = (options: unknown, context: ModuleContext) => unknown;

async function loadDefault(path: string): Promise<MakeSink> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(path).href) as { readonly default?: unknown };
  } catch (error) {
    throw new RangeError(`module "${path}" cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  if (typeof loaded.default !== "function") {
    throw new RangeError(`module "${path}" must have a function as its default export, which makes the sink`);
  }
  return loaded.default as MakeSink;
}

function sinkProblem(made: unknown): string | null {
  if (typeof made !== "object" || made === null) {
    return `its default export must return an object with deliver(batch, signal), not ${
      made === null ? "null" : typeof made
    }`;
  }
  const sink = made as { readonly deliver?: unknown; readonly close?: unknown; readonly batchSamplesMax?: unknown };
  if (typeof sink.deliver !== "function") return "the sink that it makes has no method deliver(batch, signal)";
  if (sink.close !== undefined && typeof sink.close !== "function") {
    return "close of the sink that it makes is no method";
  }
  const max = sink.batchSamplesMax;
  if (max !== undefined && !(Number.isSafeInteger(max) && (max as number) > 0)) {
    return "batchSamplesMax of the sink that it makes is no positive whole number";
  }
  return null;
}

async function deliverWithin(
  timeoutMs: number,
  clock: Clock,
  batch: Batch,
  signal: AbortSignal,
  sink: ModuleSink,
): Promise<DeliveryOutcome> {
  const own = new AbortController();
  const ended = Promise.withResolvers<DeliveryOutcome>();
  const end = (reason: string) => {
    ended.resolve({ outcome: "retry", reason });
    own.abort();
  };
  const onAbort = () => end("stopped");
  signal.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.after(timeoutMs, () => end(`deliver of the module did not settle within ${timeoutMs} ms`));
  try {
    return await Promise.race([callDeliver(sink, batch, own.signal), ended.promise]);
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

async function callDeliver(sink: ModuleSink, batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
  try {
    return readAnswer(await sink.deliver(batch, signal), batch);
  } catch (error) {
    return { outcome: "retry", reason: `deliver of the module failed: ${messageOf(error)}` };
  }
}
