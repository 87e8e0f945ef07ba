import { Buffer } from "node:buffer";
import { BinaryExpositionError } from "../exposition.ts";
import { firstInvalidUtf8 } from "../utf8.ts";

/** How the value of a field is written. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A varint has at most this many bytes. */
const varintBytesMax = 10;

const two32 = 2 ** 32;

/**
 * Reads the protobuf wire format: the fields of one message after the other, with the offset of whatever is wrong.
 * Messages are read in place, so nothing that a length claims is allocated.
 *
 * Integers of 64 bits become the nearest number, which is exact up to 2^53.
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** Of the message that is read. */
  #end: number;
  /** The last varint, as two halves of 32 bits without a sign. */
  #low = 0;
  #high = 0;
  offset = 0;
  /** Of the last field that {@link next} found. */
  field = 0;
  wire = 0;
  fieldOffset = 0;

  /** `body` is not copied and must not change while it is read. */
  constructor(body: Uint8Array) {
    this.#bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.#end = body.length;
  }

  /** Whether the message has another field, which is then in `field` and `wire`, with its value at the offset. */
  next(): boolean {
    if (this.offset >= this.#end) return false;
    this.fieldOffset = this.offset;
    this.#varint();
    if (this.#high !== 0) throw this.error("the number of a field is out of range", this.fieldOffset);
    this.field = this.#low >>> 3;
    this.wire = this.#low & 7;
    if (this.field === 0) throw this.error("a field has the number 0", this.fieldOffset);
    return true;
  }

  /** Whether the message ends here. */
  atEnd(): boolean {
    return this.offset >= this.#end;
  }

  /** Reads a message with its length before it: `read` is called with the reader inside, and must read to the end. */
  message<Result>(read: () => Result): Result {
    const outerEnd = this.#end;
    this.#end = this.#length("message");
    const result = read();
    this.#end = outerEnd;
    return result;
  }

  /** Reads the message that is the value of the field. */
  submessage<Result>(read: () => Result): Result {
    this.#expect(wireType.bytes);
    return this.message(read);
  }

  text(): string {
    this.#expect(wireType.bytes);
    const end = this.#length("text");
    const start = this.offset;
    this.offset = end;
    let index = start;
    while (index < end && (this.#bytes[index] ?? 0) < 0x80) index++;
    if (index === end) return this.#bytes.toString("latin1", start, end);
    const invalid = firstInvalidUtf8(this.#bytes, index, end);
    if (invalid < end) throw this.error("the text is not valid UTF-8", invalid);
    return this.#bytes.toString("utf8", start, end);
  }

  double(): number {
    this.#expect(wireType.fixed64);
    return this.#fixed64();
  }

  uint64(): number {
    this.#expect(wireType.varint);
    this.#varint();
    return this.#high * two32 + this.#low;
  }

  int64(): number {
    this.#expect(wireType.varint);
    this.#varint();
    return (this.#high | 0) * two32 + this.#low;
  }

  /** Also reads enumerations. */
  int32(): number {
    this.#expect(wireType.varint);
    this.#varint();
    return this.#low | 0;
  }

  uint32(): number {
    this.#expect(wireType.varint);
    this.#varint();
    return this.#low;
  }

  sint32(): number {
    this.#expect(wireType.varint);
    this.#varint();
    return this.#low >>> 1 ^ -(this.#low & 1);
  }

  /** Reads one value of a repeated field, or all of them when they are packed. */
  doubles(into: number[]): void {
    this.#repeated(wireType.fixed64, () => into.push(this.#fixed64()));
  }

  sint64s(into: number[]): void {
    this.#repeated(wireType.varint, () => {
      this.#varint();
      into.push(this.#zigzag());
    });
  }

  /** Moves over the value of a field that is not known. */
  skip(): void {
    switch (this.wire) {
      case wireType.varint:
        this.#varint();
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.fixed32:
        this.#advance(4);
        return;
      case wireType.bytes:
        this.offset = this.#length("field");
        return;
      default:
        throw this.error(`field ${this.field} has the wire type ${this.wire}, which no metric has`, this.fieldOffset);
    }
  }

  /** The error that refuses the exposition because of what stands at `offset`. */
  error(reason: string, offset: number = this.offset): BinaryExpositionError {
    return new BinaryExpositionError(offset, reason);
  }

  #repeated(wire: number, read: () => void): void {
    if (this.wire !== wireType.bytes) {
      this.#expect(wire);
      read();
      return;
    }
    this.message(() => {
      while (!this.atEnd()) read();
    });
  }

  #expect(wire: number): void {
    if (this.wire === wire) return;
    throw this.error(`field ${this.field} has the wire type ${this.wire} instead of ${wire}`, this.fieldOffset);
  }

  /** Reads a length and returns where what has it ends. */
  #length(what: string): number {
    const start = this.offset;
    this.#varint();
    const bytes = this.#high * two32 + this.#low;
    const left = this.#end - this.offset;
    if (bytes > left) throw this.error(`a ${what} of ${bytes} bytes is cut off: ${left} are left`, start);
    return this.offset + bytes;
  }

  #fixed64(): number {
    const start = this.offset;
    this.#advance(8);
    return this.#view.getFloat64(start, true);
  }

  #advance(bytes: number): void {
    if (this.#end - this.offset < bytes) throw this.error("a number is cut off");
    this.offset += bytes;
  }

  #zigzag(): number {
    const negative = -(this.#low & 1);
    const low = ((this.#low >>> 1 | this.#high << 31) ^ negative) >>> 0;
    return (this.#high >>> 1 ^ negative) * two32 + low;
  }

  #varint(): void {
    const start = this.offset;
    let low = 0;
    let high = 0;
    for (let index = 0; index < varintBytesMax; index++) {
      if (this.offset >= this.#end) throw this.error("a number is cut off", start);
      const byte = this.#bytes[this.offset++] ?? 0;
      const bits = byte & 0x7f;
      const shift = 7 * index;
      if (shift < 32) low |= bits << shift;
      if (shift > 32) high |= bits << (shift - 32);
      else if (shift === 28) high |= bits >>> 4;
      if (byte < 0x80) {
        if (index === varintBytesMax - 1 && byte > 1) break;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw this.error("a number is longer than 64 bits", start);
  }
}
