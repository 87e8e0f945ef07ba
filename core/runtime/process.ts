import type { Logger } from "../telemetry/log.ts";
import { leanDenoOptions, leanNodeOptions } from "./lean.ts";

/** The variable that tells a child to end when its standard input does, and so with its parent, whatever kills it. */
export const parentPipeVariable = "BCS_METRIC_PARENT_PIPE";

export const isDeno: boolean = "Deno" in globalThis;

/** The command line that runs a TypeScript file of this project, with little memory, on the runtime that runs us now. */
export function runtimeCommand(script: string, args: readonly string[]): { command: string; args: string[] } {
  const own = process.execArgv.filter((option) => !leanNodeOptions.includes(option));
  const prefix = isDeno ? ["run", "-A", ...leanDenoOptions] : [...leanNodeOptions, ...own];
  return { command: process.execPath, args: [...prefix, script, ...args] };
}

/**
 * Runs a program until its work ends or SIGINT or SIGTERM asks it to stop; the signal handed to `body` is aborted
 * then, and a second one ends the process at once.
 * Returns the exit code: 0 after a clean end, 1 after an error, which is printed as one line.
 */
export async function runUntilSignal(body: (stop: AbortSignal) => Promise<number | void>): Promise<number> {
  const abort = new AbortController();
  const onSignal = () => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const unwatchParent = watchParent(onSignal);
  try {
    return await body(abort.signal) ?? 0;
  } catch (error) {
    console.error(`bcs-metric: ${describeFailure(error)}`);
    return 1;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    unwatchParent();
  }
}

/** A child that was given a pipe as standard input ends when its parent closes it, if only by dying. */
function watchParent(onGone: () => void): () => void {
  if (process.env[parentPipeVariable] === undefined) return () => {};
  process.stdin.once("end", onGone);
  process.stdin.once("error", onGone);
  process.stdin.resume();
  return () => {
    process.stdin.off("end", onGone);
    process.stdin.destroy();
    // On Deno the read that is under way outlives the stream, and would keep the process alive.
    (globalThis as { Deno?: { stdin: { close(): void } } }).Deno?.stdin.close();
  };
}

/** One line for what the user can mend, the whole stack for what is our own defect. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return userErrorNames.has(error.name) ? error.message : error.stack ?? error.message;
}

const userErrorNames = new Set(["UserError", "ListenError", "ConfigError", "OptionError", "FileMissingError"]);

/** Resolves when the signal is aborted; at once when it already is. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Logs a rejected promise that nobody awaits. Its work must be one whose failure the process survives. */
export function inBackground(log: Logger, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));
}
