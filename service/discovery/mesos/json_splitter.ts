import { parseJson } from "../../../core/json.ts";

/** What comes is no sequence of JSON objects; where the next one begins is not known. */
export class JsonStreamError extends Error {
  override name = "JsonStreamError";
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Cuts a stream of bytes into the JSON objects that it consists of, wherever its chunks end, and whatever white space is
 * between them: BCS storage puts a newline there, or nothing. Holds at most one unfinished object of `bytesMax` bytes.
 */
export class JsonSplitter {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Of braces and brackets; 0 between two objects. */
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * The objects that the chunk completes. The chunk is kept: it must not change afterwards.
   * @throws JsonStreamError for anything else, and for an object that is too long; the splitter is of no use any more.
   */
  push(chunk: Uint8Array): unknown[] {
    const objects: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const wasInside = this.#depth > 0;
      this.#step(chunk[at] ?? 0);
      if (!wasInside) start = at;
      else if (this.#depth === 0) {
        this.#keep(chunk.subarray(start, at + 1));
        objects.push(this.#take());
      }
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start));
    return objects;
  }

  #step(byte: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
    } else if (this.#depth === 0) {
      if (byte === openBrace) this.#depth = 1;
      else if (!isSpace(byte)) throw new JsonStreamError(`byte ${byte} stands where an object should begin`);
    } else if (byte === quote) this.#inString = true;
    else if (byte === openBrace || byte === openBracket) this.#depth++;
    else if (byte === closeBrace || byte === closeBracket) this.#depth--;
  }

  #keep(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#bytesMax) throw new JsonStreamError(`an object exceeds ${this.#bytesMax} bytes`);
    this.#chunks.push(part);
  }

  #take(): unknown {
    // Decoding waits for the whole object, since a chunk may end within a character.
    const text = Buffer.concat(this.#chunks).toString("utf8");
    this.#chunks = [];
    this.#bytes = 0;
    const value = parseJson(text);
    if (value === undefined) throw new JsonStreamError(`an object is no JSON: ${JSON.stringify(text.slice(0, 100))}`);
    return value;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
