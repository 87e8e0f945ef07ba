/**
 * Encoded metrics with holes for times, values and flags. Protobuf, as opentelemetry.proto.metrics.v1 has it:
 *
 * ```
 * Metric              name = 1, description = 2, unit = 3, gauge = 5 | sum = 7 | histogram = 9 | summary = 11
 * Gauge               data_points = 1
 * Sum, Histogram      data_points = 1, aggregation_temporality = 2 (2: cumulative), is_monotonic = 3 (Sum)
 * Summary             data_points = 1
 * NumberDataPoint     time_unix_nano = 3, as_double = 4, attributes = 7, flags = 8
 * HistogramDataPoint  time_unix_nano = 3, count = 4, sum = 5, bucket_counts = 6, explicit_bounds = 7, flags = 10,
 *                     attributes = 9
 * SummaryDataPoint    time_unix_nano = 3, count = 4, sum = 5, quantile_values = 6, attributes = 7, flags = 8
 *
 * number     3A length attribute …  19 tttttttt  21 vvvvvvvv  40 f
 * histogram  4A length attribute …  19 tttttttt  21 cccccccc  29 ssssssss  32 length bbbbbbbb …  3A length bound …  50 f
 * summary    3A length attribute …  19 tttttttt  21 cccccccc  29 ssssssss  32 12 09 quantile 11 vvvvvvvv …  40 f
 * ```
 *
 * Every hole has a fixed size. `start_time_unix_nano` is left out, which says that it is not known.
 */

import { ByteWriter } from "../../../core/protocol/bytes.ts";
import type { Block, Label, Target } from "../../../core/protocol/shape.ts";
import type { Materialized } from "../block_cache.ts";
import { type CompositePoint, type Metric, type MetricData, type NumberPoint, readFamily } from "./family.ts";

/** The metrics of a block under a target. */
export interface BlockTemplate extends Materialized {
  readonly metrics: readonly MetricTemplate[];
  /** Samples of each scrape that cannot be carried. */
  readonly notCarriedSamples: number;
}

/** One Metric message of one resource. Offsets are into `encoded`, which is not to be changed. */
export interface MetricTemplate {
  /** The encoded Resource; equal ones are the same text in `resourceKey`. */
  readonly resource: Uint8Array;
  readonly resourceKey: string;
  readonly encoded: Uint8Array;
  readonly samples: number;
  readonly points: number;
  readonly numbers: NumberHoles | null;
  readonly composites: readonly CompositeHoles[];
}

/** For each point, where its value is, with the time 9 bytes before it and the flags 9 bytes behind, and its series. */
export interface NumberHoles {
  readonly valueAt: Uint32Array;
  readonly series: Uint32Array;
}

/** The holes of one histogram or summary point; an offset of -1 is no hole. */
export interface CompositeHoles {
  readonly point: CompositePoint;
  readonly kind: "histogram" | "summary";
  readonly timeAt: number;
  readonly countAt: number;
  readonly sumAt: number;
  /** The first bucket or quantile value; the others follow in steps of `stepBytes`. */
  readonly boundedAt: number;
  readonly stepBytes: number;
  readonly flagsAt: number;
}

export const timeBeforeValue = 9;
export const flagsAfterValue = 9;

/** Points in one Metric message, so that a request can be cut between two. */
const pointsMax = 500;
const quantileBytes = 2 + 9 + 9;
const dataTag = { gauge: 0x2a, counter: 0x3a, sum: 0x3a, histogram: 0x4a, summary: 0x5a } as const;

/** UCUM's names of the units that OpenMetrics names; others are handed on. */
const units: Readonly<Record<string, string>> = {
  seconds: "s",
  bytes: "By",
  meters: "m",
  grams: "g",
  joules: "J",
  volts: "V",
  amperes: "A",
  celsius: "Cel",
  ratios: "1",
};

export function buildBlockTemplate(
  block: Block,
  target: Pick<Target, "labels">,
  resourceLabels: ReadonlyMap<string, string>,
): BlockTemplate {
  const { metrics, notCarried } = readFamily(block, target, resourceLabels);
  const templates = metrics.flatMap((metric) => encodeMetric(metric, block));
  const bytes = templates.reduce(
    (sum, one) => sum + one.encoded.length + one.resource.length + one.points * 16 + 128,
    0,
  );
  return { metrics: templates, notCarriedSamples: notCarried, bytes };
}

function encodeMetric(metric: Metric, block: Block): MetricTemplate[] {
  const templates: MetricTemplate[] = [];
  const resource = encodeAttributes(metric.resource, 0x0a);
  const resourceKey = JSON.stringify(metric.resource);
  const { data } = metric;
  for (let from = 0; from < data.points.length; from += pointsMax) {
    const writer = new ByteWriter(4096);
    const part = encodePoints(writer, data, from);
    if (data.kind !== "gauge" && data.kind !== "summary") writer.u8(0x10).u8(2);
    if (data.kind === "counter") writer.u8(0x18).u8(1);
    const head = new ByteWriter(256);
    text(head, 0x0a, metric.name);
    text(head, 0x12, block.help);
    text(head, 0x1a, Object.hasOwn(units, block.unit) ? units[block.unit] as string : block.unit);
    head.u8(dataTag[data.kind]).varint(writer.length);
    const shift = head.length;
    const encoded = head.raw(writer.view()).finish();
    templates.push({ resource, resourceKey, encoded, ...shifted(part, shift) });
  }
  return templates;
}

