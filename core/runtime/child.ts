import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { compileCacheVariable, leanEnvironment } from "./lean.ts";
import { parentPipeVariable, runtimeCommand } from "./process.ts";

export interface Child {
  readonly pid: number;
  /** Resolves once it has ended; never rejects. A child that could not be started ends with its reason. */
  readonly ended: Promise<ChildEnd>;
  /** Asks it to end (SIGTERM), and ends it (SIGKILL) when it is still there after `graceMs`. */
  stop(graceMs: number): Promise<ChildEnd>;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started; "" when it was. */
  readonly reason: string;
}

/** Beside the packages, and trusted like them; where it cannot be written, Node does without. */
const compileCache = fileURLToPath(new URL("../../node_modules/.cache/bcs-metric", import.meta.url));

/** What keeps the memory of a child small. */
export const childEnvironment: Readonly<Record<string, string>> = {
  ...leanEnvironment,
  [compileCacheVariable]: compileCache,
};

/**
 * Starts a part of the system as a child process on the runtime that runs us, its output appended to `logPath`.
 * It is in a process group of its own, so that Ctrl-C reaches only the parent, which then stops its children in
 * the right order; it ends by itself when the parent is gone. `env` is the whole of its environment, but for what
 * keeps its memory small (lean.ts), which it overrules.
 */
export function startChild(
  script: string,
  args: readonly string[],
  logPath: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Child {
  const line = runtimeCommand(script, args);
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, "a");
  const child = spawn(line.command, line.args, {
    detached: true,
    stdio: ["pipe", log, log],
    env: { ...childEnvironment, ...env, [parentPipeVariable]: "1" },
  });
  closeSync(log);
  const ended = endOf(child);
  return { pid: child.pid ?? 0, ended, stop: (graceMs) => stop(child, ended, graceMs) };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, reason: error.message }));
    child.once("exit", (code, signal) => resolve({ code, signal, reason: "" }));
    // A child that dies before it reads breaks the pipe; its exit is what counts.
    child.stdin?.once("error", () => child.stdin?.destroy());
  });
}

async function stop(child: ChildProcess, ended: Promise<ChildEnd>, graceMs: number): Promise<ChildEnd> {
  // By pid: on Deno, ChildProcess.kill works once, and makes a clean exit look like a death by that signal.
  const signal = (name: "SIGTERM" | "SIGKILL") => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(child.pid, name);
  };
  signal("SIGTERM");
  const timer = setTimeout(() => signal("SIGKILL"), graceMs);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}
