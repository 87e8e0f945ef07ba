/** Writing of protobuf fields into memory that is large enough: each function returns where it ended. */

const textEncoder = new TextEncoder();

export function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

/**
 * The length of a text, then its UTF-8, of `textBytes` bytes. Fast path: ASCII is copied by a loop; encoding into a
 * buffer of its own made the first scrape of a target five times as costly.
 */
export function putText(bytes: Uint8Array, start: number, text: string, textBytes: number): number {
  const at = putVarint(bytes, start, textBytes);
  if (textBytes !== text.length) textEncoder.encodeInto(text, bytes.subarray(at, at + textBytes));
  else for (let index = 0; index < textBytes; index++) bytes[at + index] = text.charCodeAt(index);
  return at + textBytes;
}

/** Bytes of a field with a tag of one byte, a length and content. */
export function fieldBytes(contentBytes: number): number {
  let bytes = 2 + contentBytes;
  for (let rest = contentBytes; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}
