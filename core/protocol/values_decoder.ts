import { MalformedError } from "./bytes.ts";
import {
  checksumWith,
  noScale,
  payloadBytes,
  powersOfTen,
  rounder,
  scaleMax,
  staleHigh,
  staleLow,
  type ValueBase,
  ValueClass,
} from "./coded_values.ts";

/** For each byte, how many of its bits are set. */
const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/**
 * Reads coded values (coded_values.ts) at `from` into the base, which has as many as the scrape. Returns where they
 * end. `view` is of the same bytes. The hot path of receiving; it makes no garbage (`scripts/bench wire`).
 * @throws MalformedError when they have another form; the base is then worth nothing any more.
 */
export function decodeValues(base: ValueBase, bytes: Uint8Array, view: DataView, from: number): number {
  const { words, scales } = base;
  const count = scales.length;
  const available = bytes.length;
  let checksum = base.checksum;
  let at = from;
  for (let group = 0; group < count; group += 8) {
    if (at >= available) throw endedEarly(group);
    let changed = bytes[at++] as number;
    if (changed === 0) continue;
    if (count - group < 8 && changed >> (count - group) !== 0) {
      throw new MalformedError(`Cannot read values: there are only ${count}`);
    }
    let classesAt = at;
    at += (bitCounts[changed] as number) + 1 >> 1;
    if (at > available) throw endedEarly(group);
    // Bits 8 and up hold a mark that there is another class in the byte.
    let classes = 0;
    for (; changed !== 0; changed &= changed - 1) {
      const index = group + 31 - Math.clz32(changed & -changed);
      classes = classes > 0xff ? classes >> 4 & 0xf : 0x100 | (bytes[classesAt++] as number);
      const valueClass = classes & 0xf;
      const next = at + (payloadBytes[valueClass] as number);
      if (next > available) throw endedEarly(index);
      decodeValue(base, index, valueClass, view, at);
      at = next;
      checksum = checksumWith(checksum, index, words[index * 2] as number, words[index * 2 + 1] as number);
    }
    if (classes > 0x10f) throw new MalformedError("Cannot read values: a class without a value");
  }
  base.checksum = checksum;
  return at;
}

function decodeValue(base: ValueBase, index: number, valueClass: number, view: DataView, at: number): void {
  if (valueClass > ValueClass.delta56) {
    decodeUnscaled(base, index, valueClass, view, at);
    return;
  }
  const { values, scales } = base;
  const scale = scales[index] as number;
  const difference = readDifference(valueClass, view, at);
  if (scale === 0) values[index] = (values[index] as number) + difference;
  else if (scale === noScale) throw new MalformedError(`Cannot read value ${index}: it has no scale`);
  else {
    const power = powersOfTen[scale] as number;
    values[index] = ((values[index] as number) * power + rounder - rounder + difference) / power;
  }
}

function readDifference(valueClass: number, view: DataView, at: number): number {
  switch (valueClass) {
    case ValueClass.increment:
      return 1;
    case ValueClass.up8:
      return view.getUint8(at) + 1;
    case ValueClass.down8:
      return -view.getUint8(at) - 1;
    case ValueClass.delta16:
      return view.getInt16(at, true);
    case ValueClass.delta24:
      return view.getUint16(at, true) | view.getInt8(at + 2) << 16;
    case ValueClass.delta32:
      return view.getInt32(at, true);
    default:
      return readInt56(view, at);
  }
}

function decodeUnscaled(base: ValueBase, index: number, valueClass: number, view: DataView, at: number): void {
  const { values, words, scales } = base;
  switch (valueClass) {
    case ValueClass.scaled32:
    case ValueClass.scaled56: {
      const scale = view.getUint8(at);
      if (scale > scaleMax) throw new MalformedError(`Cannot read value ${index}: its scale is ${scale}`);
      const mantissa = valueClass === ValueClass.scaled32 ? view.getInt32(at + 1, true) : readInt56(view, at + 1);
      scales[index] = scale;
      values[index] = mantissa / (powersOfTen[scale] as number);
      return;
    }
    case ValueClass.stale:
      words[index * 2] = staleLow;
      words[index * 2 + 1] = staleHigh;
      break;
    default:
      readLowBytes(words, index, valueClass, view, at);
  }
  scales[index] = noScale;
}

function readLowBytes(words: Int32Array, index: number, valueClass: number, view: DataView, at: number): void {
  words[index * 2] = view.getInt32(at, true);
  const high = words[index * 2 + 1] as number;
  switch (valueClass) {
    case ValueClass.low4:
      break;
    case ValueClass.low5:
      words[index * 2 + 1] = high & ~0xff | view.getUint8(at + 4);
      break;
    case ValueClass.low6:
      words[index * 2 + 1] = high & ~0xffff | view.getUint16(at + 4, true);
      break;
    case ValueClass.low7:
      words[index * 2 + 1] = high & ~0xffffff | view.getUint16(at + 4, true) | view.getUint8(at + 6) << 16;
      break;
    default:
      words[index * 2 + 1] = view.getInt32(at + 4, true);
  }
}

function readInt56(view: DataView, at: number): number {
  const high = view.getUint16(at + 4, true) | view.getInt8(at + 6) << 16;
  return high * 0x100000000 + view.getUint32(at, true);
}

function endedEarly(index: number): MalformedError {
  return new MalformedError(`Cannot read value ${index}: the body ends before it`);
}
