import { openKernel } from "../../collector/kernel/open_kernel.ts";
import { PlainKernel } from "../../collector/kernel/plain_kernel.ts";
import { BodyReader, Matching } from "../../collector/match/mod.ts";
import { ExpositionEncoder } from "../../collector/scrape/encode.ts";
import { ShapeCache } from "../../collector/scrape/mod.ts";
import { RecordMaker } from "../../collector/scrape/records.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { targetLabels } from "../../core/scrape/target_labels.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { makeExposition, TargetValues } from "./peers/exposition.ts";

const seriesCount = 1000;
const metric = { fallbackProtocol: undefined, nameEscaping: "allow-utf-8" } as const;
const limits = { bodyBytes: 1e9, samples: 0, labels: 0, labelNameLength: 0, labelValueLength: 0, targets: 0 };
const report = { up: true, durationMs: 5, samplesScraped: 0, samplesPostRelabeling: 0, seriesAdded: 0, bodyBytes: 0 };

const cases = [
  { name: "shared", isShared: true, isChurning: false, goal: 60 },
  { name: "5 % of the series new each time", isShared: true, isChurning: true, goal: 0 },
  { name: "no two targets share a series", isShared: false, isChurning: false, goal: 0 },
] as const;

const kernelBytes = 128 * 1024 * 1024;
const ways = [
  { name: "simd", matching: () => new Matching(openKernel(makeLogger("bench", "silent"), kernelBytes)) },
  { name: "plain", matching: () => new Matching(new PlainKernel(kernelBytes)) },
  { name: "parsed", matching: () => null },
] as const;

/** Reads bodies and makes records of them, without fetching or sending. */
export const matchBenchmark: Benchmark = {
  name: "match",
  title: `from a body to its record: ${seriesCount} series of 120 bytes`,
  run(short) {
    const figures: Figure[] = [];
    for (const { name, isShared, isChurning, goal } of cases) {
      for (const way of ways) {
        const scrapes = short ? 3 : way.name === "parsed" ? 10 : 50;
        const { ns, bytes } = measure(way.matching(), short ? 3 : 40, scrapes, isShared, isChurning);
        const hasGoal = goal > 0 && way.name === "simd";
        figures.push({
          what: `${name}: ${way.name}`,
          value: `${ns.toFixed(0)} ns of CPU a sample${
            bytes > 0 ? `, ${bytes.toFixed(0)} bytes of templates a series` : ""
          }`,
          goal: hasGoal ? `<= ${goal} ns` : "",
          isMet: !hasGoal || ns <= goal,
        });
      }
    }
    return Promise.resolve(figures);
  },
};

function measure(
  matching: Matching | null,
  targetCount: number,
  scrapes: number,
  isShared: boolean,
  isChurning: boolean,
) {
  const cache = new ShapeCache();
  const targets = Array.from({ length: targetCount }, (_, index) => {
    const tag = isShared ? "shop0000" : `shop${String(index).padStart(4, "0")}`;
    const values = new TargetValues(makeExposition(seriesCount, tag, isChurning), systemEnv.random);
    return { values, ...readerOf(index, cache, matching) };
  });
  let cpuMicros = 0;
  let samples = 0;
  for (let scrape = -4; scrape < scrapes; scrape++) {
    const bodies = targets.map(({ values }) => values.next());
    const before = process.cpuUsage();
    for (const [index, { reader, records }] of targets.entries()) {
      const { exposed } = reader.read(bodies[index]!, "text/plain");
      const [record] = records.make(1_800_000_000_000, exposed, report);
      if (scrape >= 0) samples += record?.samples ?? 0;
    }
    const { user, system } = process.cpuUsage(before);
    if (scrape >= 0) cpuMicros += user + system;
  }
  return { ns: cpuMicros * 1000 / samples, bytes: (matching?.templates.bytes ?? 0) / (targetCount * seriesCount) };
}

function readerOf(index: number, cache: ShapeCache, matching: Matching | null) {
  const address = `10.0.0.${index}:9100`;
  const identity = { cluster: "c", namespace: "shop", metric: "cart", address, pod: "" };
  const labels = targetLabels(identity, {}, {});
  const encoder = new ExpositionEncoder({ address, labels, honorLabels: false, honorTimestamps: true, limits, cache });
  const shape = encodeTarget(0, [...labels.values].map(([name, value]) => ({ name, value })));
  return { reader: new BodyReader(metric, encoder, matching), records: new RecordMaker(shape, cache) };
}
