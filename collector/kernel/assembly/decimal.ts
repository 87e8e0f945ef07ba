import { floatTensAt, powerMax, powerMin, powersAt } from "./layout";

const exactMax: u64 = 1 << 53;
const all: u64 = 0xffff_ffff_ffff_ffff;

/**
 * The float next to `mantissa * 10^power`; NaN when it is not sure, is no normal float, or is beyond their range.
 *
 * What a float holds exactly is multiplied or divided by a power of ten that it holds exactly, which rounds once
 * (W. Clinger, 1990). The rest is the algorithm of Eisel and Lemire (D. Lemire, "Number Parsing at a Gigabyte per
 * Second", 2021): the top bits of the product of the mantissa and a table's 128 bits of the power of five.
 */

export function toFloat(mantissa: u64, power: i32): f64 {
  if (mantissa <= exactMax && power >= -22 && power <= 22) {
    return power < 0
      ? <f64> mantissa / load<f64>(floatTensAt + (<usize> (-power) << 3))
      : <f64> mantissa * load<f64>(floatTensAt + (<usize> power << 3));
  }
  return eiselLemire(mantissa, power);
}

function eiselLemire(mantissa: u64, power: i32): f64 {
  if (mantissa == 0) return 0;
  if (power < powerMin || power > powerMax) return NaN;
  const zeros = clz(mantissa);
  const factor = mantissa << zeros;
  const entry = powersAt + (<usize> (power - powerMin) << 4);
  const powerHigh = load<u64>(entry, 8);
  let high = multiplyHigh(factor, powerHigh);
  let low = factor * powerHigh;
  // 55 bits are needed: 53 and two to round by. Only when all those below are ones the rest of the power matters.
  if ((high & (all >> 55)) == all >> 55) {
    const carry = multiplyHigh(factor, load<u64>(entry));
    low += carry;
    if (low < carry) high++;
    if (low == all && (power < -27 || power > 55)) return NaN;
  }
  const upper = high >> 63;
  const shift = upper + 9;
  let bits = high >> shift;
  const exponent = ((217_706 * power) >> 16) + 63 + <i32> upper - <i32> zeros + 1023;
  if (exponent <= 0) return NaN;
  // Exactly between two floats: possible only where five to the power fits in 64 bits. It is made to round down.
  if (low <= 1 && power >= -4 && power <= 23 && (bits & 3) == 1 && bits << shift == high) bits &= ~(<u64> 1);
  bits = (bits + (bits & 1)) >> 1;
  // Rounding up may carry into the exponent, which is what adding does too; the top bit is the one that floats omit.
  const float = (<u64> (exponent - 1) << 52) + bits;
  return float >= 0x7ff0_0000_0000_0000 ? NaN : reinterpret<f64>(float);
}

/** The upper 64 of the 128 bits of `a * b`. */

function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffff_ffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffff_ffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}
