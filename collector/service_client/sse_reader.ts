/** One event of a stream, as the HTML standard (section 9.2, server-sent events) reads it. */
export interface ServerSentEvent {
  /** `message` when the stream names none. */
  readonly event: string;
  /** The last id that the stream gave; "" before the first. */
  readonly id: string;
  readonly data: string;
}

/** The stream is none, or a line or an event of it is longer than what is kept. */
export class StreamFormatError extends Error {
  override name = "StreamFormatError";
}

/** Longest line, and longest data of one event, by default: what the store keeps of a collection, and some more. */
export const lineBytesMaxDefault: number = 17 * 1024 * 1024;

const lineFeed = 10;
const carriageReturn = 13;
const firstBufferBytes = 4096;

/**
 * Reads server-sent events from bytes, however they are cut: lines end in LF, CR LF or CR, an empty line ends an
 * event, and an event without data is none. Memory is bounded by the longest line.
 */
export class SseReader {
  readonly #lineBytesMax: number;
  readonly #decoder = new TextDecoder();
  #line = new Uint8Array(firstBufferBytes);
  #lineBytes = 0;
  /** The last byte was a CR: an LF after it belongs to it. */
  #afterReturn = false;
  #isFirstLine = true;
  #event = "";
  #id = "";
  #data: string[] = [];
  #dataLength = 0;

  constructor(lineBytesMax: number = lineBytesMaxDefault) {
    this.#lineBytesMax = lineBytesMax;
  }

  /**
   * Takes the next bytes and calls back for each event that they complete.
   * @throws StreamFormatError when a line or an event is too long; the stream is of no more use then.
   */
  push(bytes: Uint8Array, onEvent: (event: ServerSentEvent) => void): void {
    let start = 0;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index];
      if (byte !== lineFeed && byte !== carriageReturn) {
        this.#afterReturn = false;
        continue;
      }
      if (byte === lineFeed && this.#afterReturn) {
        start = index + 1;
        this.#afterReturn = false;
        continue;
      }
      this.#append(bytes.subarray(start, index));
      start = index + 1;
      this.#afterReturn = byte === carriageReturn;
      this.#endLine(onEvent);
    }
    this.#append(bytes.subarray(start));
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#lineBytes + bytes.length;
    if (needed > this.#lineBytesMax) {
      throw new StreamFormatError(`Cannot read stream: a line is longer than ${this.#lineBytesMax} bytes`);
    }
    if (needed > this.#line.length) {
      const larger = new Uint8Array(Math.min(this.#lineBytesMax, Math.max(needed, 2 * this.#line.length)));
      larger.set(this.#line.subarray(0, this.#lineBytes));
      this.#line = larger;
    }
    this.#line.set(bytes, this.#lineBytes);
    this.#lineBytes = needed;
  }

  #endLine(onEvent: (event: ServerSentEvent) => void): void {
    const line = this.#decoder.decode(this.#line.subarray(0, this.#lineBytes));
    this.#lineBytes = 0;
    // One long line is no reason to keep as much memory for all the short ones.
    if (this.#line.length > firstBufferBytes) this.#line = new Uint8Array(firstBufferBytes);
    const isFirst = this.#isFirstLine;
    this.#isFirstLine = false;
    this.#take(isFirst ? line.replace(/^\ufeff/, "") : line, onEvent);
  }

  #take(line: string, onEvent: (event: ServerSentEvent) => void): void {
    if (line === "") {
      this.#dispatch(onEvent);
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "data") this.#appendData(value);
    // What is left is a comment (an empty field), a `retry`, or a field that a later version may give a meaning.
  }

  #appendData(value: string): void {
    this.#dataLength += value.length + 1;
    if (this.#dataLength > this.#lineBytesMax) {
      throw new StreamFormatError(`Cannot read stream: an event is longer than ${this.#lineBytesMax} bytes`);
    }
    this.#data.push(value);
  }

  #dispatch(onEvent: (event: ServerSentEvent) => void): void {
    const { length } = this.#data;
    const event = { event: this.#event === "" ? "message" : this.#event, id: this.#id, data: this.#data.join("\n") };
    this.#event = "";
    this.#data = [];
    this.#dataLength = 0;
    if (length > 0) onEvent(event);
  }
}
