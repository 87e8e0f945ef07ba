import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What V8 writes with --cpu-prof. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const rows = 25;
/** Not the CPU's time. */
const waiting = new Set(["(idle)", "(root)"]);

/**
 * For each profile of a folder the functions with the most time of their own, in percent of the time not idle.
 * `skippedSeconds` at the beginning do not count.
 */
export function topFunctions(folder: string, skippedSeconds: number): string {
  return readdirSync(folder).filter((name) => name.endsWith(".cpuprofile")).toSorted().map((name) => {
    const profile = JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile;
    return `\n${name}\n${linesOf(profile, skippedSeconds * 1e6)}`;
  }).join("");
}

function linesOf({ nodes, samples, timeDeltas }: CpuProfile, skippedUs: number): string {
  const nameOf = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
  const selfUs = new Map<string, number>();
  let atUs = 0;
  for (const [index, id] of samples.entries()) {
    atUs += timeDeltas[index] ?? 0;
    if (atUs < skippedUs) continue;
    const name = nameOf.get(id) ?? "(unknown)";
    if (!waiting.has(name)) selfUs.set(name, (selfUs.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  return [...selfUs].toSorted(([, a], [, b]) => b - a).slice(0, rows).map(([name, us]) =>
    `  ${(100 * us / total).toFixed(1).padStart(5)} %  ${name}\n`
  ).join("");
}

function describe({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const path = url.replace(/^.*\/node_modules\//, "").replace(/^.*\/(?=(core|collector|exporter|cli)\/)/, "");
  return `${name}  ${path}:${lineNumber + 1}`;
}
