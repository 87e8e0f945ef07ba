/**
 * The snappy block format, as far as it is made here. Its specification: google/snappy, format_description.txt.
 *
 * ```
 * varint length of what was compressed, then elements:
 * literal  tag lllllll00: length - 1 below 60; 60 and 61: length - 1 in one or two bytes more; then the bytes
 * copy     tag ooolll01, byte: length - 4 below 8, offset below 2^11
 *          tag llllll10, two bytes: length - 1 below 64, offset below 2^16, little-endian
 * ```
 *
 * A copy refers to what it stands behind by distance, so elements that refer to nothing before them can be joined.
 */

import { compressSync } from "snappy";

/**
 * Fast path: the compressed bytes are copied out of a buffer that snappy frees at once. Left to the garbage collector,
 * such buffers piled up to 700 MB and made compression cost two to ten times as much (requests of 1.9 MB, Node 24).
 */
const options = { copyOutputData: true };

export function compress(bytes: Uint8Array): Uint8Array {
  return compressSync(bytes, options);
}

/** The elements that `bytes` are compressed to, without their length in front. */
export function compressToElements(bytes: Uint8Array): Uint8Array {
  const compressed = compress(bytes);
  let start = 0;
  while ((compressed[start] as number) >= 0x80) start++;
  return compressed.subarray(start + 1);
}
