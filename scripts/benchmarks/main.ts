import { cpus } from "node:os";
import { assignBenchmark } from "./assign.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { configLatencyBenchmark } from "./config_latency.ts";
import { fetchBenchmark } from "./fetch.ts";
import { ingestBenchmark } from "./ingest.ts";
import { kernelBenchmark } from "./kernel.ts";
import { matchBenchmark } from "./match.ts";
import { remoteWriteBenchmark } from "./remote_write.ts";
import { spoolBenchmark } from "./spool.ts";
import { walBenchmark } from "./wal.ts";
import { wireBenchmark } from "./wire.ts";

const benchmarks: readonly Benchmark[] = [
  assignBenchmark,
  configLatencyBenchmark,
  fetchBenchmark,
  ingestBenchmark,
  kernelBenchmark,
  matchBenchmark,
  remoteWriteBenchmark,
  spoolBenchmark,
  walBenchmark,
  wireBenchmark,
];

process.exitCode = await main(process.argv.slice(2));

/** Runs what `args` name. Returns the exit code: 0, 1 when a goal was missed, 2 for a wrong command line. */
async function main(args: readonly string[]): Promise<number> {
  const short = args.includes("--short");
  const names = args.filter((arg) => arg !== "--short");
  const unknown = names.filter((name) => benchmarks.every((benchmark) => benchmark.name !== name));
  if (unknown.length > 0) {
    const known = benchmarks.map(({ name, title }) => `  ${name.padEnd(16)} ${title}\n`).join("");
    process.stderr.write(`Cannot run benchmark "${unknown.join(" ")}": there are only\n${known}`);
    return 2;
  }
  const cpu = cpus();
  process.stdout.write(`Node ${process.versions.node}, ${cpu.length} x ${cpu[0]?.model ?? "unknown"}\n`);
  let isMet = true;
  for (const benchmark of benchmarks) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue;
    process.stdout.write(`\n${benchmark.title}${short ? " (short: the figures mean little)" : ""}\n`);
    const figures = await benchmark.run(short);
    process.stdout.write(tableOf(figures));
    isMet &&= short || figures.every((figure) => figure.isMet);
  }
  return isMet ? 0 : 1;
}

function tableOf(figures: readonly Figure[]): string {
  const width = Math.max(...figures.map(({ what }) => what.length));
  return figures.map(({ what, value, goal, isMet }) => {
    const verdict = goal === "" ? "" : `  (goal ${goal}${isMet ? "" : ": MISSED"})`;
    return `  ${what.padEnd(width)}  ${value}${verdict}\n`;
  }).join("");
}
