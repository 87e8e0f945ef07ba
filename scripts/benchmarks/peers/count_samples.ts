/** What a request of remote write holds. */
export interface SampleCounts {
  /** Of series whose name begins with `bench_`: what the targets exposed. */
  samples: number;
  /** Staleness markers of those. */
  stale: number;
  /** Samples of everything else, such as `up`. */
  others: number;
}

const nameLabel = new TextEncoder().encode("__name__");
const benchPrefix = new TextEncoder().encode("bench_");
/** The bits of the staleness marker. */
const staleLow = 2;
const staleHigh = 0x7ff00000;

/**
 * Counts the samples of a decompressed prometheus.WriteRequest (version 1) or io.prometheus.write.v2.Request (2).
 * @throws RangeError when it is cut off.
 */
export function countSamples(bytes: Uint8Array, version: 1 | 2): SampleCounts {
  const counts: SampleCounts = { samples: 0, stale: 0, others: 0 };
  const symbols: Slice[] = [];
  const seriesField = version === 1 ? 1 : 5;
  const series: Slice[] = [];
  for (const field of fieldsOf({ bytes, from: 0, to: bytes.length })) {
    if (field.number === seriesField) series.push(field);
    else if (version === 2 && field.number === 4) symbols.push(field);
  }
  for (const one of series) countSeries(one, version === 1 ? null : symbols, counts);
  return counts;
}

/** A part of a message. */
interface Slice {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

interface Field extends Slice {
  readonly number: number;
}

function countSeries(series: Slice, symbols: readonly Slice[] | null, counts: SampleCounts): void {
  let isBench = false;
  const samples: Slice[] = [];
  for (const field of fieldsOf(series)) {
    if (field.number === 2) samples.push(field);
    if (field.number !== 1) continue;
    if (symbols === null) isBench ||= isBenchName(...labelOf(field));
    else isBench ||= isBenchReferences(field, symbols);
  }
  for (const sample of samples) {
    if (!isBench) counts.others++;
    else if (isStale(sample)) counts.stale++;
    else counts.samples++;
  }
}

/** Name and value. */
function labelOf(label: Slice): [Slice, Slice] {
  const none = { ...label, to: label.from };
  let [name, value]: [Slice, Slice] = [none, none];
  for (const field of fieldsOf(label)) {
    if (field.number === 1) name = field;
    else if (field.number === 2) value = field;
  }
  return [name, value];
}

/** Pairs of packed varints. */
function isBenchReferences({ bytes, from, to }: Slice, symbols: readonly Slice[]): boolean {
  const place = { offset: from };
  while (place.offset < to) {
    const name = symbols[readVarint(bytes, place)];
    const value = symbols[readVarint(bytes, place)];
    if (name !== undefined && value !== undefined && isBenchName(name, value)) return true;
  }
  return false;
}

function isBenchName(name: Slice, value: Slice): boolean {
  return name.to - name.from === nameLabel.length && startsWith(name, nameLabel) && startsWith(value, benchPrefix);
}

function startsWith({ bytes, from, to }: Slice, prefix: Uint8Array): boolean {
  return to - from >= prefix.length && prefix.every((byte, index) => bytes[from + index] === byte);
}

function isStale(sample: Slice): boolean {
  for (const { number, bytes, from } of fieldsOf(sample)) {
    if (number !== 1) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, 8);
    return view.getUint32(0, true) === staleLow && view.getUint32(4, true) === staleHigh;
  }
  return false;
}

/** The fields of a message; of a varint its bytes. */
function* fieldsOf({ bytes, from, to }: Slice): Generator<Field> {
  const place = { offset: from };
  while (place.offset < to) {
    const key = readVarint(bytes, place);
    const wireType = key & 7;
    const start = place.offset;
    if (wireType === 0) readVarint(bytes, place);
    else if (wireType === 1) place.offset += 8;
    else if (wireType === 5) place.offset += 4;
    else if (wireType === 2) {
      const length = readVarint(bytes, place);
      const field = { number: key >>> 3, bytes, from: place.offset, to: place.offset + length };
      place.offset = field.to;
      if (field.to > to) throw new RangeError(`Cannot read ${length} bytes at ${field.from}: the message ends`);
      yield field;
      continue;
    } else throw new RangeError(`Cannot read wire type ${wireType} at ${start}`);
    if (place.offset > to) throw new RangeError(`Cannot read at ${start}: the message ends`);
    yield { number: key >>> 3, bytes, from: start, to: place.offset };
  }
}

/** Exact up to 32 bits; what is above them is passed over. */
function readVarint(bytes: Uint8Array, place: { offset: number }): number {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[place.offset++];
    if (byte === undefined) throw new RangeError(`Cannot read a varint at ${place.offset}: the message ends`);
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}
