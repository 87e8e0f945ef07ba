/**
 * One Request of remote write 2.0 (io.prometheus.write.v2), as the specification has it:
 *
 * ```
 * Request     repeated string symbols = 4;  repeated TimeSeries timeseries = 5;
 * TimeSeries  repeated uint32 labels_refs = 1;  repeated Sample samples = 2;  Metadata metadata = 5;
 *             (histograms = 3, exemplars = 4 and created_timestamp = 6: what collectors send has none yet)
 * Sample      double value = 1;  int64 timestamp = 2;
 * Metadata    MetricType type = 1;  uint32 help_ref = 3;  uint32 unit_ref = 4;
 *
 * 22 length text …   2A length  0A length ref ref …  12 length  09 vvvvvvvv  10 time  2A length 08 type 18 ref 20 ref
 * symbols            series     labels               sample                           metadata
 * ```
 */

import { putVarint } from "./fields.ts";
import type { LabelPlan } from "./label_shapes.ts";
import { varintInt64 } from "./request_buffer.ts";
import { type SymbolDictionary, SymbolTable } from "./symbols.ts";
import { placeSymbols, type SymbolTemplate, type TargetTemplate } from "./template_2.ts";

export const tag = { series: 0x2a, labels: 0x0a, sample: 0x12, value: 0x09, time: 0x10, metadata: 0x2a };
export const metadataTag = { type: 0x08, help: 0x18, unit: 0x20 };
const varintBytesMax = 5;
/** Tags and lengths of series, labels, sample and metadata, with the longest time and references. */
const seriesOverheadBytes = 64;

/** Where a series of a request comes from. */
export interface SeriesSource {
  readonly template: SymbolTemplate;
  /** That of the series' shape under the target's. */
  readonly plan: LabelPlan;
  readonly target: TargetTemplate;
}

export class RequestBuffer2 {
  readonly #symbols: SymbolTable;
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #samples = 0;
  /** The dictionary's numbers of the labels of one series. */
  #refs = new Uint32Array(64);
  #timeMs = NaN;
  #time: Uint8Array = new Uint8Array();
  #body = new Uint8Array();

  constructor(dictionary: SymbolDictionary) {
    this.#symbols = new SymbolTable(dictionary);
  }

  /** Bytes of the request so far. */
  get length(): number {
    return this.#symbols.length + this.#length;
  }

  get samples(): number {
    return this.#samples;
  }

  clear(): void {
    this.#symbols.clear();
    this.#length = 0;
    this.#samples = 0;
  }

  /** The request, symbols first; valid until the next one is taken. */
  finish(): Uint8Array<ArrayBuffer> {
    const { length } = this;
    if (this.#body.length < length) this.#body = new Uint8Array(length * 2);
    this.#body.set(this.#symbols.view());
    this.#body.set(this.#bytes.subarray(0, this.#length), this.#symbols.length);
    return this.#body.subarray(0, length);
  }

  /**
   * Fast path: appends one series of a template under a target with one sample; `low` and `high` are the halves of its
   * value. Lengths are written as one byte, and what follows is moved when they need more.
   */
  append(source: SeriesSource, series: number, low: number, high: number, timeMs: number): void {
    const { template, plan, target } = source;
    const from = series === 0 ? 0 : template.valuesEnd[series - 1] as number;
    const refsMax = plan.places.length * 2;
    if (this.#refs.length < refsMax) this.#refs = new Uint32Array(refsMax * 2);
    const count = placeSymbols(this.#refs, plan, template.values, from, target.values);
    this.#reserve(count * varintBytesMax + seriesOverheadBytes);
    const bytes = this.#bytes;
    const start = this.#length;
    bytes[start] = tag.series;
    bytes[start + 2] = tag.labels;
    let at = this.#symbols.putRefs(this.#refs, 0, count, bytes, start + 4);
    at = this.#endField(start + 3, at);
    at = this.#sample(at, low, high, timeMs);
    at = this.#metadata(at, template);
    this.#length = this.#endField(start + 1, at);
    this.#samples++;
  }

  #sample(start: number, low: number, high: number, timeMs: number): number {
    const bytes = this.#bytes;
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs;
      this.#time = varintInt64(timeMs);
    }
    const time = this.#time;
    bytes[start] = tag.sample;
    bytes[start + 1] = 1 + 8 + 1 + time.length;
    bytes[start + 2] = tag.value;
    this.#view.setUint32(start + 3, low, true);
    this.#view.setUint32(start + 7, high, true);
    bytes[start + 11] = tag.time;
    for (let index = 0; index < time.length; index++) bytes[start + 12 + index] = time[index] as number;
    return start + 12 + time.length;
  }

  #metadata(start: number, { type, help, unit }: SymbolTemplate): number {
    if (type === 0 && help === 0 && unit === 0) return start;
    const bytes = this.#bytes;
    bytes[start] = tag.metadata;
    let at = start + 2;
    if (type !== 0) {
      bytes[at++] = metadataTag.type;
      bytes[at++] = type;
    }
    if (help !== 0) {
      bytes[at++] = metadataTag.help;
      at = putVarint(bytes, at, this.#symbols.refOf(help));
    }
    if (unit !== 0) {
      bytes[at++] = metadataTag.unit;
      at = putVarint(bytes, at, this.#symbols.refOf(unit));
    }
    return this.#endField(start + 1, at);
  }

  /** Writes the length of a field whose content is from `lengthAt` + 1 to `end`; returns its end. */
  #endField(lengthAt: number, end: number): number {
    const length = end - lengthAt - 1;
    if (length < 0x80) {
      this.#bytes[lengthAt] = length;
      return end;
    }
    const extra = length < 2 ** 14 ? 1 : length < 2 ** 21 ? 2 : 3;
    this.#bytes.copyWithin(lengthAt + 1 + extra, lengthAt + 1, end);
    putVarint(this.#bytes, lengthAt, length);
    return end + extra;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
