import { spawn, spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync } from "node:fs";
import { cpus } from "node:os";
import { delimiter, join } from "node:path";

/** A process that was started on some of the CPUs. */
export interface PinnedProcess {
  readonly pid: number;
  /** SIGTERM, and SIGKILL when it is still there after a while. */
  stop(): Promise<void>;
}

const graceMs = 10_000;
const started = new Set<number>();

process.on("exit", () => {
  for (const pid of started) process.kill(pid, "SIGKILL");
});

/** Starts a program on these CPUs, null for any, its output in `logPath`. */
export function startPinned(
  onCpus: string | null,
  command: string,
  args: readonly string[],
  logPath: string,
  env: Readonly<Record<string, string>> = {},
): PinnedProcess {
  const [program, ...rest] = onCpus === null ? [command, ...args] : ["taskset", "-c", onCpus, command, ...args];
  const log = openSync(logPath, "a");
  const child = spawn(program ?? command, rest, { stdio: ["ignore", log, log], env: { ...process.env, ...env } });
  closeSync(log);
  const pid = child.pid ?? 0;
  if (pid !== 0) started.add(pid);
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      started.delete(pid);
      resolve();
    };
    child.once("exit", end);
    child.once("error", end);
  });
  return {
    pid,
    async stop() {
      if (!started.has(pid)) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** One CPU for what is measured, the others for the rest; null where that cannot be done. */
export function splitCpus(): { readonly agent: string; readonly rest: string } | null {
  const count = cpus().length;
  if (count < 2 || pathOf("taskset") === null) return null;
  return { agent: "0", rest: count === 2 ? "1" : `1-${count - 1}` };
}

/** Where PATH finds a program; null when it does not. */
export function pathOf(program: string): string | null {
  const candidates = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }) ?? null;
}

/** The first line that a program prints about its version which matches, or its first line. */
export function versionLine(program: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return pattern.exec(stdout + stderr)?.[1] ?? "unknown version";
}
