import type { Exemplar } from "../exposition.ts";
import type { NativeBuckets, NativeHistogram, Span } from "../native_histogram.ts";
import { type Exposed, readExemplar, readTimestampMs } from "./parts.ts";
import type { ProtobufReader } from "./reader.ts";

/** `io.prometheus.client.Histogram`: a classic histogram, a native one, or both of the same observations. */
export interface Histogram extends Exposed {
  readonly count: number;
  readonly sum: number;
  /** The classic buckets, as exposed: the one of +Inf may be left out. */
  readonly buckets: readonly Bucket[];
  readonly native: NativeHistogram | null;
  /** Of the native histogram. */
  readonly exemplars: readonly Exemplar[];
}

export interface Bucket {
  /** Observations up to the bound. */
  readonly count: number;
  readonly upperBound: number;
  readonly exemplar: Exemplar | null;
}

/** One side of a native histogram as it is written: differences of whole numbers, or floats. */
interface Side {
  readonly spans: Span[];
  readonly deltas: number[];
  readonly counts: number[];
}

/** The fields as they are written; a count that is a float overrides the whole number when it is not 0. */
interface Fields {
  count: number;
  countFloat: number;
  sum: number;
  schema: number;
  zeroThreshold: number;
  zeroCount: number;
  zeroCountFloat: number;
  createdMs: number | null;
  readonly buckets: Bucket[];
  readonly exemplars: Exemplar[];
  readonly positive: Side;
  readonly negative: Side;
}

/** Reads the message that the reader stands in, to its end. */
export function readHistogram(reader: ProtobufReader): Histogram {
  const fields: Fields = {
    count: 0,
    countFloat: 0,
    sum: 0,
    schema: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    zeroCountFloat: 0,
    createdMs: null,
    buckets: [],
    exemplars: [],
    positive: { spans: [], deltas: [], counts: [] },
    negative: { spans: [], deltas: [], counts: [] },
  };
  while (reader.next()) readField(reader, fields);
  const { countFloat, sum, buckets, exemplars, createdMs } = fields;
  const count = countFloat > 0 ? countFloat : fields.count;
  return { count, sum, buckets, exemplars, createdMs, native: nativeOf(fields) };
}

function readField(reader: ProtobufReader, fields: Fields): void {
  switch (reader.field) {
    case 1:
      fields.count = reader.uint64();
      return;
    case 2:
      fields.sum = reader.double();
      return;
    case 3:
      fields.buckets.push(reader.submessage(() => readBucket(reader)));
      return;
    case 4:
      fields.countFloat = reader.double();
      return;
    case 5:
      fields.schema = reader.sint32();
      return;
    case 6:
      fields.zeroThreshold = reader.double();
      return;
    case 7:
      fields.zeroCount = reader.uint64();
      return;
    case 8:
      fields.zeroCountFloat = reader.double();
      return;
    case 15:
      fields.createdMs = readTimestampMs(reader);
      return;
    case 16:
      fields.exemplars.push(reader.submessage(() => readExemplar(reader)));
      return;
    default:
      readSideField(reader, fields);
  }
}

function readSideField(reader: ProtobufReader, { negative, positive }: Fields): void {
  switch (reader.field) {
    case 9:
      negative.spans.push(reader.submessage(() => readSpan(reader)));
      return;
    case 10:
      reader.sint64s(negative.deltas);
      return;
    case 11:
      reader.doubles(negative.counts);
      return;
    case 12:
      positive.spans.push(reader.submessage(() => readSpan(reader)));
      return;
    case 13:
      reader.sint64s(positive.deltas);
      return;
    case 14:
      reader.doubles(positive.counts);
      return;
    default:
      reader.skip();
  }
}

function readBucket(reader: ProtobufReader): Bucket {
  let count = 0;
  let countFloat = 0;
  let upperBound = 0;
  let exemplar: Exemplar | null = null;
  while (reader.next()) {
    if (reader.field === 1) count = reader.uint64();
    else if (reader.field === 2) upperBound = reader.double();
    else if (reader.field === 3) exemplar = reader.submessage(() => readExemplar(reader));
    else if (reader.field === 4) countFloat = reader.double();
    else reader.skip();
  }
  return { count: countFloat > 0 ? countFloat : count, upperBound, exemplar };
}

function readSpan(reader: ProtobufReader): Span {
  let offset = 0;
  let length = 0;
  while (reader.next()) {
    if (reader.field === 1) offset = reader.sint32();
    else if (reader.field === 2) length = reader.uint32();
    else reader.skip();
  }
  return { offset, length };
}

/**
 * The native part of the histogram. What has neither a span nor a zero bucket is none: a native histogram without
 * observations has an empty span to say so.
 */
function nativeOf(fields: Fields): NativeHistogram | null {
  const { positive, negative, zeroThreshold, zeroCount, zeroCountFloat, countFloat, count, sum, schema } = fields;
  const spans = positive.spans.length + negative.spans.length;
  if (spans === 0 && !(zeroThreshold > 0) && !(zeroCount > 0) && !(zeroCountFloat > 0)) return null;
  const float = countFloat > 0 || zeroCountFloat > 0;
  return {
    float,
    schema,
    count: float ? countFloat : count,
    sum,
    zeroThreshold,
    zeroCount: float ? zeroCountFloat : zeroCount,
    positive: bucketsOf(positive, float),
    negative: bucketsOf(negative, float),
    customBounds: [],
  };
}

function bucketsOf({ spans, deltas, counts }: Side, float: boolean): NativeBuckets {
  if (float) return { spans, counts };
  let count = 0;
  return { spans, counts: deltas.map((delta) => count += delta) };
}
