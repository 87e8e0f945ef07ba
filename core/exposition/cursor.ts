import { Buffer } from "node:buffer";
import { ExpositionError } from "./exposition.ts";
import { firstInvalidUtf8 } from "./utf8.ts";

/** The bytes that the text formats give a meaning. */
export const byteOf = {
  nul: 0x00,
  tab: 0x09,
  newline: 0x0a,
  space: 0x20,
  quote: 0x22,
  hash: 0x23,
  comma: 0x2c,
  minus: 0x2d,
  equal: 0x3d,
  backslash: 0x5c,
  braceOpen: 0x7b,
  braceClose: 0x7d,
} as const;

/** What {@link Cursor.peek} returns behind the last byte. */
export const endOfBody = -1;

/** The longest UTF-8 sequence of one character. */
const utf8BytesMax = 4;

/** How much of an offending text a reason shows, in bytes. */
const shownBytesMax = 60;

/** A place in an exposition, with the few moves that both text formats need. */
export class Cursor {
  readonly bytes: Buffer;
  offset = 0;

  /** `body` is not copied and must not change while the cursor is used. */
  constructor(body: Uint8Array) {
    this.bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  }

  /** The byte at the cursor, or {@link endOfBody}. */
  peek(): number {
    return this.bytes[this.offset] ?? endOfBody;
  }

  atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  /** Whether the line ends here, with a line feed or with the body. */
  atLineEnd(): boolean {
    const byte = this.peek();
    return byte === byteOf.newline || byte === endOfBody;
  }

  /** Moves over `byte` when it is the next one, and tells whether it was. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.offset++;
    return true;
  }

  /** Moves over `word`, which is ASCII, when it is next, and tells whether it was. */
  takeWord(word: string): boolean {
    for (let index = 0; index < word.length; index++) {
      if (this.bytes[this.offset + index] !== word.charCodeAt(index)) return false;
    }
    this.offset += word.length;
    return true;
  }

  /** Moves over spaces and tabs, and tells whether there was one. */
  skipBlanks(): boolean {
    const start = this.offset;
    while (this.peek() === byteOf.space || this.peek() === byteOf.tab) this.offset++;
    return this.offset > start;
  }

  /** Moves to the line feed that ends the line, or to the end of the body, and returns that offset. */
  skipToLineEnd(): number {
    const end = this.bytes.indexOf(byteOf.newline, this.offset);
    this.offset = end === -1 ? this.bytes.length : end;
    return this.offset;
  }

  /** The text of a range that holds ASCII, or that need not be read exactly because ASCII is all that is accepted. */
  ascii(start: number, end: number): string {
    return this.bytes.toString("latin1", start, end);
  }

  /**
   * The text of a range.
   * @throws ExpositionError at the first byte that is not UTF-8.
   */
  text(start: number, end: number): string {
    // Most texts are ASCII, which reads much faster as Latin-1 than as UTF-8.
    let index = start;
    while (index < end && (this.bytes[index] ?? 0) < 0x80) index++;
    if (index === end) return this.ascii(start, end);
    const invalid = firstInvalidUtf8(this.bytes, index, end);
    if (invalid < end) throw this.error("the text is not valid UTF-8", invalid);
    return this.bytes.toString("utf8", start, end);
  }

  /** A range as a reason shows it: quoted, with control characters visible, and cut when it is long. */
  show(start: number, end: number): string {
    const cut = Math.min(end, start + shownBytesMax);
    return JSON.stringify(this.bytes.toString("utf8", start, cut) + (cut < end ? "…" : ""));
  }

  /** The character at the cursor as a reason shows it. */
  showNext(): string {
    if (this.atEnd()) return "the end of the body";
    if (this.peek() === byteOf.newline) return "the end of the line";
    const [character] = this.bytes.toString("utf8", this.offset, this.offset + utf8BytesMax);
    return JSON.stringify(character);
  }

  /** The error that refuses the exposition because of what stands at `offset`. */
  error(reason: string, offset: number = this.offset): ExpositionError {
    let line = 1;
    let lineStart = 0;
    for (;;) {
      const newline = this.bytes.indexOf(byteOf.newline, lineStart);
      if (newline === -1 || newline >= offset) break;
      line++;
      lineStart = newline + 1;
    }
    return new ExpositionError(line, offset - lineStart + 1, reason);
  }
}
