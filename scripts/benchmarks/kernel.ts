import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Benchmark, Figure } from "./benchmark.ts";
import type { LoopFigure } from "./kernel_loop.ts";

const run = promisify(execFile);
const loop = fileURLToPath(new URL("./kernel_loop.ts", import.meta.url));
/** What a sample may cost in the SIMD kernel. */
const goalNs = 40;

const runtimes = [
  { name: "Node", command: "node", args: [] },
  { name: "Deno", command: "deno", args: ["run", "-A", "--no-check"] },
] as const;

/** Matching and number parsing alone, by both kernels on both runtimes. */
export const kernelBenchmark: Benchmark = {
  name: "kernel",
  title: "the kernel: matching families of 20 series, 120 bytes a line, and reading their values",
  async run(short) {
    const figures: Figure[] = [];
    for (const runtime of runtimes) {
      const args = [...runtime.args, loop, short ? "50" : "1000"];
      const { stdout } = await run(runtime.command, args);
      for (const { kernel, values, ns } of JSON.parse(stdout) as LoopFigure[]) {
        figures.push({
          what: `${runtime.name}, ${kernel}, ${values}`,
          value: `${ns.toFixed(1)} ns a sample`,
          goal: kernel === "simd" ? `<= ${goalNs} ns` : "",
          isMet: kernel !== "simd" || ns <= goalNs,
        });
      }
    }
    return figures;
  },
};
