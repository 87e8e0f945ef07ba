import type { Label } from "../../protocol/shape.ts";
import type { Exemplar } from "../exposition.ts";
import { LabelNames } from "../label_names.ts";
import { type Histogram, readHistogram } from "./histogram_message.ts";
import { type Exposed, readExemplar, readLabel, readTimestampMs } from "./parts.ts";
import type { ProtobufReader } from "./reader.ts";

/** `io.prometheus.client.Metric`: one metric of a family. Values that were not there are null. */
export interface Metric {
  readonly labels: readonly Label[];
  /** Unix milliseconds. */
  readonly timestampMs: number | null;
  readonly counter: Counter | null;
  readonly gauge: number | null;
  readonly untyped: number | null;
  readonly summary: Summary | null;
  readonly histogram: Histogram | null;
}

export interface Counter extends Exposed {
  readonly value: number;
  readonly exemplar: Exemplar | null;
}

export interface Summary extends Exposed {
  readonly count: number;
  readonly sum: number;
  readonly quantiles: readonly Quantile[];
}

export interface Quantile {
  readonly quantile: number;
  readonly value: number;
}

/**
 * Reads the message that the reader stands in, to its end.
 * @throws BinaryExpositionError
 */
export function readMetric(reader: ProtobufReader): Metric {
  const labels: Label[] = [];
  const names = new LabelNames(labels);
  const metric: { -readonly [Key in keyof Metric]: Metric[Key] } = {
    labels,
    timestampMs: null,
    counter: null,
    gauge: null,
    untyped: null,
    summary: null,
    histogram: null,
  };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        labels.push(readSeriesLabel(reader, names));
        break;
      case 2:
        metric.gauge = reader.submessage(() => readValue(reader));
        break;
      case 3:
        metric.counter = reader.submessage(() => readCounter(reader));
        break;
      case 4:
        metric.summary = reader.submessage(() => readSummary(reader));
        break;
      case 5:
        metric.untyped = reader.submessage(() => readValue(reader));
        break;
      case 6:
        // Encoders that follow proto3 cannot tell 0 from none, so Prometheus takes it for none.
        metric.timestampMs = reader.int64() || null;
        break;
      case 7:
        metric.histogram = reader.submessage(() => readHistogram(reader));
        break;
      default:
        reader.skip();
    }
  }
  return metric;
}

function readSeriesLabel(reader: ProtobufReader, names: LabelNames): Label {
  const offset = reader.fieldOffset;
  const label = reader.submessage(() => readLabel(reader));
  const fault = names.fault(label.name);
  if (fault !== null) throw reader.error(fault, offset);
  return label;
}

/** Reads a Gauge or an Untyped. */
function readValue(reader: ProtobufReader): number {
  let value = 0;
  while (reader.next()) {
    if (reader.field === 1) value = reader.double();
    else reader.skip();
  }
  return value;
}

function readCounter(reader: ProtobufReader): Counter {
  const counter: { -readonly [Key in keyof Counter]: Counter[Key] } = { value: 0, exemplar: null, createdMs: null };
  while (reader.next()) {
    if (reader.field === 1) counter.value = reader.double();
    else if (reader.field === 2) counter.exemplar = reader.submessage(() => readExemplar(reader));
    else if (reader.field === 3) counter.createdMs = readTimestampMs(reader);
    else reader.skip();
  }
  return counter;
}

function readSummary(reader: ProtobufReader): Summary {
  const quantiles: Quantile[] = [];
  const summary: { -readonly [Key in keyof Summary]: Summary[Key] } = { count: 0, sum: 0, quantiles, createdMs: null };
  while (reader.next()) {
    if (reader.field === 1) summary.count = reader.uint64();
    else if (reader.field === 2) summary.sum = reader.double();
    else if (reader.field === 3) quantiles.push(reader.submessage(() => readQuantile(reader)));
    else if (reader.field === 4) summary.createdMs = readTimestampMs(reader);
    else reader.skip();
  }
  return summary;
}

function readQuantile(reader: ProtobufReader): Quantile {
  let quantile = 0;
  let value = 0;
  while (reader.next()) {
    if (reader.field === 1) quantile = reader.double();
    else if (reader.field === 2) value = reader.double();
    else reader.skip();
  }
  return { quantile, value };
}
