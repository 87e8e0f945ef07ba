import { gunzipSync } from "node:zlib";
import { errorCode, messageOf } from "../../errors.ts";
import { type BodyHandlers, gzipBody, zstdBody } from "../body.ts";
import type { BodyMemory, LentBody } from "./body_memory.ts";
import { gunzipInPlace } from "./gunzip_in_place.ts";

/** Contents of these codings are decoded. */
export type Coding = "gzip" | "zstd";

/** Larger bodies, before and after, are decoded off the event loop: these take at most a few milliseconds on it. */
const atOnceCodedBytesMax = 512 * 1024;
const atOnceBytesMax: number = 4 * 1024 * 1024;

/** What is called back when a body is decoded, or cannot be. */
export interface DecodedHandlers extends Omit<BodyHandlers, "done" | "drain"> {
  /** @param lent Where it is, from the beginning; the receiver gives it back. */
  done(bodyBytes: number, lent: LentBody): void;
}

/**
 * Decodes a body that came whole into lent memory. A usual one of gzip is decoded at once, which costs half of what a
 * stream does, and by the memory's own inflater, if it has one, which makes no garbage.
 * @param bytesMax Most bytes that it may have when decoded.
 * @param bytesExpected About how many it will have.
 * @returns what stops it; nothing is called back after that.
 */
export function decodeBody(
  coding: Coding,
  coded: Uint8Array,
  bytesMax: number,
  bytesExpected: number,
  memory: BodyMemory,
  handlers: DecodedHandlers,
): () => void {
  const { exceeded, fail } = handlers;
  const done = (body: Uint8Array) => {
    const lent = memory.lend(body.length);
    lent.bytes.set(body);
    handlers.done(body.length, lent);
  };
  if (coding === "gzip" && coded.length <= atOnceCodedBytesMax) {
    const inPlace = gunzipInPlace(coded, Math.min(bytesMax, atOnceBytesMax), memory);
    if (inPlace !== null) {
      handlers.done(inPlace.bodyBytes, inPlace.lent);
      return () => {};
    }
    if (gunzipAtOnce(coded, bytesMax, bytesExpected, { done, exceeded, fail })) return () => {};
  }
  const all = { done, exceeded, fail, drain: () => {} };
  const reader = coding === "gzip" ? gzipBody(bytesMax, all) : zstdBody(bytesMax, all);
  reader.push(coded);
  reader.end();
  return () => reader.destroy();
}

/** False when the body is too large for that. */
function gunzipAtOnce(
  coded: Uint8Array,
  bytesMax: number,
  bytesExpected: number,
  handlers: Pick<BodyHandlers, "done" | "exceeded" | "fail">,
): boolean {
  const maxOutputLength = Math.max(1, Math.min(bytesMax, atOnceBytesMax));
  // One chunk for the whole body saves putting chunks together.
  const chunkSize = Math.min(maxOutputLength, Math.max(4096, bytesExpected + bytesExpected / 8 | 0));
  let body: Uint8Array;
  try {
    body = gunzipSync(coded, { maxOutputLength, chunkSize: Math.max(64, chunkSize) });
  } catch (error) {
    if (errorCode(error) !== "ERR_BUFFER_TOO_LARGE") handlers.fail(`gzip: ${messageOf(error)}`);
    else if (maxOutputLength === bytesMax) handlers.exceeded();
    else return false;
    return true;
  }
  if (body.length > bytesMax) handlers.exceeded();
  else handlers.done(body);
  return true;
}
