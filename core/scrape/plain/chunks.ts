import { isToken } from "./head.ts";
import { notHttp } from "./response_error.ts";

/** What comes next of a chunked body (RFC 9112, section 7.1). */
const Next = { size: 0, extension: 1, sizeEnd: 2, data: 3, dataReturn: 4, dataEnd: 5, trailers: 6 } as const;
type Next = (typeof Next)[keyof typeof Next];

/** Most hexadecimal digits of a chunk's size. */
const sizeDigitsMax = 8;
/** Most bytes of the extensions of all chunks of a body, which mean nothing to us. */
const extensionBytesMax = 16 * 1024;

/** Takes the framing out of a chunked body. */
export class ChunkReader {
  #next: Next = Next.size;
  #digits = 0;
  #extensionBytes = 0;
  /** Whether an extension's name begins here. */
  #atExtension = false;
  #left = 0;
  /** Bytes of the body that came. */
  bodyBytes = 0;

  /** Bytes of the body that came, and those of this chunk that have still to come. */
  get announcedBytes(): number {
    return this.bodyBytes + this.#left;
  }

  /** Whether all data came, so that trailers follow. */
  get isAtTrailers(): boolean {
    return this.#next === Next.trailers;
  }

  /**
   * Takes bytes, and puts those of the body into `room` from `bodyBytes` on. The input may lie in the room itself, at
   * that place or behind it. Returns where the next bytes begin: at the trailers, or at `end`.
   * @throws ResponseError for framing that is not exactly as it should be.
   */
  push(input: Uint8Array, from: number, end: number, room: Uint8Array): number {
    let at = from;
    while (at < end) {
      if (this.#next === Next.data) {
        const taken = Math.min(this.#left, end - at);
        room.set(input.subarray(at, at + taken), this.bodyBytes);
        this.bodyBytes += taken;
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#next = Next.dataReturn;
        continue;
      }
      this.#frame(input[at] ?? 0);
      at++;
      if (this.#next === Next.trailers) return at;
    }
    return at;
  }

  #frame(byte: number): void {
    switch (this.#next) {
      case Next.size:
        this.#size(byte);
        return;
      case Next.extension:
        this.#extension(byte);
        return;
      case Next.sizeEnd:
        if (byte !== 10) throw notHttp("a chunk's size does not end its line");
        this.#digits = 0;
        this.#next = this.#left === 0 ? Next.trailers : Next.data;
        return;
      case Next.dataReturn:
        if (byte !== 13) throw notHttp("a chunk is longer than its size");
        this.#next = Next.dataEnd;
        return;
      case Next.dataEnd:
        if (byte !== 10) throw notHttp("a chunk is longer than its size");
        this.#next = Next.size;
        return;
      case Next.data:
      case Next.trailers:
        throw new Error("bytes that are no framing of chunks");
    }
  }

  /** `;name=value`, without any space: what else there could be, nobody sends. */
  #extension(byte: number): void {
    if (++this.#extensionBytes > extensionBytesMax) throw notHttp("the extensions of its chunks are too long");
    const isFirst = this.#atExtension;
    this.#atExtension = false;
    if (byte === 13 && !isFirst) this.#next = Next.sizeEnd;
    else if (byte === 59 && !isFirst) this.#atExtension = true;
    else if (!isToken(byte) && (isFirst || byte !== 61 && byte !== 34)) {
      throw notHttp("a chunk's extension cannot be read");
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > sizeDigitsMax) throw notHttp("a chunk's size has too many digits");
      this.#left = this.#left * 16 + digit;
    } else if (this.#digits === 0) throw notHttp("a chunk's size is no number");
    else if (byte === 13) this.#next = Next.sizeEnd;
    else if (byte === 59) {
      this.#next = Next.extension;
      this.#atExtension = true;
    } else throw notHttp("a chunk's size is no number");
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
