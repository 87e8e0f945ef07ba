import type { Label } from "../../protocol/shape.ts";
import { formatFloat } from "../format_float.ts";

/** A field with its value: a number that was a varint, 8 or 4 bytes, or the bytes of a text or message. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly integer: bigint;
  readonly bytes: Uint8Array;
}

/** What the naive reader says of one sample. */
export interface NaiveSample {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly value: number;
}

/**
 * The samples of a protobuf exposition, in order, as a reader finds them that takes every message apart into a list
 * of fields, with exact integers and without a thought for speed: the oracle of the real one. Throws any error for a
 * body that is no protobuf; checks nothing else.
 */
export function naiveSamples(body: Uint8Array): NaiveSample[] {
  const families = new Map<string, NaiveSample[]>();
  let rest = body;
  while (rest.length > 0) {
    const [length, start] = varint(rest);
    const end = start + Number(length);
    if (end > rest.length) throw new Error("cut off");
    const fields = fieldsOf(rest.subarray(start, end));
    const name = textOf(fields, 1);
    const type = Number(BigInt.asIntN(32, last(fields, 3)?.integer ?? 0n));
    const samples = fields.filter(({ number }) => number === 4).flatMap(({ bytes }) =>
      metricSamples(bytes, name, type)
    );
    families.set(name, [...families.get(name) ?? [], ...samples]);
    rest = rest.subarray(end);
  }
  return [...families.values()].flat();
}

function metricSamples(bytes: Uint8Array, name: string, type: number): NaiveSample[] {
  const fields = fieldsOf(bytes);
  const labels = fields.filter(({ number }) => number === 1).map(({ bytes: pair }) => {
    const parts = fieldsOf(pair);
    return { name: textOf(parts, 1), value: textOf(parts, 2) };
  });
  const value = fieldsOf(last(fields, [3, 2, 4, 5, 7, 7][type] ?? 0)?.bytes ?? new Uint8Array(0));
  const sample = (suffix: string, number: number, more: readonly Label[] = []) => ({
    name: name + suffix,
    labels: [...labels, ...more],
    value: number,
  });
  if (type === 0 || type === 1 || type === 3) return [sample("", double(value, 1))];
  const parts = value.filter(({ number }) => number === 3).map((part) => fieldsOf(part.bytes));
  const count = (list: readonly Field[]) =>
    double(list, 4) > 0 ? double(list, 4) : Number(last(list, 1)?.integer ?? 0n);
  if (type === 2) {
    const quantiles = parts.map((part) =>
      sample("", double(part, 2), [{ name: "quantile", value: formatFloat(double(part, 1)) }])
    );
    return [...quantiles, sample("_sum", double(value, 2)), sample("_count", Number(last(value, 1)?.integer ?? 0n))];
  }
  const buckets = parts.map((part) => ({ le: double(part, 2), count: count(part) }));
  if (buckets.at(-1)?.le !== Infinity) buckets.push({ le: Infinity, count: count(value) });
  const mark = type === 5 ? "_g" : "_";
  return [
    ...buckets.map((bucket) => sample("_bucket", bucket.count, [{ name: "le", value: formatFloat(bucket.le) }])),
    sample(`${mark}sum`, double(value, 2)),
    sample(`${mark}count`, count(value)),
  ];
}

function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let rest = message;
  while (rest.length > 0) {
    const [key, start] = varint(rest);
    const number = Number(key >> 3n);
    const wire = Number(key & 7n);
    const field = valueOf(rest.subarray(start), wire);
    fields.push({ number, wire, integer: field.integer, bytes: field.bytes });
    rest = rest.subarray(start + field.length);
  }
  return fields;
}

function valueOf(rest: Uint8Array, wire: number): { integer: bigint; bytes: Uint8Array; length: number } {
  const none = new Uint8Array(0);
  if (wire === 0) {
    const [integer, length] = varint(rest);
    return { integer, bytes: none, length };
  }
  let start = 0;
  let end = wire === 1 ? 8 : wire === 5 ? 4 : -1;
  if (wire === 2) {
    const [bytes, after] = varint(rest);
    start = after;
    end = after + Number(bytes);
  }
  if (end === -1 || end > rest.length) throw new Error("cut off, or no wire type of ours");
  return { integer: 0n, bytes: rest.subarray(start, end), length: end };
}

function varint(bytes: Uint8Array): [value: bigint, length: number] {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[index];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return [BigInt.asUintN(64, value), index + 1];
  }
  throw new Error("cut off, or too long");
}

function last(fields: readonly Field[], number: number): Field | undefined {
  return fields.findLast((field) => field.number === number);
}

function textOf(fields: readonly Field[], number: number): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
    last(fields, number)?.bytes ?? new Uint8Array(0),
  );
}

function double(fields: readonly Field[], number: number): number {
  const bytes = last(fields, number)?.bytes;
  if (bytes === undefined) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true);
}
