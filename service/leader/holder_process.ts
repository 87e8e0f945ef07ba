import { readFileSync, readlinkSync } from "node:fs";
import { errorCode } from "../../core/errors.ts";
import { type ProcessTable, systemProcesses } from "../../core/runtime/process_table.ts";

/** Tells whether the process that holds a claim has provably ended, so that nobody has to wait for its lease. */
export interface HolderProcesses {
  /** This process, for its claims; "" where processes cannot be told apart. */
  readonly self: string;
  /** False also for a process that cannot be seen from here: of another machine, container or boot. */
  hasEnded(identity: string): boolean;
}

/** For those who know nothing of processes: every lease has to run out. */
export const unknownProcesses: HolderProcesses = { self: "", hasEnded: () => false };

/**
 * The processes that this one sees. An identity is `<boot id>/<process namespace>/<process>`: only who shares the first
 * two looks at the same table of processes.
 */
export function visibleProcesses(
  table: ProcessTable = systemProcesses,
  view: string = viewOfSystem(),
): HolderProcesses {
  const [pid = "", boot = "", start = ""] = table.self.split("-");
  if (view === "" || pid === "" || boot === "" || start === "") return unknownProcesses;
  return {
    self: `${view}/${table.self}`,
    hasEnded: (identity) => identity.startsWith(`${view}/`) && !table.isRunning(identity.slice(view.length + 1)),
  };
}

/** Which table of processes this one sees; "" when that is not known. */
function viewOfSystem(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return boot === "" ? "" : `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch (error) {
    // There is no /proc, or it hides this.
    if (errorCode(error) === "") throw error;
    return "";
  }
}
