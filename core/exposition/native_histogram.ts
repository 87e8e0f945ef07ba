/**
 * A histogram whose buckets follow from its schema, so that only those that hold something are written.
 *
 * With an exponential schema `n` the bucket of index `i` holds what is above `2^((i-1) * 2^-n)` and at most
 * `2^(i * 2^-n)`; the buckets of negative observations mirror that. With {@link customBucketsSchema} it holds what is
 * above `customBounds[i-1]` and at most `customBounds[i]`.
 * @see https://prometheus.io/docs/specs/native_histograms/
 */
export interface NativeHistogram {
  /** Whether its counts are floats, as after a weighting, instead of whole numbers of observations. */
  readonly float: boolean;
  readonly schema: number;
  /** Of all observations, those that are NaN included. */
  readonly count: number;
  readonly sum: number;
  /** Observations from minus to plus the threshold are in the zero bucket. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: NativeBuckets;
  readonly negative: NativeBuckets;
  /** Upper bounds, in increasing order and without +Inf; empty for an exponential schema. */
  readonly customBounds: readonly number[];
}

export interface NativeBuckets {
  readonly spans: readonly Span[];
  /** What each bucket of the spans holds: absolute, not cumulative. */
  readonly counts: readonly number[];
}

/** Buckets with neighbouring indices. */
export interface Span {
  /** Index of the first bucket of the first span; for the others the number of buckets left out before it. */
  readonly offset: number;
  /** Number of buckets. */
  readonly length: number;
}

/** The schema of buckets whose bounds are given. */
export const customBucketsSchema = -53;

export const exponentialSchemaMin = -4;
export const exponentialSchemaMax = 8;

/**
 * Why the histogram cannot be what it says, or null: an unknown schema, spans that do not fit the counts, negative
 * counts, bounds that do not increase. `strict` also asks that the buckets add up to the count.
 */
export function faultOfHistogram(histogram: NativeHistogram, strict: boolean): string | null {
  const { positive, negative } = histogram;
  return faultOfSchema(histogram) ?? faultOfBuckets("positive", positive) ?? faultOfBuckets("negative", negative)
    ?? faultOfZero(histogram) ?? (strict ? faultOfCount(histogram) : null);
}

function faultOfSchema(histogram: NativeHistogram): string | null {
  const { schema, customBounds, negative, zeroCount } = histogram;
  if (schema !== customBucketsSchema) {
    if (!(schema >= exponentialSchemaMin && schema <= exponentialSchemaMax)) {
      const known = `from ${exponentialSchemaMin} to ${exponentialSchemaMax} nor ${customBucketsSchema}`;
      return `has the schema ${schema}, which is neither ${known}`;
    }
    return customBounds.length === 0 ? null : "has custom bounds although its schema is exponential";
  }
  if (negative.spans.length > 0 || negative.counts.length > 0) return "has custom bounds and negative buckets";
  if (zeroCount !== 0 || histogram.zeroThreshold !== 0) return "has custom bounds and a zero bucket";
  for (const [index, bound] of customBounds.entries()) {
    const before = customBounds[index - 1] ?? -Infinity;
    if (!(bound > before) || bound === Infinity) return "has custom bounds that do not increase up to, without, +Inf";
  }
  const { spans } = histogram.positive;
  if ((spans[0]?.offset ?? 0) < 0) return "has a bucket below its custom bounds";
  const last = spans.reduce((index, span) => index + span.offset + span.length, 0);
  return last > customBounds.length + 1 ? "has a bucket above its custom bounds" : null;
}

function faultOfBuckets(side: string, { spans, counts }: NativeBuckets): string | null {
  let buckets = 0;
  for (const [index, { offset, length }] of spans.entries()) {
    if (index > 0 && offset < 0) return `has a ${side} span that lies before the one it follows`;
    buckets += length;
  }
  if (buckets !== counts.length) return `has ${buckets} ${side} buckets in its spans and ${counts.length} counts`;
  return counts.every((count) => count >= 0) ? null : `has a ${side} bucket with a negative count or NaN`;
}

function faultOfZero({ zeroThreshold, zeroCount, count }: NativeHistogram): string | null {
  if (!(zeroThreshold >= 0)) return "has a negative zero threshold or NaN";
  if (!(zeroCount >= 0)) return "has a negative count of zeros or NaN";
  return count >= 0 ? null : "has a negative count or NaN";
}

/** Observations of NaN are in no bucket, and make the sum NaN. */
function faultOfCount({ float, count, sum, zeroCount, positive, negative }: NativeHistogram): string | null {
  // The counts of floats may have been rounded on their way.
  if (float) return null;
  const held = [...positive.counts, ...negative.counts].reduce((total, one) => total + one, zeroCount);
  if (held === count || Number.isNaN(sum) && held < count) return null;
  return `has buckets of ${held} observations and a count of ${count}`;
}
