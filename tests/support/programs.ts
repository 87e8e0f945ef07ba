import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "../../core/runtime/child.ts";
import { waitFor } from "./wait.ts";

/** A real program that a test runs beside ours. */
export interface Program {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** The options of a test that needs these programs: skipped where they cannot be had, unless CI forbids that. */
export function needs(...programs: string[]): { skip: string | false } {
  const missing = programs.filter((program) => !isOnPath(program));
  if (missing.length === 0 || process.env["CI"] === "true") return { skip: false };
  return { skip: `needs ${missing.join(" and ")}: run scripts/test, which gets them` };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Cannot find a free port");
  return address.port;
}

/** `count` neighbouring ports that were free a moment ago; returns the first. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = await freePort();
    const rest = await Promise.all(Array.from({ length: count - 1 }, (_, index) => isFree(first + 1 + index)));
    if (rest.every(Boolean)) return first;
  }
  throw new Error(`Cannot find ${count} neighbouring free ports`);
}

/** Starts a program that serves HTTP, and waits until `path` answers with a success. */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
  path: string,
): Promise<Program> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (bytes: Uint8Array) => log = (log + new TextDecoder().decode(bytes)).slice(-4000));
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", (error) => {
      log += error.message;
      resolve();
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    await waitFor(`${command} at ${url}`, 30_000, async () => (await getOk(url + path)) ? true : null);
  } catch (error) {
    await stop();
    throw new Error(`Cannot start ${command}: ${log}`, { cause: error });
  }
  return { url, stop };
}

const commandLine = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/**
 * Starts `bcs-metric NAME ARGS…` on the runtime that runs the test, its output appended to `logPath`. `env` is the whole
 * of its environment, by default ours.
 */
export function startCommand(args: readonly string[], logPath: string, env = process.env): Child {
  return startChild(commandLine, args, logPath, env);
}

/** The body of a successful answer as JSON. */
export async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const body: unknown = await answer.json();
  if (!answer.ok) throw new Error(`Cannot get ${url}: HTTP ${answer.status} ${JSON.stringify(body)}`);
  return body;
}

async function getOk(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await answer.body?.cancel();
  return answer.ok;
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
