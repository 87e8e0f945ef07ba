import { atOffset, bitsOffset, bufferOffset, endOffset } from "./inflate_layout";

/** Fills the bits in hand up from the input, byte by byte, as long as there is any. */
export function refill(work: usize): void {
  let at = <usize> load<u32>(work + atOffset);
  const end = <usize> load<u32>(work + endOffset);
  let bits = load<u32>(work + bitsOffset);
  let buffer = load<u64>(work + bufferOffset);
  while (bits < 56 && at < end) {
    buffer |= <u64> load<u8>(at++) << bits;
    bits += 8;
  }
  store<u32>(work + atOffset, <u32> at);
  store<u32>(work + bitsOffset, bits);
  store<u64>(work + bufferOffset, buffer);
}

/** Takes bits in hand; false when there are fewer. */
export function drop(work: usize, count: u32): bool {
  const bits = load<u32>(work + bitsOffset);
  if (bits < count) return false;
  store<u32>(work + bitsOffset, bits - count);
  store<u64>(work + bufferOffset, load<u64>(work + bufferOffset) >> count);
  return true;
}

/** Takes the next `count` bits, at most 16; -1 when the input ends before. */
export function take(work: usize, count: u32): i32 {
  refill(work);
  const value = <i32> (load<u64>(work + bufferOffset) & ((1 << count) - 1));
  return drop(work, count) ? value : -1;
}
