import type { NativeSample } from "./exposition.ts";
import { jsonSeries, jsonValue } from "./json_sample.ts";
import type { NativeBuckets, NativeHistogram } from "./native_histogram.ts";

/**
 * A native histogram as one JSON object without a line feed: that of a sample, with `histogram` instead of `value`.
 * Buckets are `[index, count]`, those that are left out and the zero bucket apart; numbers are as in samples.
 */
export function jsonNativeSample(sample: NativeSample, type: string): string {
  const { name, labels, timestampMs, histogram } = sample;
  return jsonSeries({ name, labels, timestampMs, type }, `"histogram":${jsonHistogram(histogram)}`);
}

function jsonHistogram(histogram: NativeHistogram): string {
  const { schema, count, sum, zeroThreshold, zeroCount, positive, negative, customBounds } = histogram;
  const numbers = { count, sum, zeroThreshold, zeroCount };
  let json = `{"schema":${schema}`;
  for (const [key, value] of Object.entries(numbers)) json += `,"${key}":${jsonValue(value)}`;
  json += `,"positive":${jsonBuckets(positive)},"negative":${jsonBuckets(negative)}`;
  if (customBounds.length > 0) json += `,"customBounds":[${customBounds.map(jsonValue).join(",")}]`;
  return `${json}}`;
}

function jsonBuckets({ spans, counts }: NativeBuckets): string {
  const buckets: string[] = [];
  let index = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (const end = index + length; index < end; index++) {
      buckets.push(`[${index},${jsonValue(counts[buckets.length] ?? 0)}]`);
    }
  }
  return `[${buckets.join(",")}]`;
}
