import { ByteWriter } from "../../core/protocol/bytes.ts";
import { frameHeaderBytes } from "../../core/protocol/frame.ts";
import { ScrapeDecoder } from "../../core/protocol/scrape_decoder.ts";
import { ScrapeEncoder } from "../../core/protocol/scrape_encoder.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import type { Random } from "../../core/runtime/env.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { makeExposition, TargetValues } from "./peers/exposition.ts";

const grantBytes = 32 * 1024 * 1024;
const layoutId = "11".repeat(16);
const intervalMs = 10_000;

/** What the series of a target have from scrape to scrape. */
interface Data {
  readonly what: string;
  readonly seriesCount: number;
  /** Gives the values of a target's next scrape, each time. */
  readonly target: (random: Random, seriesCount: number) => () => Float64Array<ArrayBuffer>;
  readonly bytesGoal: number;
}

const datas: readonly Data[] = [
  { what: "the farm of `bench peers`", seriesCount: 1000, target: farmTarget, bytesGoal: 2 },
  { what: "the same, 20 series a target", seriesCount: 20, target: farmTarget, bytesGoal: Infinity },
  evolving("nothing changes", (_before, index) => index * 3.5),
  evolving(
    "counters of 12 digits",
    (before, _index, random) => (before || 1e11 + Math.floor(random.float() * 9e11)) + Math.floor(random.float() * 1e6),
  ),
  evolving("gauges with 3 decimals", (_before, _index, random) => Math.round(random.float() * 1e6) / 1000),
  evolving("sums of doubles", (before, _index, random) => (before || 1000) + random.float() * 10),
  evolving("random doubles", (_before, _index, random) => random.float()),
];

/** Codes scrapes as a session does and decodes them again, on one thread. */
export const wireBenchmark: Benchmark = {
  name: "wire",
  title: "values on the wire: scrapes coded against the last ones of their targets, and decoded, on one thread",
  run(short) {
    return Promise.resolve(datas.flatMap((data) => measure(data, short)));
  },
};

function measure({ what, seriesCount, target, bytesGoal }: Data, short: boolean): Figure[] {
  const [targetCount, rounds] = short ? [5, 4] : [Math.max(50, 5000 / seriesCount), 60];
  const random = seededRandom(1);
  const targets = Array.from({ length: targetCount }, (_, index) => {
    const next = target(random, seriesCount);
    const targetId = index.toString(16).padStart(32, "0");
    return Array.from(
      { length: rounds },
      (_unused, round) =>
        encodeScrapes([{ targetId, layoutId, timestampMs: round * intervalMs, values: next(), sampleTimesMs: null }]),
    );
  });
  // The first pass compiles.
  run(targets, rounds);
  const { bytes, encodeMs, decodeMs } = run(targets, rounds);
  const samples = targetCount * seriesCount;
  const perSample = bytes / (samples * (rounds - 1));
  const ns = (ms: number) => (ms * 1e6 / samples).toFixed(1);
  const value = `${perSample.toFixed(2)} bytes a sample, ${ns(encodeMs)} ns coding and ${ns(decodeMs)} ns decoding`;
  const goal = bytesGoal === Infinity ? "" : `<= ${bytesGoal} bytes`;
  return [{ what, value, goal, isMet: perSample <= bytesGoal }];
}

/**
 * All but the first scrape of each target counts. All targets of a round go in one frame. The times are those of the
 * fastest round, since others may use the machine.
 */
function run(targets: readonly (readonly Uint8Array[])[], rounds: number) {
  const [encoder, decoder] = [new ScrapeEncoder(grantBytes), new ScrapeDecoder(grantBytes)];
  const figures = { bytes: 0, encodeMs: Infinity, decodeMs: Infinity };
  const into = new ByteWriter();
  for (let round = 0; round < rounds; round++) {
    into.endAt(0);
    const beganMs = performance.now();
    for (const bodies of targets) encoder.encode(bodies[round] as Uint8Array, () => [], into);
    const body = into.finish();
    const codedMs = performance.now();
    decoder.decode(body);
    const decodedMs = performance.now();
    if (round === 0) continue;
    figures.bytes += frameHeaderBytes + body.length;
    figures.encodeMs = Math.min(figures.encodeMs, codedMs - beganMs);
    figures.decodeMs = Math.min(figures.decodeMs, decodedMs - codedMs);
  }
  return figures;
}

function evolving(what: string, next: (before: number, index: number, random: Random) => number): Data {
  const seriesCount = 1000;
  const target = (random: Random) => {
    let values = new Float64Array(seriesCount);
    return () => values = values.map((before, index) => next(before, index, random));
  };
  return { what, seriesCount, target, bytesGoal: Infinity };
}

function farmTarget(random: Random, seriesCount: number): () => Float64Array<ArrayBuffer> {
  const values = new TargetValues(makeExposition(seriesCount, "shop", false), random);
  const decoder = new TextDecoder();
  return () => {
    const lines = decoder.decode(values.next()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return Float64Array.from(lines, (line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  };
}
