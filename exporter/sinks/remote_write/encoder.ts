import type { Batch, OpaqueRecord, ResolvedScrape } from "../../sink.ts";
import { BlockCache } from "../block_cache.ts";
import { expandRecord } from "../expand.ts";
import { fitsTemplate, RequestBuffer, seriesStart } from "./request_buffer.ts";
import { buildTemplate, encodeLabels, type SeriesTemplate } from "./template.ts";

export interface EncoderOptions {
  /** Samples in one request. */
  readonly samplesMax: number;
  /** Bytes of one request before compression; a series that is larger alone goes alone. */
  readonly requestBytesMax: number;
  readonly cacheBytesMax: number;
}

export interface WriteRequest {
  /** Valid until the next request is asked for. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** By snappy. */
  readonly isCompressed: boolean;
  readonly samples: number;
}

/** Turns batches into the bodies of requests; one for each version of the protocol. */
export interface WriteEncoder {
  /** Opaque records of the last batch that were left out, in whole or in part. */
  readonly notCarriedRecords: number;
  requests(batch: Batch): Iterable<WriteRequest>;
}

/**
 * Encodes batches as WriteRequests. Each sample is a TimeSeries of its own, as Prometheus itself sends them; scrapes
 * go in the order of their times, so that the samples of a series are in time order within and across requests.
 */
export class RequestEncoder implements WriteEncoder {
  readonly #options: EncoderOptions;
  readonly #templates: BlockCache<SeriesTemplate>;
  readonly #buffer = new RequestBuffer();
  #notCarriedRecords = 0;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#templates = new BlockCache(options.cacheBytesMax, buildTemplate);
  }

  get notCarriedRecords(): number {
    return this.#notCarriedRecords;
  }

  *requests(batch: Batch): Generator<WriteRequest> {
    this.#buffer.clear();
    this.#notCarriedRecords = 0;
    for (const scrape of inTimeOrder(batch.scrapes)) yield* this.#scrape(scrape);
    for (const record of batch.opaque) yield* this.#opaque(record);
    if (this.#buffer.samples > 0) yield this.#take();
  }

  *#scrape(scrape: ResolvedScrape): Generator<WriteRequest> {
    const { values } = scrape;
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const uniform = scrape.sampleTimesMs === null && fitsTemplate(scrape.timestampMs);
    let first = 0;
    for (const block of scrape.blocks) {
      const template = this.#templates.get(block, scrape.target);
      const count = template.valueAt.length;
      for (let from = 0; from < count;) {
        const to = this.#fitting(template, from, count);
        if (to === from) {
          yield this.#take();
          continue;
        }
        if (uniform) this.#buffer.appendRange(template, from, to, bits, (first + from) * 2, scrape.timestampMs);
        else this.#appendEach(template, from, to, bits, first, scrape);
        from = to;
      }
      first += count;
    }
  }

  #appendEach(
    template: SeriesTemplate,
    from: number,
    to: number,
    bits: Uint32Array,
    first: number,
    scrape: ResolvedScrape,
  ): void {
    for (let series = from; series < to; series++) {
      const index = first + series;
      const own = scrape.sampleTimesMs === null ? NaN : scrape.sampleTimesMs[index] as number;
      const timeMs = Number.isNaN(own) ? scrape.timestampMs : own;
      this.#buffer.appendOne(template, series, bits[index * 2] as number, bits[index * 2 + 1] as number, timeMs);
    }
  }

  *#opaque(record: OpaqueRecord): Generator<WriteRequest> {
    const expanded = expandRecord(record);
    if (expanded === null || expanded.skipped > 0) this.#notCarriedRecords++;
    const bits = new Uint32Array(2);
    const number = new Float64Array(bits.buffer);
    for (const sample of expanded?.samples ?? []) {
      const labels = encodeLabels(sample.labels);
      if (!this.#hasRoom(labels.length)) yield this.#take();
      number[0] = sample.value;
      this.#buffer.appendSeries(labels, bits[0] as number, bits[1] as number, sample.timestampMs);
    }
  }

  /** The end of the run of series from `from` on that the request in the making can take. */
  #fitting(template: SeriesTemplate, from: number, count: number): number {
    const { samples, length } = this.#buffer;
    const start = seriesStart(template, from);
    const room = this.#options.requestBytesMax - length;
    let to = Math.min(count, from + this.#options.samplesMax - samples);
    if (seriesStart(template, to) - start > room) {
      to = from;
      while (seriesStart(template, to + 1) - start <= room) to++;
    }
    return to === from && samples === 0 ? from + 1 : to;
  }

  #hasRoom(bytes: number): boolean {
    const { samples, length } = this.#buffer;
    const { samplesMax, requestBytesMax } = this.#options;
    return samples === 0 || samples < samplesMax && length + bytes <= requestBytesMax;
  }

  #take(): WriteRequest {
    const request = { body: this.#buffer.view(), samples: this.#buffer.samples, isCompressed: false };
    this.#buffer.clear();
    return request;
  }
}

/** A late record, which its collector held back, may stand behind newer ones of the same target. */
export function inTimeOrder(scrapes: readonly ResolvedScrape[]): readonly ResolvedScrape[] {
  const sorted = scrapes.every((scrape, index) => index === 0 || scrapes[index - 1]!.timestampMs <= scrape.timestampMs);
  return sorted ? scrapes : scrapes.toSorted((a, b) => a.timestampMs - b.timestampMs);
}
