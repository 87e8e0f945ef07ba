import {
  checksumWith,
  mantissaMax,
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

/** At most so large is a mantissa that is looked for: rounding its product is right then. */
const searchedMantissaBits = 49;

/**
 * Writes `count` little-endian values at `from` in the form of coded_values.ts and takes them into the base, which has
 * as many. Returns where what was written ends: at most `codedBytesMax` further. This is the hot path of sending; it
 * makes no garbage (`scripts/bench wire`).
 */
export function encodeValues(base: ValueBase, plain: DataView, from: number, into: DataView, at: number): number {
  const { words, scales } = base;
  const count = scales.length;
  let checksum = base.checksum;
  let end = at;
  for (let group = 0; group < count; group += 8) {
    const groupEnd = Math.min(group + 8, count);
    let changed = 0;
    let changedCount = 0;
    for (let index = group; index < groupEnd; index++) {
      const offset = from + index * 8;
      if (
        plain.getInt32(offset, true) !== words[index * 2] || plain.getInt32(offset + 4, true) !== words[index * 2 + 1]
      ) {
        changed |= 1 << (index - group);
        changedCount++;
      }
    }
    into.setUint8(end++, changed);
    let classesAt = end;
    end += (changedCount + 1) >> 1;
    let lowClass = -1;
    for (; changed !== 0; changed &= changed - 1) {
      const index = group + 31 - Math.clz32(changed & -changed);
      const offset = from + index * 8;
      const low = plain.getInt32(offset, true);
      const high = plain.getInt32(offset + 4, true);
      const valueClass = encodeValue(base, index, plain.getFloat64(offset, true), low, high, into, end);
      end += payloadBytes[valueClass] as number;
      words[index * 2] = low;
      words[index * 2 + 1] = high;
      checksum = checksumWith(checksum, index, low, high);
      if (lowClass < 0) lowClass = valueClass;
      else {
        into.setUint8(classesAt++, lowClass | valueClass << 4);
        lowClass = -1;
      }
    }
    if (lowClass >= 0) into.setUint8(classesAt, lowClass);
  }
  base.checksum = checksum;
  return end;
}

/** Writes a changed value's payload and returns its class. */
function encodeValue(
  base: ValueBase,
  index: number,
  value: number,
  low: number,
  high: number,
  into: DataView,
  at: number,
): number {
  const scale = base.scales[index] as number;
  if (scale === noScale) return encodeUnscaled(base, index, value, low, high, into, at);
  const before = base.values[index] as number;
  let mantissa = value;
  let mantissaBefore = before;
  if (scale === 0) {
    if (Math.floor(value) !== value) return encodeUnscaled(base, index, value, low, high, into, at);
  } else {
    const power = powersOfTen[scale] as number;
    mantissa = value * power + rounder - rounder;
    if (mantissa / power !== value) return encodeUnscaled(base, index, value, low, high, into, at);
    mantissaBefore = before * power + rounder - rounder;
  }
  // Beyond the bound are infinities too; and -0 equals 0, but has other bits.
  const isExact = mantissa <= mantissaMax && mantissa >= -mantissaMax && (mantissa !== 0 || high === 0);
  if (!isExact) return encodeUnscaled(base, index, value, low, high, into, at);
  return encodeDifference(mantissa - mantissaBefore, into, at);
}

function encodeDifference(difference: number, into: DataView, at: number): number {
  if (difference === 1) return ValueClass.increment;
  if (difference > 0 && difference <= 256) {
    into.setUint8(at, difference - 1);
    return ValueClass.up8;
  }
  if (difference < 0 && difference >= -256) {
    into.setUint8(at, -difference - 1);
    return ValueClass.down8;
  }
  if (difference >= -0x80000000 && difference <= 0x7fffffff) {
    const bits = difference | 0;
    into.setInt16(at, bits, true);
    if (bits === bits << 16 >> 16) return ValueClass.delta16;
    into.setUint8(at + 2, bits >> 16);
    if (bits === bits << 8 >> 8) return ValueClass.delta24;
    into.setUint8(at + 3, bits >> 24);
    return ValueClass.delta32;
  }
  writeInt56(difference, into, at);
  return ValueClass.delta56;
}

/** A value to which the series' scale does not apply: it gets another, or its bits are written. */
function encodeUnscaled(
  { words, scales }: ValueBase,
  index: number,
  value: number,
  low: number,
  high: number,
  into: DataView,
  at: number,
): number {
  const scale = decimalScale(value, high);
  scales[index] = scale;
  if (scale !== noScale) {
    const mantissa = value * (powersOfTen[scale] as number) + rounder - rounder;
    into.setUint8(at, scale);
    if (mantissa === (mantissa | 0)) {
      into.setInt32(at + 1, mantissa, true);
      return ValueClass.scaled32;
    }
    writeInt56(mantissa, into, at + 1);
    return ValueClass.scaled56;
  }
  if (high === staleHigh && low === staleLow) return ValueClass.stale;
  into.setInt32(at, low, true);
  into.setInt32(at + 4, high, true);
  const different = high ^ (words[index * 2 + 1] as number);
  if (different === 0) return ValueClass.low4;
  if (different >>> 8 === 0) return ValueClass.low5;
  if (different >>> 16 === 0) return ValueClass.low6;
  return different >>> 24 === 0 ? ValueClass.low7 : ValueClass.raw8;
}

/** The least scale at which the value is a decimal, `noScale` when there is none, as for infinities, NaN and -0. */
function decimalScale(value: number, high: number): number {
  if (value === 0) return high === 0 ? 0 : noScale;
  const exponent = (high >>> 20 & 0x7ff) - 1023;
  if (exponent > searchedMantissaBits) return noScale;
  // At the largest scale that the mantissa has room for, every smaller one that would do does as well.
  const largest = Math.min(scaleMax, Math.floor((searchedMantissaBits - exponent) * 0.30102999566));
  if (!isDecimal(value, largest)) return noScale;
  for (let scale = 0; scale < largest; scale++) if (isDecimal(value, scale)) return scale;
  return largest;
}

function isDecimal(value: number, scale: number): boolean {
  const power = powersOfTen[scale] as number;
  return (value * power + rounder - rounder) / power === value;
}

function writeInt56(value: number, into: DataView, at: number): void {
  const high = Math.floor(value / 0x100000000);
  into.setUint32(at, value - high * 0x100000000, true);
  into.setInt16(at + 4, high, true);
  into.setUint8(at + 6, high >> 16);
}
