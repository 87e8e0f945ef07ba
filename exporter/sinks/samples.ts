import type { Label } from "../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../sink.ts";
import { BlockCache, blockCacheBytesDefault, type Materialized } from "./block_cache.ts";
import { materializeLabels } from "./materialize.ts";

/** The high and low half of the staleness marker: a NaN with a payload, which only its bits tell from any other. */
const staleHigh = 0x7ff0_0000;
const staleLow = 0x0000_0002;

/** Tells which values of a scrape are staleness markers. Arithmetic loses the bits of a NaN: they are read in place. */
export class StaleBits {
  readonly #words: DataView;

  constructor(values: Float64Array) {
    this.#words = new DataView(values.buffer, values.byteOffset, values.byteLength);
  }

  at(index: number): boolean {
    const offset = index * 8;
    return this.#words.getUint32(offset, true) === staleLow && this.#words.getUint32(offset + 4, true) === staleHigh;
  }
}

/** The time of one sample: its own, else that of its scrape. */
export function sampleTimeMs({ sampleTimesMs, timestampMs }: ResolvedScrape, index: number): number {
  const own = sampleTimesMs === null ? NaN : sampleTimesMs[index] as number;
  return own === own ? own : timestampMs;
}

/** A sample as a plain object: convenient where speed does not matter. */
export interface PlainSample {
  readonly name: string;
  /** All labels but the name, the target's among them. */
  readonly labels: Readonly<Record<string, string>>;
  /** NaN for a staleness marker too. */
  readonly value: number;
  readonly timestampMs: number;
  /** The series has ended: it is a staleness marker. */
  readonly stale: boolean;
}

interface PlainSeries extends Materialized {
  readonly series: readonly Pick<PlainSample, "name" | "labels">[];
}

/** Gives the samples of scrapes as plain objects. Labels are made once for a block and target, and shared: frozen. */
export class PlainSamples {
  readonly #series = new BlockCache<PlainSeries>(blockCacheBytesDefault, (block, target) => {
    const series = block.series.map((one) => plainSeries(one.name, materializeLabels(one, target)));
    return { series, bytes: series.length * 400 };
  });

  *of(scrapes: readonly ResolvedScrape[]): Generator<PlainSample> {
    for (const scrape of scrapes) {
      const stale = new StaleBits(scrape.values);
      let index = 0;
      for (const block of scrape.blocks) {
        for (const { name, labels } of this.#series.get(block, scrape.target).series) {
          const value = scrape.values[index] as number;
          yield { name, labels, value, timestampMs: sampleTimeMs(scrape, index), stale: stale.at(index) };
          index++;
        }
      }
    }
  }
}

function plainSeries(name: string, labels: readonly Label[]): Pick<PlainSample, "name" | "labels"> {
  const entries = labels.filter((label) => label.name !== "__name__").map((label) => [label.name, label.value]);
  return { name, labels: Object.freeze(Object.fromEntries(entries) as Record<string, string>) };
}
