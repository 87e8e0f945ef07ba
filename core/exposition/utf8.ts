/**
 * The offset of the first byte of `bytes` in [start, end) that is not part of a well-formed UTF-8 sequence, or `end`.
 * Overlong forms, surrogates and code points above U+10FFFF are not well formed (Unicode 15, table 3-7).
 */
export function firstInvalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let offset = start;
  while (offset < end) {
    const length = sequenceLength(bytes, offset, end);
    if (length === 0) return offset;
    offset += length;
  }
  return end;
}

/** The length of the well-formed sequence at `offset`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, offset: number, end: number): number {
  const lead = bytes[offset] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || offset + length > end) return 0;
  const second = bytes[offset + 1] ?? 0;
  // The second byte alone rules out overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let index = 2; index < length; index++) {
    if (((bytes[offset + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
