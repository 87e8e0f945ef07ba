import { readFileSync } from "node:fs";
import { errorCode } from "../errors.ts";

/** Tells the processes of this machine apart, also when a process id was given out again. */
export interface ProcessTable {
  /** This process: `<pid>-<boot>-<start>`, of letters, digits and `-` only. */
  readonly self: string;
  /** Whether the process with this identity still runs. */
  isRunning(identity: string): boolean;
}

/**
 * The processes that the operating system knows. Where `/proc` exists their start time counts; elsewhere, and for
 * processes that it hides, only whether the process id is in use.
 */
export const systemProcesses: ProcessTable = {
  self: identify(process.pid, statusOf(process.pid).start),
  isRunning(identity) {
    const pid = Number(identity.split("-")[0]);
    if (!Number.isSafeInteger(pid) || pid <= 0) return false;
    const { state, start } = statusOf(pid);
    if (start === "") return isPidInUse(pid);
    const hasEnded = state === "Z" || state === "X";
    return !hasEnded && identify(pid, start) === identity;
  },
};

function identify(pid: number, start: string): string {
  const boot = readText("/proc/sys/kernel/random/boot_id").slice(0, 8);
  return `${pid}-${boot}-${start}`;
}

/** State letter, and clock ticks from boot to the start of the process; "" when they cannot be seen. */
function statusOf(pid: number): { readonly state: string; readonly start: string } {
  // The second field is the command in brackets and may itself hold brackets and spaces: count from the last one.
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", start: fields[19] ?? "" };
}

function isPidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "") throw error;
    return "";
  }
}
