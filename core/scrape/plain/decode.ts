import { gunzipSync } from "node:zlib";
import { errorCode, messageOf } from "../../errors.ts";
import { type BodyHandlers, gzipBody, zstdBody } from "../body.ts";

/** Contents of these codings are decoded. */
export type Coding = "gzip" | "zstd";

/** Larger bodies, before and after, are decoded off the event loop: these take at most a few milliseconds on it. */
const atOnceCodedBytesMax = 512 * 1024;
const atOnceBytesMax: number = 4 * 1024 * 1024;

/**
 * Decodes a body that came whole. A usual one of gzip is decoded at once, which costs half of what a stream does.
 * @param bytesMax Most bytes that it may have when decoded.
 * @param bytesExpected About how many it will have.
 * @returns what stops it; nothing is called back after that.
 */
export function decodeBody(
  coding: Coding,
  coded: Uint8Array,
  bytesMax: number,
  bytesExpected: number,
  handlers: Omit<BodyHandlers, "drain">,
): () => void {
  if (
    coding === "gzip" && coded.length <= atOnceCodedBytesMax && gunzipAtOnce(coded, bytesMax, bytesExpected, handlers)
  ) {
    return () => {};
  }
  const all = { ...handlers, drain: () => {} };
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
