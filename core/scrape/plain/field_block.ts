import { notHttp, ResponseError } from "./response_error.ts";

/** Most bytes of all that is not body: heads, interim ones too, and trailers. As undici's. */
export const headBytesMax: number = 16 * 1024;

const carriageReturn = 13;
const lineFeed = 10;
const http = [72, 84, 84, 80, 47, 49, 46];

/**
 * Gathers the lines of a head or of trailers until the empty one that ends them. Lines end with CR LF and nothing
 * else: whoever takes a lone one for an end of line sees other fields than we do (RFC 9112, section 2.2).
 */
export class FieldBlock {
  #kept = new Uint8Array(0);
  #keptBytes = 0;
  #lineBytes = 0;
  #hasReturn = false;
  #total = 0;

  /** The lines, with the empty one. Valid after `push` has found the end, until the next `push`. */
  bytes: Uint8Array = this.#kept;

  /**
   * Takes bytes up to the end of the block, and returns where the next ones begin; -1 when it needs more.
   * @param isHead whether the block must begin with the version of HTTP, so that anything else is known at once.
   * @throws ResponseError for a lone CR or LF, or a block that is too large.
   */
  push(input: Uint8Array, at: number, end: number, isHead: boolean): number {
    for (let index = at; index < end; index++) {
      const byte = input[index];
      if (isHead && this.#keptBytes + index - at < http.length) checkBeginning(byte, this.#keptBytes + index - at);
      if (byte === lineFeed) {
        if (!this.#hasReturn) throw notHttp("a line of its head ends without CR");
        const isEmpty = this.#lineBytes === 1;
        this.#lineBytes = 0;
        this.#hasReturn = false;
        if (isEmpty) {
          this.#finish(input, at, index + 1);
          return index + 1;
        }
        continue;
      }
      if (this.#hasReturn) throw notHttp("CR within a line of its head");
      this.#hasReturn = byte === carriageReturn;
      this.#lineBytes++;
    }
    this.count(end - at);
    this.#keep(input, at, end);
    return -1;
  }

  /** Counts bytes of a head that was read without this. */
  count(bytes: number): void {
    this.#total += bytes;
    if (this.#total > headBytesMax) throw new ResponseError("response headers are too large");
  }

  #finish(input: Uint8Array, at: number, end: number): void {
    this.count(end - at);
    if (this.#keptBytes === 0) this.bytes = input.subarray(at, end);
    else {
      this.#keep(input, at, end);
      this.bytes = this.#kept.subarray(0, this.#keptBytes);
    }
    this.#keptBytes = 0;
  }

  #keep(input: Uint8Array, at: number, end: number): void {
    if (this.#kept.length < this.#keptBytes + end - at) {
      const larger = new Uint8Array(Math.min(headBytesMax, Math.max(1024, 2 * (this.#keptBytes + end - at))));
      larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(input.subarray(at, end), this.#keptBytes);
    this.#keptBytes += end - at;
  }
}

function checkBeginning(byte: number | undefined, at: number): void {
  if (byte !== http[at]) throw notHttp("it does not begin with HTTP/1");
}
