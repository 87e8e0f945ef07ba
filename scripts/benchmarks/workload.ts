import { type Block, encodeBlock, type EncodedShape, encodeLayout, encodeTarget } from "../../core/protocol/shape.ts";
import type { Layout, Series, Target } from "../../core/protocol/shape.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";

export const seriesPerFamily = 25;

/** The shapes of one application's instances. */
export interface Workload {
  readonly targets: readonly EncodedShape<Target>[];
  /** One for all targets, or one for each. */
  readonly layouts: readonly EncodedShape<Layout>[];
  /** The blocks of each layout. */
  readonly blocks: readonly (readonly EncodedShape<Block>[])[];
}

/**
 * Instances of an application that expose counters, gauges and histograms of `seriesCount` series, about 120 bytes of
 * text each. `isShared`: all expose the same series; otherwise no two targets share one.
 */
export function makeWorkload(targetCount: number, seriesCount: number, isShared: boolean): Workload {
  const targets = Array.from({ length: targetCount }, (_, index) => targetOf(index));
  const kinds = isShared ? 1 : targetCount;
  const blocks = Array.from({ length: kinds }, (_, kind) => blocksOf(seriesCount, isShared ? "shared" : `own${kind}`));
  const layouts = blocks.map((own) => encodeLayout(own.map(({ shape }) => shape.id)));
  return { targets, layouts, blocks };
}

/** Values as scrapes have them: counters that grow, gauges with fractions, zeros. */
export function makeValues(count: number, seed: number): Float64Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, (_, index) => {
    if (index % 5 === 0) return 0;
    return index % 3 === 0 ? random.float() * 100 : Math.floor(random.float() * 1e6);
  });
}

function targetOf(index: number): EncodedShape<Target> {
  const address = `10.${100 + (index >> 8 & 0x7f)}.${100 + (index & 0x7f)}.${10 + (index >> 7 & 1)}:9100`;
  const labels = {
    cluster: "BCS-K8S-00001",
    instance: address,
    job: "checkout",
    metric: "checkout-metrics",
    namespace: "shop",
    pod: `checkout-7d4b9c6f5-${String(10_000 + index)}`,
  };
  return encodeTarget(0, Object.entries(labels).map(([name, value]) => ({ name, value })));
}

function blocksOf(seriesCount: number, kind: string): EncodedShape<Block>[] {
  const blocks: EncodedShape<Block>[] = [];
  for (let from = 0; from < seriesCount; from += seriesPerFamily) {
    const count = Math.min(seriesPerFamily, seriesCount - from);
    const number = from / seriesPerFamily;
    const isHistogram = number % 3 === 2;
    const family = `checkout_${isHistogram ? "request_duration_seconds" : "requests_total"}_${number}`;
    const metadata = { family, type: isHistogram ? "histogram" : "counter", help: `What ${family} tells.`, unit: "" };
    const series = Array.from({ length: count }, (_, index): Series => seriesOf(family, kind, index, isHistogram));
    blocks.push(encodeBlock(metadata, series));
  }
  return blocks;
}

function seriesOf(family: string, kind: string, index: number, isHistogram: boolean): Series {
  const labels = [
    { name: "method", value: index % 2 === 0 ? "GET" : "POST" },
    { name: "handler", value: `/api/v1/${kind}/carts/${isHistogram ? index >> 3 : index}` },
    { name: "status", value: String(200 + index % 4) },
  ];
  if (!isHistogram) return { name: family, labels };
  return { name: `${family}_bucket`, labels: [...labels, { name: "le", value: String(0.005 * 2 ** (index % 12)) }] };
}
