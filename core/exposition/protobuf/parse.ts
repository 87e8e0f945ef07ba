import type { Exposition, Family } from "../exposition.ts";
import { unknownType } from "../families.ts";
import { faultOfHistogram } from "../native_histogram.ts";
import { StrictCheck } from "../strict.ts";
import { readMetric } from "./message.ts";
import { ProtobufReader } from "./reader.ts";
import { appendSamples, labelEntries, type Samples, typeNames } from "./samples.ts";
import { protobufRules } from "./strict.ts";

/**
 * Samples and their labels that one exposition may have: every bucket repeats its metric's labels, so a small body
 * could ask for more of them than any memory holds.
 */
const labelEntriesMax = 20_000_000;

/**
 * Reads Prometheus protobuf: messages `io.prometheus.client.MetricFamily`, each with its length before it. Classic
 * histograms and summaries become the series that text would have, with `le` and `quantile` as OpenMetrics writes
 * them (`1.0`); a native histogram goes to `nativeHistograms`, and its classic part to `samples`.
 *
 * It takes what Prometheus 3 takes, except that it refuses
 * - a metric without the value of its family's type, which Prometheus takes for 0;
 * - label names that occur twice, are empty or `__name__`, as in text;
 * - native histograms that cannot be, which Prometheus finds when it stores them.
 * A gauge histogram has `_gsum` and `_gcount`, as in OpenMetrics, where Prometheus writes `_sum` and `_count`.
 *
 * With `strict`, each family must come once, with type and samples, each series once, and histograms must add up.
 *
 * Counts beyond 2^53 lose precision.
 * @throws BinaryExpositionError for the first thing that breaks the format.
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
export function parseProtobuf(body: Uint8Array, options: { readonly strict?: boolean } = {}): Exposition {
  const reader = new ProtobufReader(body);
  const check = options.strict === true ? new StrictCheck(reader, protobufRules) : null;
  const parser: Parser = { reader, check, families: new Map(), entries: 0 };
  while (!reader.atEnd()) reader.message(() => readFamily(parser));
  check?.end();
  const families = [...parser.families.values()].map(({ metadata, samples, native }): Family =>
    native.length === 0 ? { ...metadata, samples } : { ...metadata, samples, nativeHistograms: native }
  );
  return { families };
}

interface Parser {
  readonly reader: ProtobufReader;
  /** Null when lenient. */
  readonly check: StrictCheck | null;
  /** By name: lenient readers take a family in several messages. */
  readonly families: Map<string, ReadFamily>;
  /** Of {@link labelEntriesMax}, so far. */
  entries: number;
}

interface ReadFamily extends Samples {
  metadata: Metadata;
}

interface Metadata {
  readonly family: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

function readFamily(parser: Parser): void {
  const { reader, check, families } = parser;
  const start = reader.offset;
  const metricOffsets: number[] = [];
  const metadata = readMetadata(reader, metricOffsets);
  const end = reader.offset;
  // As in Prometheus, a family without metrics does not count, whatever it says.
  if (metricOffsets.length === 0 && check === null) return;
  const fault = faultOfMetadata(metadata, check !== null);
  if (fault !== null) throw reader.error(fault, start);
  const { family, help, unit } = metadata;
  const type = metadata.type ?? unknownType;
  if (check !== null) {
    check.metadata("type", family, type, start);
    check.metadata("help", family, help, start);
    check.metadata("unit", family, unit, start);
  }
  let read = families.get(family);
  if (read === undefined) {
    read = { metadata: { family, type, help, unit }, samples: [], native: [] };
    families.set(family, read);
  } else read.metadata = { family, type, help, unit };
  for (const offset of metricOffsets) {
    reader.offset = offset;
    readMetricAt(parser, read);
  }
  reader.offset = end;
}

interface MessageMetadata {
  readonly family: string;
  readonly help: string;
  readonly unit: string;
  /** Null when it is none that is known; the message's default is the counter. */
  readonly type: string | null;
  readonly hasType: boolean;
}

/** Reads all but the metrics, and where those are: what is said about them may come behind them. */
function readMetadata(reader: ProtobufReader, metricOffsets: number[]): MessageMetadata {
  let family = "";
  let help = "";
  let unit = "";
  let type = 0;
  let hasType = false;
  while (reader.next()) {
    if (reader.field === 1) family = reader.text();
    else if (reader.field === 2) help = reader.text();
    else if (reader.field === 3) {
      type = reader.int32();
      hasType = true;
    } else if (reader.field === 5) unit = reader.text();
    else {
      if (reader.field === 4) metricOffsets.push(reader.fieldOffset);
      reader.skip();
    }
  }
  return { family, help, unit, type: typeNames[type] ?? null, hasType };
}

function faultOfMetadata({ family, type, hasType, unit }: MessageMetadata, strict: boolean): string | null {
  if (family === "") return "the family has no name";
  if (type === null) return `the family ${JSON.stringify(family)} has an unknown type`;
  if (strict && !hasType) return `the family ${JSON.stringify(family)} has no type`;
  if (unit === "") return null;
  const named = type === "counter" && family.endsWith("_total") ? family.slice(0, -"_total".length) : family;
  return named.endsWith(`_${unit}`) && named.length > unit.length + 1
    ? null
    : `the unit ${JSON.stringify(unit)} does not end the name ${JSON.stringify(family)}`;
}

function readMetricAt(parser: Parser, family: ReadFamily): void {
  const { reader, check } = parser;
  const start = reader.offset;
  const { family: name, type } = family.metadata;
  reader.next();
  const metric = reader.submessage(() => readMetric(reader));
  parser.entries += labelEntries(metric);
  if (parser.entries > labelEntriesMax) {
    throw reader.error(`the exposition has more than ${labelEntriesMax} samples and labels`, start);
  }
  const first = family.samples.length;
  if (!appendSamples(metric, name, type, family)) {
    throw reader.error(`a metric of ${JSON.stringify(name)} has no value for its type, ${type}`, start);
  }
  const native = metric.histogram?.native ?? null;
  const fault = native === null ? null : faultOfHistogram(native, check !== null);
  if (fault !== null) throw reader.error(`the native histogram ${JSON.stringify(name)} ${fault}`, start);
  if (check === null) return;
  for (let index = first; index < family.samples.length; index++) {
    const sample = family.samples[index];
    if (sample !== undefined) check.sample(sample, null, start);
  }
}
