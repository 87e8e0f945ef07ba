import {
  type Block,
  encodeBlock,
  type EncodedShape,
  encodeLayout,
  encodeTarget,
  type Label,
  type Layout,
  type Series,
  type Target,
} from "../../core/protocol/shape.ts";
import { batchOf } from "../delivery/batch.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../sink.ts";

/** Labels as an object, for tests that name them in short. */
export type Labels = Readonly<Record<string, string>>;

/** One sample of a test's scrape. */
export interface TestSample {
  readonly name: string;
  readonly labels?: Labels;
  readonly value: number;
  /** NaN or absent: that of the scrape. */
  readonly timestampMs?: number;
}

export interface TestScrape extends ResolvedScrape {
  /** The bodies of its shapes, blocks first. */
  readonly shapes: readonly EncodedShape[];
}

/** 2024-05-01T10:00:00Z. */
export const testTimeMs = 1_714_557_600_000;

export const stalenessBits = 0x7ff0_0000_0000_0002n;

export function labelList(labels: Labels): Label[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value }));
}

export function testTarget(labels: Labels = { job: "shop", instance: "10.0.0.1:9100" }): EncodedShape<Target> {
  return encodeTarget(0, labelList(labels));
}

export function testBlock(series: readonly Pick<TestSample, "name" | "labels">[]): EncodedShape<Block> {
  const metadata = { family: series[0]?.name ?? "", type: "gauge", help: "", unit: "" };
  return encodeBlock(metadata, series.map(({ name, labels }): Series => ({ name, labels: labelList(labels ?? {}) })));
}

/** A scrape with one block for each list of samples. */
export function testScrape(
  blocks: readonly (readonly TestSample[])[],
  options: { readonly timestampMs?: number; readonly target?: EncodedShape<Target> } = {},
): TestScrape {
  const target = options.target ?? testTarget();
  const encoded = blocks.map(testBlock);
  const layout: EncodedShape<Layout> = encodeLayout(encoded.map(({ shape }) => shape.id));
  const samples = blocks.flat();
  const hasTimes = samples.some((sample) => sample.timestampMs !== undefined);
  return {
    target: target.shape,
    layout: layout.shape,
    blocks: encoded.map(({ shape }) => shape),
    timestampMs: options.timestampMs ?? testTimeMs,
    values: Float64Array.from(samples, (sample) => sample.value),
    sampleTimesMs: hasTimes ? Float64Array.from(samples, (sample) => sample.timestampMs ?? NaN) : null,
    shapes: [...encoded, layout, target],
  };
}

/** A scrape of `count` series `name{n="0"}`, `name{n="1"}`, … whose values are 0, 1, …. */
export function testScrapeOf(name: string, count: number, timestampMs = testTimeMs): TestScrape {
  const samples = Array.from({ length: count }, (_, index) => ({ name, labels: { n: String(index) }, value: index }));
  return testScrape([samples], { timestampMs });
}

export function testBatch(scrapes: readonly ResolvedScrape[], opaque: readonly OpaqueRecord[] = []): Batch {
  return batchOf(scrapes, opaque);
}

export function testOpaque(record: string | Uint8Array, dataId = 1_500_001, timestampMs = testTimeMs): OpaqueRecord {
  return {
    frameType: 1,
    dataId,
    timestampMs,
    record: typeof record === "string" ? new TextEncoder().encode(record) : record,
  };
}

/** Puts a staleness marker in place of a value, by its bits. */
export function makeStale(scrape: ResolvedScrape, index: number): void {
  new DataView(scrape.values.buffer).setBigUint64(scrape.values.byteOffset + index * 8, stalenessBits, true);
}
