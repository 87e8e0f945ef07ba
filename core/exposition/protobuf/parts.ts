import type { Label } from "../../protocol/shape.ts";
import type { Exemplar } from "../exposition.ts";
import type { ProtobufReader } from "./reader.ts";

/** What counters, summaries and histograms have in common. */
export interface Exposed {
  /** When it began to count, in Unix milliseconds; null when that is not told. */
  readonly createdMs: number | null;
}

/** Reads a LabelPair. */
export function readLabel(reader: ProtobufReader): Label {
  let name = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  return { name, value };
}

/** Reads an Exemplar. Its label names are not checked, as in the text formats. */
export function readExemplar(reader: ProtobufReader): Exemplar {
  const labels: Label[] = [];
  let value = 0;
  let timestampMs: number | null = null;
  while (reader.next()) {
    if (reader.field === 1) labels.push(reader.submessage(() => readLabel(reader)));
    else if (reader.field === 2) value = reader.double();
    else if (reader.field === 3) timestampMs = readTimestampMs(reader);
    else reader.skip();
  }
  return { labels, value, timestampMs };
}

/** Reads the field as a `google.protobuf.Timestamp`; what is finer than a millisecond is cut off. */
export function readTimestampMs(reader: ProtobufReader): number {
  const offset = reader.fieldOffset;
  return reader.submessage(() => {
    let seconds = 0;
    let nanos = 0;
    while (reader.next()) {
      if (reader.field === 1) seconds = reader.int64();
      else if (reader.field === 2) nanos = reader.int32();
      else reader.skip();
    }
    // The range that the definition of a Timestamp gives: the years 1 to 9999, and nanoseconds that count forward.
    if (seconds < -62_135_596_800 || seconds > 253_402_300_799 || nanos < 0 || nanos > 999_999_999) {
      throw reader.error(`a timestamp of ${seconds} s and ${nanos} ns is out of range`, offset);
    }
    return seconds * 1000 + Math.floor(nanos / 1_000_000);
  });
}
