import { Buffer } from "node:buffer";

/** A field of a protobuf message, or several, as bytes. */
export type Field = Uint8Array;

/** An unsigned number as a varint; a negative one as 64 bits of two's complement. */
export function varint(value: number | bigint): Uint8Array {
  let left = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Uint8Array.from(bytes);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

export function numberField(field: number, value: number | bigint): Field {
  return join(varint(field << 3), varint(value));
}

export function signedField(field: number, value: number | bigint): Field {
  return numberField(field, zigzag(value));
}

export function doubleField(field: number, value: number): Field {
  return join(varint(field << 3 | 1), double(value));
}

export function textField(field: number, text: string | Uint8Array): Field {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  return join(varint(field << 3 | 2), varint(bytes.length), bytes);
}

export function messageField(field: number, ...fields: readonly Field[]): Field {
  return textField(field, join(...fields));
}

/** A repeated field of signed numbers, packed. */
export function packedSigned(field: number, values: readonly (number | bigint)[]): Field {
  return messageField(field, ...values.map((value) => varint(zigzag(value))));
}

export function packedDoubles(field: number, values: readonly number[]): Field {
  return messageField(field, ...values.map(double));
}

/** Messages with their lengths before them, as in a body. */
export function delimited(...messages: readonly Uint8Array[]): Uint8Array {
  return join(...messages.map((message) => join(varint(message.length), message)));
}

/** The numbers of `io.prometheus.client.MetricType`. */
export const metricType = { counter: 0, gauge: 1, summary: 2, unknown: 3, histogram: 4, gaugehistogram: 5 } as const;

/** A MetricFamily of Metrics. */
export function family(name: string, type: keyof typeof metricType, ...metrics: readonly (readonly Field[])[]): Field {
  const fields = metrics.map((metric) => messageField(4, ...metric));
  return join(textField(1, name), numberField(3, metricType[type]), ...fields);
}

export function label(field: number, name: string, value: string): Field {
  return messageField(field, textField(1, name), textField(2, value));
}

function zigzag(value: number | bigint): bigint {
  const wide = BigInt(value);
  return wide < 0n ? -2n * wide - 1n : 2n * wide;
}

function double(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}
