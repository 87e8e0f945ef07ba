import { toFloat } from "./decimal";
import { countDigits, readDigits } from "./digits";
import { wholeTensAt } from "./layout";

const digitsMax: i32 = 19;
const exponentDigitsMax: usize = 4;

function isDigit(at: usize): bool {
  return <u32> load<u8>(at) - 0x30 <= 9;
}

/**
 * Reads the token `-?digits[.digits][(e|E)[+-]?digits]` that begins at `at`, and stores it at `value`.
 *
 * It goes by the bytes only, since the caller knows best where they end: the token may reach beyond the body's end,
 * into bytes that mean nothing, though never beyond some 100 bytes.
 *
 * @returns The address behind the token; 0 when there is none, or one with more than 19 digits, or one whose float is
 * not sure (see toFloat).
 */

export function readNumber(at: usize, value: usize): usize {
  const negative = load<u8>(at) == 0x2d;
  if (negative) at++;
  let bytes = v128.load(at);
  let count = countDigits(bytes);
  if (count == 0) return 0;
  let mantissa = readDigits(bytes, count);
  at += count;
  if (count == 16) {
    for (; isDigit(at); at++, count++) {
      if (count == digitsMax) return 0;
      mantissa = mantissa * 10 + load<u8>(at) - 0x30;
    }
  }
  let power = 0;
  let next = load<u8>(at);
  if (next == 0x2e) {
    const fraction = ++at;
    // Zeros in front are no digits of the mantissa: 0.00012345678901234567 has 17.
    if (mantissa == 0) {
      count = 0;
      while (load<u8>(at) == 0x30) {
        if (at - fraction == 32) return 0;
        at++;
      }
    }
    bytes = v128.load(at);
    let decimals = countDigits(bytes);
    if (count + decimals > digitsMax) return 0;
    mantissa = mantissa * load<u64>(wholeTensAt + (<usize> decimals << 3)) + readDigits(bytes, decimals);
    at += decimals;
    if (decimals == 16) {
      for (; isDigit(at); at++, decimals++) {
        if (count + decimals == digitsMax) return 0;
        mantissa = mantissa * 10 + load<u8>(at) - 0x30;
      }
    }
    if (at == fraction) return 0;
    power = -<i32> (at - fraction);
    next = load<u8>(at);
  }
  if ((next | 0x20) == 0x65) {
    const sign = load<u8>(++at);
    if (sign == 0x2d || sign == 0x2b) at++;
    const first = at;
    let exponent = 0;
    for (; isDigit(at); at++) {
      if (at - first == exponentDigitsMax) return 0;
      exponent = exponent * 10 + load<u8>(at) - 0x30;
    }
    if (at == first) return 0;
    power += sign == 0x2d ? -exponent : exponent;
  }
  const float = power == 0 ? <f64> mantissa : toFloat(mantissa, power);
  if (float != float) return 0;
  store<f64>(value, negative ? -float : float);
  return at;
}
