/** A decoder of io.prometheus.write.v2.Request written from the specification, as the oracle of our encoder. */

import { type DecodedSeries, decodeSample, type Field, fieldsOf } from "./decode_testing.ts";

export interface DecodedSeries2 extends DecodedSeries {
  readonly metadata: { readonly type: number; readonly help: string; readonly unit: string } | null;
}

export function decodeRequest2(bytes: Uint8Array): DecodedSeries2[] {
  const symbols: string[] = [];
  const series: Uint8Array[] = [];
  for (const field of fieldsOf(bytes)) {
    if (field.number === 4) symbols.push(new TextDecoder("utf-8", { fatal: true }).decode(field.bytes));
    else if (field.number === 5) series.push(field.bytes);
    else throw new Error(`Cannot decode Request: field ${field.number}`);
  }
  if (symbols[0] !== "") throw new Error("Cannot decode Request: the first symbol is not empty");
  if (new Set(symbols).size !== symbols.length) throw new Error("Cannot decode Request: a symbol is there twice");
  return series.map((one) => decodeSeries(one, symbols));
}

function decodeSeries(bytes: Uint8Array, symbols: readonly string[]): DecodedSeries2 {
  const fields = fieldsOf(bytes);
  const only = (number: number): Field | null => {
    const found = fields.filter((field) => field.number === number);
    if (found.length > 1) throw new Error(`Cannot decode TimeSeries: field ${number} is there twice`);
    return found[0] ?? null;
  };
  const texts = varints(only(1)?.bytes ?? new Uint8Array()).map((ref) => symbolAt(symbols, ref));
  const labels: [string, string][] = [];
  for (let index = 0; index < texts.length; index += 2) labels.push([texts[index] ?? "", texts[index + 1] ?? ""]);
  const metadata = only(5);
  const samples = fields.filter((field) => field.number === 2).map((field) => decodeSample(field.bytes));
  if (fields.some(({ number }) => ![1, 2, 5].includes(number))) throw new Error("Cannot decode TimeSeries: a field");
  return { labels, samples, metadata: metadata === null ? null : decodeMetadata(metadata.bytes, symbols) };
}

function decodeMetadata(bytes: Uint8Array, symbols: readonly string[]) {
  const numbers = new Map(fieldsOf(bytes).map((field) => [field.number, Number(field.varint)]));
  const textAt = (number: number) => symbolAt(symbols, numbers.get(number) ?? 0);
  return { type: numbers.get(1) ?? 0, help: textAt(3), unit: textAt(4) };
}

function symbolAt(symbols: readonly string[], ref: number): string {
  const symbol = symbols[ref];
  if (symbol === undefined) throw new Error(`Cannot decode Request: there is no symbol ${ref}`);
  return symbol;
}

function varints(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte >= 0x80) continue;
    numbers.push(value);
    [value, shift] = [0, 0];
  }
  return numbers;
}
