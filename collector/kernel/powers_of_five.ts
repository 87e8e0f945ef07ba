/** The least and the greatest power of ten whose product with 19 digits can be a normal 64-bit float. */
export const powerMin = -342;
export const powerMax = 308;

const roundedUpMin = -27;
const half = (1n << 64n) - 1n;

/**
 * The table of the Eisel-Lemire algorithm (D. Lemire, "Number Parsing at a Gigabyte per Second", 2021, section 5): for
 * each power of five from {@link powerMin} to {@link powerMax} its 128 most significant bits; 16 bytes each, the low
 * half first, little-endian. They are cut off, but rounded up for the powers from -27 to -1: there a mantissa may be a
 * multiple of the power, and its product must not come out short.
 */
export function powersOfFive(): Uint8Array {
  const table = new BigUint64Array(2 * (powerMax - powerMin + 1));
  for (let power = powerMin; power <= powerMax; power++) {
    const bits = power < 0
      ? reciprocalBits(5n ** BigInt(-power), power >= roundedUpMin)
      : wholeBits(5n ** BigInt(power));
    table[2 * (power - powerMin)] = bits & half;
    table[2 * (power - powerMin) + 1] = bits >> 64n;
  }
  return new Uint8Array(table.buffer);
}

function wholeBits(value: bigint): bigint {
  const length = BigInt(value.toString(2).length);
  return length <= 128n ? value << (128n - length) : value >> (length - 128n);
}

function reciprocalBits(value: bigint, roundsUp: boolean): bigint {
  // value lies between 2^(length - 1) and 2^length, so that the quotient has 128 bits.
  const length = BigInt(value.toString(2).length);
  return (1n << (length + 127n)) / value + (roundsUp ? 1n : 0n);
}
