/** Bytes of the varint of a time that a program takes: from 1971 to 2109. */
export const timeBytes = 6;

/** Whether the varint of a time has just these bytes. */
export function fitsProgram(timeMs: number): boolean {
  return timeMs >= 2 ** 35 && timeMs < 2 ** 42;
}

/** Writes the varint of a time that fits at the beginning of `bytes`. */
export function writeTime(bytes: Uint8Array, timeMs: number): void {
  let low = timeMs % 2 ** 28;
  for (let index = 0; index < 4; index++, low >>>= 7) bytes[index] = (low & 0x7f) | 0x80;
  const high = Math.floor(timeMs / 2 ** 28);
  bytes[4] = (high & 0x7f) | 0x80;
  bytes[5] = high >>> 7;
}
