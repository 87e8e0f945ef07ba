import { batchOf } from "../../exporter/delivery/batch.ts";
import type { Batch } from "../../exporter/sink.ts";
import { type EncoderOptions, RequestEncoder, type WriteEncoder } from "../../exporter/sinks/remote_write/encoder.ts";
import { RequestEncoder2 } from "../../exporter/sinks/remote_write/encoder_2.ts";
import { protocol1, protocol2 } from "../../exporter/sinks/remote_write/protocol.ts";
import { compress } from "../../exporter/sinks/remote_write/snappy.ts";
import { type Benchmark, type Figure, quantile } from "./benchmark.ts";
import { makeValues, makeWorkload } from "./workload.ts";

const seriesCount = 1000;
const scrapesPerBatch = 10;
/** Passes over all targets until nothing more is learnt, at most. */
const warmRoundsMax = 300;
const options: EncoderOptions = {
  samplesMax: seriesCount * scrapesPerBatch,
  requestBytesMax: 8 * 1024 * 1024,
  cacheBytesMax: 512 * 1024 * 1024,
};

/**
 * What one sample costs on its way from a scrape to a compressed request, by the plain encoders and by those that the
 * sink uses, for targets that share their series and for targets that share none.
 */
export const remoteWriteBenchmark: Benchmark = {
  name: "remote-write",
  title: `remote write: encoding and snappy, targets of ${seriesCount} series, ${scrapesPerBatch} scrapes a batch`,
  run(short) {
    const rounds = short ? 2 : 24;
    const figures: Figure[] = [];
    for (const isShared of [true, false]) {
      const batches = makeBatches(short ? 20 : 200, isShared);
      const kind = isShared ? "shared series" : "unshared series";
      const encoders: readonly (readonly [string, WriteEncoder])[] = [
        ["1.0 plain", new RequestEncoder(options)],
        ["1.0 sink", protocol1.makeEncoder(options)],
        ["2.0 plain", new RequestEncoder2(options)],
        ["2.0 sink", protocol2.makeEncoder(options)],
      ];
      for (const [name, encoder] of encoders) figures.push(measure(`${name}, ${kind}`, encoder, batches, rounds));
    }
    return Promise.resolve(figures);
  },
};

function measure(what: string, encoder: WriteEncoder, batches: readonly Batch[], rounds: number): Figure {
  // What is seen for the first times is learnt; that is measured apart.
  const first = pass(encoder, batches);
  let programmed = -1;
  for (let quiet = 0, round = 0; quiet < 5 && round < warmRoundsMax; round++) {
    const next = pass(encoder, batches);
    quiet = next.programmed === programmed ? quiet + 1 : 0;
    programmed = next.programmed;
  }
  const passes = Array.from({ length: rounds }, () => pass(encoder, batches));
  const { samples, bytes, requests } = passes[0] ?? first;
  const ns = ({ cpuUs }: Pass) => cpuUs * 1000 / samples;
  const median = quantile(passes.map(ns), 0.5);
  return {
    what,
    value: `${median.toFixed(1)} ns (best ${Math.min(...passes.map(ns)).toFixed(1)}, first ${ns(first).toFixed(0)}), `
      + `${(bytes / samples).toFixed(1)} bytes a sample, ${(samples / requests).toFixed(0)} samples a request, `
      + `${(programmed * 100 / samples).toFixed(0)} % by programs`,
    goal: "",
    isMet: true,
  };
}

interface Pass {
  readonly cpuUs: number;
  readonly samples: number;
  readonly bytes: number;
  readonly requests: number;
  readonly programmed: number;
}

function pass(encoder: WriteEncoder, batches: readonly Batch[]): Pass {
  let [samples, bytes, requests, programmed] = [0, 0, 0, 0];
  const before = process.cpuUsage();
  for (const batch of batches) {
    for (const request of encoder.requests(batch)) {
      bytes += (request.isCompressed ? request.body : compress(request.body)).length;
      samples += request.samples;
      requests++;
      if (request.isCompressed) programmed += request.samples;
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: user + system, samples, bytes, requests, programmed };
}

function makeBatches(targetCount: number, isShared: boolean): Batch[] {
  const { targets, layouts, blocks } = makeWorkload(targetCount, seriesCount, isShared);
  const scrapes = targets.map((target, index) => {
    const kind = isShared ? 0 : index;
    return {
      target: target.shape,
      layout: layouts[kind]!.shape,
      blocks: blocks[kind]!.map(({ shape }) => shape),
      timestampMs: 1_800_000_000_000 + index,
      values: makeValues(seriesCount, index),
      sampleTimesMs: null,
    };
  });
  return Array.from(
    { length: Math.ceil(scrapes.length / scrapesPerBatch) },
    (_, index) => batchOf(scrapes.slice(index * scrapesPerBatch, (index + 1) * scrapesPerBatch), []),
  );
}