function encodePoints(writer: ByteWriter, data: MetricData, from: number): Part {
  const to = from + pointsMax;
  if (data.kind === "histogram" || data.kind === "summary") {
    return encodeComposites(writer, data.kind, data.points.slice(from, to));
  }
  return encodeNumbers(writer, data.points.slice(from, to));
}

type Part = Pick<MetricTemplate, "samples" | "points" | "numbers" | "composites">;

function shifted({ numbers, composites, ...rest }: Part, by: number): Part {
  return {
    ...rest,
    numbers: numbers === null ? null : { ...numbers, valueAt: numbers.valueAt.map((at) => at + by) },
    composites: composites.map((one) => ({
      ...one,
      timeAt: one.timeAt + by,
      countAt: one.countAt + by,
      sumAt: one.sumAt === -1 ? -1 : one.sumAt + by,
      boundedAt: one.boundedAt + by,
      flagsAt: one.flagsAt + by,
    })),
  };
}

function encodeNumbers(writer: ByteWriter, points: readonly NumberPoint[]): Part {
  const valueAt = new Uint32Array(points.length);
  for (const [index, { attributes }] of points.entries()) {
    const labels = encodeAttributes(attributes, 0x3a);
    writer.u8(0x0a).varint(labels.length + 9 + 9 + 2).raw(labels);
    fixed64(writer, 0x19);
    fixed64(writer, 0x21);
    valueAt[index] = writer.length - 8;
    writer.u8(0x40).u8(0);
  }
  const numbers = { valueAt, series: Uint32Array.from(points, ({ series }) => series) };
  return { samples: points.length, points: points.length, numbers, composites: [] };
}

function encodeComposites(
  writer: ByteWriter,
  kind: "histogram" | "summary",
  points: readonly CompositePoint[],
): Part {
  const composites = points.map((point): CompositeHoles => {
    const body = new ByteWriter(1024);
    body.raw(encodeAttributes(point.attributes, kind === "histogram" ? 0x4a : 0x3a));
    const timeAt = fixed64(body, 0x19);
    const countAt = fixed64(body, 0x21);
    const sumAt = point.sum === -1 ? -1 : fixed64(body, 0x29);
    const boundedAt = kind === "histogram" ? encodeBuckets(body, point.bounds) : encodeQuantiles(body, point.bounds);
    body.u8(kind === "histogram" ? 0x50 : 0x40).u8(0);
    writer.u8(0x0a).varint(body.length);
    const start = writer.length;
    writer.raw(body.view());
    return {
      point,
      kind,
      timeAt: start + timeAt,
      countAt: start + countAt,
      sumAt: sumAt === -1 ? -1 : start + sumAt,
      boundedAt: start + boundedAt,
      stepBytes: kind === "histogram" ? 8 : quantileBytes,
      flagsAt: writer.length - 1,
    };
  });
  const samples = points.reduce((sum, point) => sum + point.seriesCount, 0);
  return { samples, points: points.length, numbers: null, composites };
}

/** One bucket more than bounds: the last one is that of +Inf. */
function encodeBuckets(body: ByteWriter, bounds: readonly number[]): number {
  const countsBytes = (bounds.length + 1) * 8;
  body.u8(0x32).varint(countsBytes);
  const at = body.length;
  body.raw(new Uint8Array(countsBytes));
  if (bounds.length > 0) body.u8(0x3a).varint(bounds.length * 8).float64s(Float64Array.from(bounds));
  return at;
}

function encodeQuantiles(body: ByteWriter, quantiles: readonly number[]): number {
  const at = body.length + quantileBytes - 8;
  for (const quantile of quantiles) {
    body.u8(0x32).varint(quantileBytes - 2).u8(0x09).float64s(Float64Array.of(quantile));
    fixed64(body, 0x11);
  }
  return at;
}

/** Returns where the 8 bytes of the hole begin. */
function fixed64(writer: ByteWriter, tag: number): number {
  writer.u8(tag).u64(0n);
  return writer.length - 8;
}

/** KeyValue fields under the given tag, all of them strings. */
function encodeAttributes(labels: readonly Label[], tag: number): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(256);
  for (const { name, value } of labels) {
    const any = new ByteWriter(64).u8(0x0a).text(value);
    const pair = new ByteWriter(128).u8(0x0a).text(name).u8(0x12).varint(any.length).raw(any.view());
    writer.u8(tag).varint(pair.length).raw(pair.view());
  }
  return writer.finish();
}

function text(writer: ByteWriter, tag: number, value: string): void {
  if (value !== "") writer.u8(tag).text(value);
}
