import { FrameType } from "../../core/protocol/frame.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { type Block, type EncodedShape, encodeLayout, type Layout, type Target } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import type { OutboundRecord } from "../send/outbox.ts";

import type { EncodedExposition } from "./encode.ts";
import { scrapeBody } from "./scrape_body.ts";
import type { ShapeCache } from "./shape_cache.ts";
import { staleValues } from "./stale_values.ts";
import { type ScrapeReport, type SyntheticSeries, usualSynthetic } from "./synthetic.ts";

/**
 * Most samples of one record. With a value and an explicit time each it stays below a frame's 16 MiB; a larger
 * scrape becomes several records of the same target and time.
 */
export const recordSamplesMax = 800_000;

/** What the record of the last scrape had, if it was one, and the next has again while it exposes these very blocks. */
interface UsualRecord {
  readonly exposed: readonly EncodedShape<Block>[];
  readonly layout: EncodedShape<Layout>;
  readonly shapes: readonly EncodedShape[];
}

/** Makes the records of one target's scrapes. */
export class RecordMaker {
  readonly #target: EncodedShape<Target>;
  readonly #cache: ShapeCache;
  readonly #samplesMax: number;
  readonly #synthetic: SyntheticSeries;
  readonly #syntheticLayout: EncodedShape<Layout>;
  /** Layouts of the last scrape, by part, so that an unchanged one is not hashed again. */
  #layouts: EncodedShape<Layout>[] = [];
  #usual: UsualRecord | null = null;

  constructor(
    target: EncodedShape<Target>,
    cache: ShapeCache,
    samplesMax = recordSamplesMax,
    synthetic: SyntheticSeries = usualSynthetic,
  ) {
    this.#target = target;
    this.#cache = cache;
    this.#samplesMax = samplesMax;
    this.#synthetic = synthetic;
    this.#syntheticLayout = cache.intern(encodeLayout([synthetic.block.shape.id]));
  }

  get target(): EncodedShape<Target> {
    return this.#target;
  }

  get synthetic(): EncodedShape<Block> {
    return this.#synthetic.block;
  }

  /** The records that mark all series of these blocks stale; none for no blocks. */
  makeStale(timestampMs: number, blocks: readonly EncodedShape<Block>[], target = this.#target): OutboundRecord[] {
    if (blocks.length === 0) return [];
    return this.#parts(blocks).map((part) => {
      const layout = this.#cache.intern(encodeLayout(part.map((block) => block.shape.id)));
      return this.#record(timestampMs, part, layout, staleValues(seriesOf(part)), null, target);
    });
  }

  /**
   * The records of one scrape: what the target exposed, then the synthetic series; those alone when `exposed` is null.
   * @param timestampMs When the scrape began, in whole Unix milliseconds.
   */
  make(timestampMs: number, exposed: EncodedExposition | null, report: ScrapeReport): OutboundRecord[] {
    const synthetic = this.#synthetic.values(report);
    const { block } = this.#synthetic;
    if (exposed === null || exposed.values.length === 0) {
      return [this.#record(timestampMs, [block], this.#syntheticLayout, Float64Array.from(synthetic), null)];
    }
    const usual = this.#usual;
    if (usual?.exposed === exposed.blocks && exposed.sampleTimesMs === null) {
      return [this.#usualRecord(timestampMs, usual, exposed.values, synthetic)];
    }
    const records: OutboundRecord[] = [];
    let from = 0;
    for (const [index, part] of this.#parts(exposed.blocks).entries()) {
      const until = from + seriesOf(part);
      const isLast = until === exposed.values.length;
      const values = isLast ? joined(exposed.values.subarray(from), synthetic) : exposed.values.slice(from, until);
      const times = exposed.sampleTimesMs;
      const timesHere = times === null ? null : isLast
        ? joined(times.subarray(from), synthetic.map(() => NaN))
        : times.slice(from, until);
      const blocks = isLast ? [...part, block] : part;
      records.push(this.#record(timestampMs, blocks, this.#layout(index, blocks), values, timesHere));
      from = until;
    }
    const [layout] = this.#layouts;
    this.#usual = records.length > 1 || layout === undefined
      ? null
      : { exposed: exposed.blocks, layout, shapes: [this.#target, ...exposed.blocks, block, layout] };
    return records;
  }

  /** The record of a scrape with the blocks of the one before: all that is made is its body. */
  #usualRecord(
    timestampMs: number,
    { layout, shapes }: UsualRecord,
    values: Float64Array<ArrayBuffer>,
    synthetic: readonly number[],
  ): OutboundRecord {
    const body = scrapeBody(this.#target, layout, timestampMs, values, synthetic);
    const samples = values.length + synthetic.length;
    return { frameType: FrameType.scrapes, id: 0n, body, shapes, samples, timestampMs };
  }

  /** Cuts the blocks into lists of at most so many series. A block is never cut: it is far below that. */
  #parts(blocks: readonly EncodedShape<Block>[]): EncodedShape<Block>[][] {
    let part: EncodedShape<Block>[] = [];
    let count = 0;
    const parts = [part];
    for (const block of blocks) {
      const series = seriesCountOf(block.shape);
      if (part.length > 0 && count + series > this.#samplesMax - seriesCountOf(this.#synthetic.block.shape)) {
        parts.push(part = []);
        count = 0;
      }
      part.push(block);
      count += series;
    }
    return parts;
  }

  #layout(part: number, blocks: readonly EncodedShape<Block>[]): EncodedShape<Layout> {
    const known = this.#layouts[part];
    const listed = known?.shape.blocks;
    if (
      known !== undefined && listed?.length === blocks.length
      && blocks.every((block, index) => block.shape.id === listed[index])
    ) {
      this.#cache.use(known);
      return known;
    }
    const layout = this.#cache.intern(encodeLayout(blocks.map((block) => block.shape.id)));
    this.#layouts[part] = layout;
    return layout;
  }

  #record(
    timestampMs: number,
    blocks: readonly EncodedShape<Block>[],
    layout: EncodedShape<Layout>,
    values: Float64Array<ArrayBuffer>,
    sampleTimesMs: Float64Array<ArrayBuffer> | null,
    target = this.#target,
  ): OutboundRecord {
    const targetId = target.shape.id;
    const scrape = { targetId, layoutId: layout.shape.id, timestampMs, values, sampleTimesMs };
    return {
      frameType: FrameType.scrapes,
      id: 0n,
      body: encodeScrapes([scrape]),
      shapes: [target, ...blocks, layout],
      samples: values.length,
      timestampMs,
    };
  }
}

function seriesOf(blocks: readonly EncodedShape<Block>[]): number {
  return blocks.reduce((sum, block) => sum + seriesCountOf(block.shape), 0);
}

function joined(head: Float64Array<ArrayBuffer>, tail: readonly number[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
