import type { Label } from "../../protocol/shape.ts";
import type { Exemplar, NativeSample, Sample } from "../exposition.ts";
import { formatFloat } from "../format_float.ts";
import type { Histogram } from "./histogram_message.ts";
import type { Metric, Summary } from "./message.ts";
import type { Exposed } from "./parts.ts";

/** What is read of one family is appended here. */
export interface Samples {
  readonly samples: Sample[];
  readonly native: NativeSample[];
}

/** The types of `io.prometheus.client.MetricType`, by their number, with the names that expositions give them. */
export const typeNames: readonly string[] = ["counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram"];

/**
 * Appends the samples of a metric, in the order in which the text formats have them: buckets or quantiles, sum,
 * count. Returns false, with nothing appended, when the metric has no value of the family's type.
 *
 * A native histogram is appended, too, to `into.native`. Where it comes without classic buckets, its sum, its count
 * and the bucket of +Inf still make a classic one.
 */
export function appendSamples(metric: Metric, family: string, type: string, into: Samples): boolean {
  switch (type) {
    case "counter": {
      const { counter } = metric;
      if (counter === null) return false;
      append(into, metric, family, metric.labels, counter.value, counter, counter.exemplar);
      return true;
    }
    case "summary":
      if (metric.summary === null) return false;
      appendSummary(metric, metric.summary, family, into);
      return true;
    case "histogram":
    case "gaugehistogram":
      if (metric.histogram === null) return false;
      appendHistogram(metric, metric.histogram, family, type === "gaugehistogram" ? "_g" : "_", into);
      return true;
    default: {
      const value = type === "gauge" ? metric.gauge : metric.untyped;
      if (value === null) return false;
      append(into, metric, family, metric.labels, value);
      return true;
    }
  }
}

/** How many labels the samples of the metric have together, each sample counted like one more. */
export function labelEntries(metric: Metric): number {
  const parts = (metric.histogram?.buckets.length ?? 0) + (metric.summary?.quantiles.length ?? 0);
  return (metric.labels.length + 2) * (parts + 3);
}

function appendSummary(metric: Metric, summary: Summary, family: string, into: Samples): void {
  for (const { quantile, value } of summary.quantiles) {
    append(
      into,
      metric,
      family,
      [...metric.labels, { name: "quantile", value: formatFloat(quantile) }],
      value,
      summary,
    );
  }
  append(into, metric, `${family}_sum`, metric.labels, summary.sum, summary);
  append(into, metric, `${family}_count`, metric.labels, summary.count, summary);
}

function appendHistogram(metric: Metric, histogram: Histogram, family: string, mark: string, into: Samples): void {
  const { labels } = metric;
  const { buckets, count, sum, native, exemplars, createdMs } = histogram;
  const name = `${family}_bucket`;
  for (const bucket of buckets) {
    const le = { name: "le", value: formatFloat(bucket.upperBound) };
    append(into, metric, name, [...labels, le], bucket.count, histogram, bucket.exemplar);
  }
  if (buckets.at(-1)?.upperBound !== Infinity) {
    append(into, metric, name, [...labels, { name: "le", value: "+Inf" }], count, histogram);
  }
  append(into, metric, `${family}${mark}sum`, labels, sum, histogram);
  append(into, metric, `${family}${mark}count`, labels, count, histogram);
  if (native === null) return;
  const { timestampMs } = metric;
  const sample = { name: family, labels, histogram: native, timestampMs, exemplars };
  into.native.push(createdMs === null ? sample : { ...sample, createdMs });
}

function append(
  { samples }: Samples,
  { timestampMs }: Metric,
  name: string,
  labels: readonly Label[],
  value: number,
  exposed: Exposed | null = null,
  exemplar: Exemplar | null = null,
): void {
  const sample: { -readonly [Key in keyof Sample]: Sample[Key] } = { name, labels, value, timestampMs };
  if (exemplar !== null) sample.exemplar = exemplar;
  const createdMs = exposed?.createdMs ?? null;
  if (createdMs !== null) sample.createdMs = createdMs;
  samples.push(sample);
}
