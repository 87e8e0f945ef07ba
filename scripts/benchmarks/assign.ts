import { assign } from "../../service/assign/assign.ts";
import { type Benchmark, type Figure, formatMs, quantile } from "./benchmark.ts";

const goalMs = 100;

/** 100,000 targets over 100 collectors: the first time, again, with one collector more, and with one less. */
export const assignBenchmark: Benchmark = {
  name: "assign",
  title: "assignment of 100,000 targets over 100 collectors",
  run(short) {
    const targetCount = short ? 1000 : 100_000;
    const targets = Array.from({ length: targetCount }, (_, index) => targetName(index)).toSorted();
    const collectors = Array.from({ length: 100 }, (_, ordinal) => `bcs-collector-shop-${ordinal}`);
    const owners = ownersOf(assign(targets, collectors, new Map()));
    const runs = short ? 1 : 15;
    const cases: readonly Case[] = [
      { what: "first assignment", targets, collectors, previous: new Map() },
      { what: "nothing has changed", targets, collectors, previous: owners },
      { what: "a collector comes", targets, collectors: [...collectors, "bcs-collector-shop-100"], previous: owners },
      { what: "a collector is lost", targets, collectors: collectors.slice(1), previous: owners },
      { what: "1 % of the targets come", targets, collectors, previous: withoutEach(owners, 100) },
    ];
    return Promise.resolve(cases.map((one) => measure(one, runs)));
  },
};

interface Case {
  readonly what: string;
  readonly targets: readonly string[];
  readonly collectors: readonly string[];
  readonly previous: ReadonlyMap<string, string>;
}

function measure({ what, targets, collectors, previous }: Case, runs: number): Figure {
  const durations: number[] = [];
  let moved = 0;
  for (let run = 0; run < runs; run++) {
    const startedMs = performance.now();
    const assignment = assign(targets, collectors, previous);
    durations.push(performance.now() - startedMs);
    moved = [...ownersOf(assignment)].filter(([target, owner]) =>
      previous.has(target) && previous.get(target) !== owner
    )
      .length;
  }
  const median = quantile(durations, 0.5);
  const spread = `median ${formatMs(median)}, min ${formatMs(Math.min(...durations))}`;
  return { what, value: `${spread}, ${moved} moved`, goal: `< ${goalMs} ms`, isMet: median < goalMs };
}

function targetName(index: number): string {
  return `metric-${index % 50} 10.${index >> 16}.${index >> 8 & 255}.${index & 255}:9100`;
}

function ownersOf(assignment: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map([...assignment].flatMap(([collector, own]) => own.map((target) => [target, collector] as const)));
}

function withoutEach(owners: ReadonlyMap<string, string>, nth: number): Map<string, string> {
  return new Map([...owners].filter((_, index) => index % nth !== 0));
}
