import { ResponseError } from "../response_error.ts";
import { ResponseReader } from "../response_reader.ts";

/** A response as it was read. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** As latin1. */
  readonly body: string;
  readonly keepAlive: boolean;
  readonly keepAliveMs: number | null;
  readonly endedByClose: boolean;
  /** Bytes that followed the response. */
  readonly rest: number;
}

/** The bytes, cut at these places. */
export function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const sorted = cuts.filter((cut) => cut > 0 && cut < bytes.length).toSorted((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.slice(sorted[index - 1] ?? 0, end));
}

/**
 * Reads a response that comes in these pieces, and then ends.
 * @param inRoom whether what comes of the body is read from where the room has place for it, as from a socket.
 * @returns what is wrong with it, or what it says.
 */
export function readResponse(parts: readonly Uint8Array[], inRoom = false): Answer | ResponseError {
  const reader = new ResponseReader();
  const room = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let rest = 0;
  try {
    for (const part of parts) {
      let at = 0;
      let bytes = part;
      if (reader.head === null) at = reader.pushHead(bytes, at, bytes.length);
      else if (inRoom && !reader.isDone) {
        room.set(part, reader.bodyBytes);
        bytes = room.subarray(reader.bodyBytes, reader.bodyBytes + part.length);
      }
      if (reader.head !== null && !reader.isDone) at = reader.pushBody(bytes, at, bytes.length, room);
      if (reader.isDone) rest += bytes.length - at;
    }
    const endedByClose = !reader.isDone;
    if (endedByClose) reader.end();
    const { head, bodyBytes } = reader;
    if (head === null) throw new Error("a response is done without a head");
    const { status, contentType, contentEncoding, keepAlive, keepAliveMs } = head;
    const body = Buffer.from(room.subarray(0, bodyBytes)).toString("latin1");
    return { status, contentType, contentEncoding, body, keepAlive, keepAliveMs, endedByClose, rest };
  } catch (error) {
    if (error instanceof ResponseError) return error;
    throw error;
  }
}
