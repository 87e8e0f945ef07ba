import type { Label } from "../protocol/shape.ts";

/** One sample as a line of JSON shows it. */
export interface JsonSample {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly value: number;
  /** Unix milliseconds; left out of the line when it is null or absent. */
  readonly timestampMs?: number | null;
  /** Left out of the line when it is absent, "" or `unknown`. */
  readonly type?: string;
}

/**
 * The sample as one JSON object without a line feed: `{"name","labels","value","timestampMs"?,"type"?}`, labels as an
 * object in their given order.
 *
 * A value is a JSON number with every digit that its float needs. JSON has no NaN and no infinities: those are the
 * strings "NaN", "+Inf" and "-Inf". Label names must be unique.
 */
export function jsonSample(sample: JsonSample): string {
  return jsonSeries(sample, `"value":${jsonValue(sample.value)}`);
}

/** The line of {@link jsonSample}, with `value` being the member that tells the value. */
export function jsonSeries(sample: Omit<JsonSample, "value">, value: string): string {
  let json = `{"name":${JSON.stringify(sample.name)},"labels":{`;
  let separator = "";
  for (const label of sample.labels) {
    json += `${separator}${JSON.stringify(label.name)}:${JSON.stringify(label.value)}`;
    separator = ",";
  }
  json += `},${value}`;
  const { timestampMs, type } = sample;
  if (timestampMs !== undefined && timestampMs !== null) json += `,"timestampMs":${timestampMs}`;
  if (type !== undefined && type !== "" && type !== "unknown") json += `,"type":${JSON.stringify(type)}`;
  return `${json}}`;
}

/** A sample's value as JSON text. */
export function jsonValue(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return Number.isNaN(value) ? `"NaN"` : value > 0 ? `"+Inf"` : `"-Inf"`;
}
