import { ChunkReader } from "./chunks.ts";
import { readUsualHead } from "./fast_head.ts";
import { FieldBlock } from "./field_block.ts";
import { checkTrailers, readHead, type ResponseHead } from "./head.ts";
import { notHttp, ResponseError } from "./response_error.ts";

/**
 * Reads one HTTP/1.1 response to a GET from bytes as they come, in whatever pieces, without input or output of its
 * own. It is strict: where two readers could disagree about where a response ends, it refuses.
 *
 *     bytes -> pushHead (until `head` is there) -> pushBody (until `isDone`) -> whatever follows is no part of it
 *
 * The body is put into a room that the caller provides, where it lies in one piece and without framing. The caller may
 * read from the socket into that very room, at `bodyBytes`: nothing is moved then, but over the framing of chunks.
 */
export class ResponseReader {
  readonly #block = new FieldBlock();
  readonly #chunks = new ChunkReader();
  /** Before the first bytes. */
  #isUntouched = true;
  #head: ResponseHead | null = null;
  #bodyBytes = 0;
  #isDone = false;

  /** Of the response that counts: interim ones (1xx) are passed over. */
  get head(): ResponseHead | null {
    return this.#head;
  }

  /** Bytes of the body that are in the room. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Bytes that the body has at least, by what was announced. */
  get announcedBytes(): number {
    return this.#head?.chunked === true ? this.#chunks.announcedBytes : this.#head?.contentLength ?? this.#bodyBytes;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * Takes bytes of the head. Returns where the next ones begin: behind the head when it is complete, at `end` when not.
   * @throws ResponseError
   */
  pushHead(input: Uint8Array, from: number, end: number): number {
    if (this.#isUntouched) {
      this.#isUntouched = false;
      const usual = readUsualHead(input, from, end);
      if (usual !== null) {
        this.#block.count(usual.end - from);
        this.#take(usual.head);
        return usual.end;
      }
    }
    let at = from;
    while (at < end && this.#head === null) {
      const next = this.#block.push(input, at, end, true);
      if (next < 0) return end;
      at = next;
      const head = readHead(this.#block.bytes);
      if (head.status === 101) throw notHttp("it switches to another protocol");
      if (head.status < 200) continue;
      this.#take(head);
    }
    return at;
  }

  /**
   * Takes bytes of the body into `room`, which has place for all of them behind `bodyBytes`. Returns where the next
   * ones begin: behind the response when it is complete, at `end` when not.
   * @throws ResponseError
   */
  pushBody(input: Uint8Array, from: number, end: number, room: Uint8Array): number {
    if (this.#head?.chunked === true) return this.#pushChunks(input, from, end, room);
    const left = (this.#head?.contentLength ?? Infinity) - this.#bodyBytes;
    const taken = Math.min(left, end - from);
    const isInPlace = input.buffer === room.buffer && input.byteOffset + from === room.byteOffset + this.#bodyBytes;
    if (!isInPlace) room.set(input.subarray(from, from + taken), this.#bodyBytes);
    this.#bodyBytes += taken;
    this.#isDone = taken === left;
    return from + taken;
  }

  /**
   * The peer sends nothing more.
   * @throws ResponseError when that is not how this response ends.
   */
  end(): void {
    const head = this.#head;
    if (head !== null && !head.chunked && head.contentLength === null) this.#isDone = true;
    if (!this.#isDone) throw new ResponseError("connection closed before the response was complete");
  }

  #take(head: ResponseHead): void {
    this.#head = head;
    this.#isDone = head.contentLength === 0 || head.status === 204 || head.status === 304;
  }

  #pushChunks(input: Uint8Array, from: number, end: number, room: Uint8Array): number {
    let at = from;
    if (!this.#chunks.isAtTrailers) {
      at = this.#chunks.push(input, at, end, room);
      this.#bodyBytes = this.#chunks.bodyBytes;
      if (!this.#chunks.isAtTrailers) return at;
    }
    const next = this.#block.push(input, at, end, false);
    if (next < 0) return end;
    checkTrailers(this.#block.bytes);
    this.#isDone = true;
    return next;
  }
}
