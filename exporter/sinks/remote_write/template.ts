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

import { ByteWriter } from "../../../core/protocol/bytes.ts";
import type { Block, Label, Target } from "../../../core/protocol/shape.ts";
import type { Materialized } from "../block_cache.ts";
import { materializeLabels } from "../materialize.ts";

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
  const writer = new ByteWriter(block.series.length * 192 + 16);
  const valueAt = new Uint32Array(block.series.length);
  for (const [index, series] of block.series.entries()) {
    const labels = encodeLabels(materializeLabels(series, target));
    writer.u8(tag.timeSeries).varint(labels.length + emptySample.length).raw(labels).raw(emptySample);
    valueAt[index] = writer.length - seriesEndOffset;
  }
  const encoded = writer.finish();
  return { encoded, valueAt, bytes: encoded.byteLength + valueAt.byteLength };
}

/** The label fields of a TimeSeries. */
export function encodeLabels(labels: readonly Label[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(192);
  for (const { name, value } of labels) {
    const label = new ByteWriter(64).u8(tag.name).text(name).u8(tag.labelValue).text(value);
    writer.u8(tag.label).varint(label.length).raw(label.view());
  }
  return writer.finish();
}
