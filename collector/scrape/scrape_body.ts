import { contentIdBytes, type EncodedShape, type Layout, type Target } from "../../core/protocol/shape.ts";

/** In a shape's body the id stands behind the kind. */
const idAt = 1;
/** Count, target, layout, time and coding. */
const headBytes = 1 + 2 * contentIdBytes + 8 + 1;

/**
 * The body of SCRAPES with one scrape whose samples have no times of their own, byte for byte as `encodeScrapes` makes
 * it, in one copy of the values: they may be a view of memory that is used for the next scrape.
 *
 * @param tail Values that follow `values`.
 */
export function scrapeBody(
  target: EncodedShape<Target>,
  layout: EncodedShape<Layout>,
  timestampMs: number,
  values: Float64Array<ArrayBuffer>,
  tail: readonly number[],
): Uint8Array<ArrayBuffer> {
  const count = values.length + tail.length;
  const bytes = headBytes + varintBytes(count) + varintBytes(count * 8) + count * 8;
  const body = new Uint8Array(bytes);
  const view = new DataView(body.buffer);
  body[0] = 1;
  body.set(target.body.subarray(idAt, idAt + contentIdBytes), 1);
  body.set(layout.body.subarray(idAt, idAt + contentIdBytes), 1 + contentIdBytes);
  view.setBigInt64(1 + 2 * contentIdBytes, BigInt(timestampMs));
  let at = putVarint(body, headBytes, count);
  at = putVarint(body, at, count * 8);
  // Bytes, not numbers, are copied, so that every NaN keeps its bits.
  body.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
  at += values.byteLength;
  for (const value of tail) {
    view.setFloat64(at, value, true);
    at += 8;
  }
  return body;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}

function putVarint(body: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) body[at++] = (rest & 0x7f) | 0x80;
  body[at++] = rest;
  return at;
}
