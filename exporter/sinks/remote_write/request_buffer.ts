import { sampleHeadBytes, seriesEndOffset, type SeriesTemplate, tag, timeOffset } from "./template.ts";

const capacityBytesMin = 64 * 1024;
/** Tag and length of a series (at most 5 bytes) and its sample with the longest time. */
const seriesOverheadBytes = 6 + 2 + 1 + 8 + 1 + 10;

/** One WriteRequest in the making. Its memory is kept from one request to the next. */
export class RequestBuffer {
  #bytes = new Uint8Array(capacityBytesMin);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #samples = 0;

  get length(): number {
    return this.#length;
  }

  get samples(): number {
    return this.#samples;
  }

  /** What was written, as a view that is valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#samples = 0;
  }

  /**
   * Fast path: appends the series `from` to `to` of a template, all at one time that fits the template's holes (see
   * {@link fitsTemplate}). One copy for the range, then four stores a sample.
   * `bits` are the 32-bit halves of the values, low half first; those of the series `from` begin at `bitsFrom`.
   * Copying halves keeps the payload of every NaN, which a move as a number need not.
   */
  appendRange(
    template: SeriesTemplate,
    from: number,
    to: number,
    bits: Uint32Array,
    bitsFrom: number,
    timeMs: number,
  ): void {
    const { encoded, valueAt } = template;
    const start = seriesStart(template, from);
    const end = seriesStart(template, to);
    const shift = this.#reserve(end - start) - start;
    this.#bytes.set(start === 0 && end === encoded.length ? encoded : encoded.subarray(start, end), shift + start);
    const view = this.#view;
    const low = timeLow(timeMs);
    const high = timeHigh(timeMs);
    let bit = bitsFrom;
    for (let series = from; series < to; series++) {
      const at = shift + (valueAt[series] as number);
      view.setUint32(at, bits[bit] as number, true);
      view.setUint32(at + 4, bits[bit + 1] as number, true);
      view.setUint32(at + timeOffset, low, true);
      view.setUint16(at + timeOffset + 4, high, true);
      bit += 2;
    }
    this.#samples += to - from;
  }

  /** Appends one series of a template at any time. */
  appendOne(template: SeriesTemplate, series: number, low: number, high: number, timeMs: number): void {
    const { encoded, valueAt } = template;
    let labelsAt = seriesStart(template, series) + 1;
    // The length of the series stands before its labels.
    while ((encoded[labelsAt] as number) >= 0x80) labelsAt++;
    const labels = encoded.subarray(labelsAt + 1, (valueAt[series] as number) - sampleHeadBytes);
    this.appendSeries(labels, low, high, timeMs);
  }

  /** Appends a series by its encoded labels, with one sample. */
  appendSeries(labels: Uint8Array, low: number, high: number, timeMs: number): void {
    const time = varintInt64(timeMs);
    const sampleBytes = 1 + 8 + 1 + time.length;
    this.#reserveCapacity(labels.length + seriesOverheadBytes);
    this.#u8(tag.timeSeries);
    this.#varint(labels.length + 2 + sampleBytes);
    this.#raw(labels);
    this.#u8(tag.sample);
    this.#u8(sampleBytes);
    this.#u8(tag.value);
    this.#view.setUint32(this.#length, low, true);
    this.#view.setUint32(this.#length + 4, high, true);
    this.#length += 8;
    this.#u8(tag.time);
    this.#raw(time);
    this.#samples++;
  }

  #u8(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#u8((rest & 0x7f) | 0x80);
    this.#u8(rest);
  }

  #raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): number {
    this.#reserveCapacity(count);
    const at = this.#length;
    this.#length += count;
    return at;
  }

  #reserveCapacity(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Where a series of a template begins; for the count of the series, the end of the last one. */
export function seriesStart(template: SeriesTemplate, series: number): number {
  return series === 0 ? 0 : (template.valueAt[series - 1] as number) + seriesEndOffset;
}

/** Whether the varint of a time has six bytes. */
export function fitsTemplate(timeMs: number): boolean {
  return timeMs >= 2 ** 35 && timeMs < 2 ** 42;
}

/** The first four bytes of the varint of a time that fits, as a little-endian number. */
function timeLow(timeMs: number): number {
  const bits = timeMs % 2 ** 28;
  const spread = (bits & 0x7f) | (bits & 0x3f80) << 1 | (bits & 0x1f_c000) << 2 | (bits & 0xfe0_0000) << 3;
  return (spread | 0x8080_8080) >>> 0;
}

/** Its last two bytes. */
function timeHigh(timeMs: number): number {
  const bits = Math.floor(timeMs / 2 ** 28);
  return (bits & 0x7f) | (bits & 0x3f80) << 1 | 0x80;
}

/** Protobuf's int64: a negative number is its 64-bit two's complement, ten bytes. */
export function varintInt64(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
