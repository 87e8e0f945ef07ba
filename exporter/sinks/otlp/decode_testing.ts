/** A decoder of ExportMetricsServiceRequest written from opentelemetry-proto, as the oracle of our encoder. */

import { type Field, fieldsOf } from "../remote_write/decode_testing.ts";

export type Attributes = Readonly<Record<string, string>>;

export interface DecodedMetric {
  readonly resource: Attributes;
  readonly name: string;
  readonly help: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram" | "summary";
  /** Null where there is none. */
  readonly isMonotonic: boolean;
  readonly temporality: number;
  readonly points: readonly DecodedPoint[];
}

export interface DecodedPoint {
  readonly attributes: Attributes;
  readonly timeNanos: bigint;
  readonly flags: number;
  /** Of a number point. */
  readonly value: number;
  readonly bits: bigint;
  /** Of the others. */
  readonly count: bigint;
  readonly sum: number | null;
  readonly buckets: readonly bigint[];
  readonly bounds: readonly number[];
  readonly quantiles: readonly (readonly [number, number])[];
}

export function decodeExportRequest(bytes: Uint8Array): DecodedMetric[] {
  return all(bytes, 1).flatMap((resourceMetrics) => {
    const resource = attributesOf(one(resourceMetrics, 1), 1);
    return all(resourceMetrics, 2).flatMap((scopeMetrics) =>
      all(scopeMetrics, 2).map((metric) => decodeMetric(metric, resource))
    );
  });
}

const kinds = new Map([[5, "gauge"], [7, "sum"], [9, "histogram"], [11, "summary"]] as const);

function decodeMetric(bytes: Uint8Array, resource: Attributes): DecodedMetric {
  const data = fieldsOf(bytes).filter(({ number }) => kinds.has(number as 5));
  const [field] = data;
  const kind = kinds.get(field?.number as 5);
  if (field === undefined || kind === undefined || data.length !== 1) throw new Error("Cannot decode Metric: its data");
  return {
    resource,
    name: textOf(one(bytes, 1)),
    help: textOf(one(bytes, 2)),
    unit: textOf(one(bytes, 3)),
    kind,
    isMonotonic: numberAt(field.bytes, 3) === 1,
    temporality: numberAt(field.bytes, 2),
    points: all(field.bytes, 1).map((point) => decodePoint(point, kind)),
  };
}

function decodePoint(bytes: Uint8Array, kind: DecodedMetric["kind"]): DecodedPoint {
  const isHistogram = kind === "histogram";
  const isNumber = kind === "gauge" || kind === "sum";
  const value = fixedAt(bytes, 4);
  const sum = fieldsOf(bytes).find(({ number }) => number === 5);
  return {
    attributes: attributesOf(bytes, isHistogram ? 9 : 7),
    timeNanos: fixedAt(bytes, 3),
    flags: numberAt(bytes, isHistogram ? 10 : 8),
    value: isNumber ? floatOf(value) : NaN,
    bits: isNumber ? value : 0n,
    count: isNumber ? 0n : value,
    sum: sum === undefined || isNumber ? null : floatOf(fixedOf(sum)),
    buckets: isHistogram ? packed(one(bytes, 6)) : [],
    bounds: isHistogram ? packed(one(bytes, 7)).map(floatOf) : [],
    quantiles: kind === "summary"
      ? all(bytes, 6).map((pair) => [floatOf(fixedAt(pair, 1)), floatOf(fixedAt(pair, 2))] as const)
      : [],
  };
}

function attributesOf(bytes: Uint8Array, number: number): Attributes {
  const pairs = all(bytes, number).map((pair) => [textOf(one(pair, 1)), textOf(one(one(pair, 2), 1))] as const);
  if (new Set(pairs.map(([key]) => key)).size !== pairs.length) {
    throw new Error("Cannot decode attributes: one is twice");
  }
  return Object.fromEntries(pairs);
}

function all(bytes: Uint8Array, number: number): Uint8Array[] {
  return fieldsOf(bytes).filter((field) => field.number === number).map((field) => field.bytes);
}

function one(bytes: Uint8Array, number: number): Uint8Array {
  return all(bytes, number)[0] ?? new Uint8Array();
}

function numberAt(bytes: Uint8Array, number: number): number {
  return Number(fieldsOf(bytes).find((field) => field.number === number)?.varint ?? 0n);
}

function fixedAt(bytes: Uint8Array, number: number): bigint {
  const field = fieldsOf(bytes).find((candidate) => candidate.number === number);
  return field === undefined ? 0n : fixedOf(field);
}

function fixedOf({ bytes }: Field): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

function packed(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) => view.getBigUint64(index * 8, true));
}

function floatOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
