/** A decoder of prompb.WriteRequest written from the protobuf specification, as the oracle of our encoder. */

export interface DecodedSeries {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly samples: readonly DecodedSample[];
}

export interface DecodedSample {
  readonly value: number;
  /** The bits of the value. */
  readonly bits: bigint;
  readonly timestampMs: number;
}

/** One field of a message: the number of a varint, or the bytes of anything else. */
export interface Field {
  readonly number: number;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
}

export function decodeWriteRequest(bytes: Uint8Array): DecodedSeries[] {
  return fieldsOf(bytes).map((series) => {
    if (series.number !== 1) throw new Error(`Cannot decode WriteRequest: field ${series.number}`);
    const labels: [string, string][] = [];
    const samples: DecodedSample[] = [];
    for (const field of fieldsOf(series.bytes)) {
      if (field.number === 1) labels.push(decodeLabel(field.bytes));
      else if (field.number === 2) samples.push(decodeSample(field.bytes));
      else throw new Error(`Cannot decode TimeSeries: field ${field.number}`);
    }
    return { labels, samples };
  });
}

function decodeLabel(bytes: Uint8Array): [string, string] {
  const [name, value] = fieldsOf(bytes);
  if (name?.number !== 1 || value?.number !== 2) throw new Error("Cannot decode Label: expected name and value");
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  return [utf8.decode(name.bytes), utf8.decode(value.bytes)];
}

export function decodeSample(bytes: Uint8Array): DecodedSample {
  const [value, time] = fieldsOf(bytes);
  if (value?.number !== 1 || time?.number !== 2) throw new Error("Cannot decode Sample: expected value and timestamp");
  const view = new DataView(value.bytes.buffer, value.bytes.byteOffset, 8);
  return {
    value: view.getFloat64(0, true),
    bits: view.getBigUint64(0, true),
    timestampMs: Number(BigInt.asIntN(64, time.varint)),
  };
}

export function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let offset = 0;
  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[offset++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error(`Cannot decode varint at byte ${offset}`);
  }
  function take(count: number): Uint8Array {
    if (offset + count > bytes.length) throw new Error(`Cannot decode ${count} bytes at byte ${offset}`);
    offset += count;
    return bytes.subarray(offset - count, offset);
  }
  while (offset < bytes.length) {
    const key = Number(varint());
    const wireType = key & 7;
    if (wireType !== 0 && wireType !== 1 && wireType !== 2) throw new Error(`Cannot decode wire type ${wireType}`);
    fields.push({
      number: key >>> 3,
      varint: wireType === 0 ? varint() : 0n,
      bytes: wireType === 0 ? new Uint8Array(0) : take(wireType === 1 ? 8 : Number(varint())),
    });
  }
  return fields;
}
