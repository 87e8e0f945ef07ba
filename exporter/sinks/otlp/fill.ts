import { type CompositeHoles, flagsAfterValue, type NumberHoles, timeBeforeValue } from "./template.ts";

/** The values of one block of a scrape. */
export interface ScrapeBits {
  readonly values: Float64Array;
  /** The 32-bit halves of `values`, low half first. */
  readonly halves: Uint32Array;
  /** Where the block's values begin. */
  readonly first: number;
  readonly timestampMs: number;
  /** NaN where a sample has no time of its own. */
  readonly sampleTimesMs: Float64Array | null;
}

const staleLow = 0x0000_0002;
const staleHigh = 0x7ff0_0000;
/** DataPointFlags.NO_RECORDED_VALUE. */
const noRecordedValue = 1;
const twoTo32 = 2 ** 32;

/**
 * Fast path: writes times, values and flags of the number points of a metric that was copied to `at`. The staleness
 * marker keeps its bits under the flag, for receivers that look at the value only.
 */
export function fillNumbers(view: DataView, at: number, { valueAt, series }: NumberHoles, scrape: ScrapeBits): void {
  const { halves, first, timestampMs, sampleTimesMs } = scrape;
  let timeLow = nanosLow(timestampMs);
  let timeHigh = nanosHigh(timestampMs);
  for (let point = 0; point < valueAt.length; point++) {
    const index = first + (series[point] as number);
    if (sampleTimesMs !== null) {
      const timeMs = timeOf(scrape, index);
      timeLow = nanosLow(timeMs);
      timeHigh = nanosHigh(timeMs);
    }
    const value = at + (valueAt[point] as number);
    const low = halves[index * 2] as number;
    const high = halves[index * 2 + 1] as number;
    view.setUint32(value - timeBeforeValue, timeLow, true);
    view.setUint32(value - timeBeforeValue + 4, timeHigh, true);
    view.setUint32(value, low, true);
    view.setUint32(value + 4, high, true);
    if (low === staleLow && high === staleHigh) view.setUint8(value + flagsAfterValue, noRecordedValue);
  }
}

/** The same for histograms and summaries. One whose count is stale is stale as a whole. */
export function fillComposites(view: DataView, at: number, holes: readonly CompositeHoles[], scrape: ScrapeBits): void {
  const { halves, first } = scrape;
  for (const one of holes) {
    const count = first + one.point.count;
    const timeMs = timeOf(scrape, count);
    view.setUint32(at + one.timeAt, nanosLow(timeMs), true);
    view.setUint32(at + one.timeAt + 4, nanosHigh(timeMs), true);
    if (halves[count * 2] === staleLow && halves[count * 2 + 1] === staleHigh) {
      view.setUint8(at + one.flagsAt, noRecordedValue);
      continue;
    }
    const counted = wholeOf(scrape.values[count] as number);
    setUint64(view, at + one.countAt, counted);
    if (one.sumAt !== -1) copyBits(view, at + one.sumAt, halves, first + one.point.sum);
    if (one.kind === "histogram") fillBuckets(view, at, one, scrape, counted);
    else {for (const [index, series] of one.point.bounded.entries()) {
        copyBits(view, at + one.boundedAt + index * one.stepBytes, halves, first + series);
      }}
  }
}

/** Cumulative counts become those of each bucket; the last one, of +Inf, is what is missing to the count. */
function fillBuckets(view: DataView, at: number, one: CompositeHoles, scrape: ScrapeBits, counted: number): void {
  let below = 0;
  let bucketAt = at + one.boundedAt;
  for (const series of one.point.bounded) {
    // A count that shrinks from bucket to bucket, or exceeds the whole, is no histogram's; it must not become negative.
    const through = Math.min(counted, Math.max(below, wholeOf(scrape.values[scrape.first + series] as number)));
    setUint64(view, bucketAt, through - below);
    below = through;
    bucketAt += one.stepBytes;
  }
  setUint64(view, bucketAt, counted - below);
}

function timeOf({ timestampMs, sampleTimesMs }: ScrapeBits, index: number): number {
  const own = sampleTimesMs === null ? NaN : sampleTimesMs[index] as number;
  return own === own ? own : timestampMs;
}

function wholeOf(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % twoTo32, true);
  view.setUint32(at + 4, Math.floor(value / twoTo32), true);
}

function copyBits(view: DataView, at: number, halves: Uint32Array, index: number): void {
  view.setUint32(at, halves[index * 2] as number, true);
  view.setUint32(at + 4, halves[index * 2 + 1] as number, true);
}

/**
 * Nanoseconds need 61 bits: milliseconds are multiplied in two parts of 16 and 26 bits, each exact in a float. OTLP has
 * no time before 1970.
 */
function nanosLow(timeMs: number): number {
  return lowPart(timeMs) % twoTo32;
}

function nanosHigh(timeMs: number): number {
  const ms = Math.max(0, timeMs);
  return Math.floor(Math.floor(ms / 65_536) * 1e6 / 65_536) + Math.floor(lowPart(timeMs) / twoTo32);
}

function lowPart(timeMs: number): number {
  const ms = Math.max(0, timeMs);
  return Math.floor(ms / 65_536) * 1e6 % 65_536 * 65_536 + ms % 65_536 * 1e6;
}
