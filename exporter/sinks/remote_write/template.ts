/**
 * The encoded TimeSeries of every series of a block under a target, with holes for value and time. Protobuf, as
 * prompb.WriteRequest of remote write 1.0 has it:
 *
 * ```
 * WriteRequest  repeated TimeSeries timeseries = 1;
 * TimeSeries    repeated Label labels = 1;  repeated Sample samples = 2;
 * Label         string name = 1;  string value = 2;
 * Sample        double value = 1;  int64 timestamp = 2;
 *
 * 0A length  0A length 0A length name 12 length value …  12 10  09 vvvvvvvv  10 tttttt
 * series     label, once for each                        sample    ^ value      ^ time, 6 bytes of varint
 * ```
 *
 * Six bytes of varint hold the milliseconds from 1971 to 2109, so that nearly every time fits the hole exactly.
 */

import type { Block, Label, Target } from "../../../core/protocol/shape.ts";
import type { Materialized } from "../block_cache.ts";
import { materializeLabels } from "../materialize.ts";
import { fieldBytes, putText, putVarint } from "./fields.ts";

export interface SeriesTemplate extends Materialized {
  /** Not to be changed: it is shared by all requests. */
  readonly encoded: Uint8Array<ArrayBuffer>;
  /** For each series, where its value is in `encoded`. */
  readonly valueAt: Uint32Array;
}

export const tag = {
  timeSeries: 0x0a,
  label: 0x0a,
  name: 0x0a,
  labelValue: 0x12,
  sample: 0x12,
  value: 0x09,
  time: 0x10,
};

/** From the value to the time, and to the end of the series. */
export const timeOffset = 8 + 1;
export const seriesEndOffset = timeOffset + 6;
/** Tag and length of the sample and tag of the value, which stand before the value. */
export const sampleHeadBytes = 3;

const sampleBytes = 1 + seriesEndOffset;
const emptySample = Uint8Array.of(
  tag.sample,
  sampleBytes,
  tag.value,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  tag.time,
  0,
  0,
  0,
  0,
  0,
  0,
);

export function buildTemplate(block: Block, target: Target): SeriesTemplate {
  const series = block.series.map((one) => materializeLabels(one, target));
  const contentBytes = series.map((labels) => labelsBytes(labels) + emptySample.length);
  const encoded = new Uint8Array(contentBytes.reduce((sum, bytes) => sum + fieldBytes(bytes), 0));
  const valueAt = new Uint32Array(series.length);
  let at = 0;
  for (const [index, labels] of series.entries()) {
    encoded[at++] = tag.timeSeries;
    at = putVarint(encoded, at, contentBytes[index] as number);
    at = putLabels(encoded, at, labels);
    encoded.set(emptySample, at);
    at += emptySample.length;
    valueAt[index] = at - seriesEndOffset;
  }
  return { encoded, valueAt, bytes: encoded.byteLength + valueAt.byteLength };
}

/** The label fields of a TimeSeries. */
export function encodeLabels(labels: readonly Label[]): Uint8Array<ArrayBuffer> {
  const encoded = new Uint8Array(labelsBytes(labels));
  putLabels(encoded, 0, labels);
  return encoded;
}

function putLabels(bytes: Uint8Array, start: number, labels: readonly Label[]): number {
  let at = start;
  for (const { name, value } of labels) {
    const nameBytes = Buffer.byteLength(name);
    const valueBytes = Buffer.byteLength(value);
    bytes[at++] = tag.label;
    at = putVarint(bytes, at, fieldBytes(nameBytes) + fieldBytes(valueBytes));
    bytes[at++] = tag.name;
    at = putText(bytes, at, name, nameBytes);
    bytes[at++] = tag.labelValue;
    at = putText(bytes, at, value, valueBytes);
  }
  return at;
}

function labelsBytes(labels: readonly Label[]): number {
  let bytes = 0;
  for (const { name, value } of labels) {
    bytes += fieldBytes(fieldBytes(Buffer.byteLength(name)) + fieldBytes(Buffer.byteLength(value)));
  }
  return bytes;
}
