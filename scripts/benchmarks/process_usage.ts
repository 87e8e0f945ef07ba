import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What Linux tells of a process. */
export interface ProcessUsage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Its own memory, and its share of what it has in common with others. */
  readonly pssBytes: number;
}

/** Kernel ticks in a second, as every Linux has them. */
const ticksPerSecond = 100;

export function readUsage(pid: number): ProcessUsage {
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(memory)?.[1]) * 1024;
  return { cpuMs: ticks * 1000 / ticksPerSecond, rssBytes: bytesOf("Rss"), pssBytes: bytesOf("Pss") };
}

/** Pins all threads of a process to these CPUs, such as `0`; false where that cannot be done. */
export function pin(pid: number, cpus: string): boolean {
  return spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cpus, String(pid)]).status === 0;
}
