/** How many of the 16 bytes at `at` are digits, before the first that is none. */

export function countDigits(bytes: v128): i32 {
  const others = i8x16.bitmask(i8x16.gt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(9)));
  return ctz(others | 0x10000);
}

/** The number that the first `count` of 16 bytes write, all of which are digits. */

export function readDigits(bytes: v128, count: i32): u64 {
  // The digits move to the right end, and zeros come in from the left: swizzle makes zeros of lanes that do not exist.
  const lanes = i8x16.add(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8> (count - 16)));
  const digits = i8x16.swizzle(i8x16.sub(bytes, i8x16.splat(0x30)), lanes);
  // 16 digits become 8 pairs, 4 fours and 2 eights.
  const pairs = i16x8.add(
    i16x8.mul(v128.and(digits, i16x8.splat(0xff)), i16x8.splat(10)),
    i16x8.shr_u(digits, 8),
  );
  const fours = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1));
  const eights = i32x4.dot_i16x8_s(
    i16x8.narrow_i32x4_u(fours, fours),
    i16x8(10000, 1, 10000, 1, 10000, 1, 10000, 1),
  );
  return <u64> i32x4.extract_lane(eights, 0) * 100_000_000 + <u64> i32x4.extract_lane(eights, 1);
}
