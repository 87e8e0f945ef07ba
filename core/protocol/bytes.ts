/**
 * Writing and reading of the variable-length bodies of frames and WAL records.
 *
 * varint: unsigned LEB128, 7 bits a byte, low bits first, at most 2^53 - 1 (8 bytes).
 * text:   varint byte length, then UTF-8.
 * Fixed-width integers are big-endian, like the frame header; sample values are little-endian IEEE 754, so that a
 * typed array over the body reads them without a copy on every machine this runs on.
 */

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of a varint. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** An append-only buffer that doubles when it is full, which replaces `#bytes` and `#view`: reserve, then use them. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  i64(value: bigint): this {
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, value);
    return this;
  }

  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot write varint "${value}"`);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  /** A signed integer, zigzag-coded so that small magnitudes stay short. Its magnitude is below 2^52. */
  signedVarint(value: number): this {
    return this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  text(value: string): this {
    if (this.#shortAscii(value)) return this;
    const encoded = textEncoder.encode(value);
    return this.varint(encoded.length).raw(encoded);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** The little-endian bits of each value; NaN payloads (the staleness marker) survive. */
  float64s(values: Float64Array): this {
    return this.raw(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /**
   * Makes room for so many more bytes and returns a view of the whole buffer, valid until the next write: what is
   * written there from `length` on counts once {@link endAt} has said where it ends.
   */
  room(bytesMax: number): DataView<ArrayBuffer> {
    const needed = this.#length + bytesMax;
    if (needed > this.#bytes.length) this.#grow(needed);
    return this.#view;
  }

  endAt(length: number): void {
    this.#length = length;
  }

  /** What was written so far, as a view: valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written so far, without a copy if it fills the buffer. The writer must not be used any more. */
  release(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#bytes.length ? this.#bytes : this.finish();
  }

  /** A copy of what was written so far. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Nearly all names and labels are short and ASCII: for these a loop takes a fifth of the time of an encoder. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    if (length >= 0x80) return false;
    const begin = this.#length;
    const at = this.#reserve(1 + length) + 1;
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) {
        this.#length = begin;
        return false;
      }
      bytes[at + index] = code;
    }
    bytes[begin] = length;
    return true;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#length = needed;
    return at;
  }

  #grow(neededBytes: number): void {
    const larger = new Uint8Array(Math.max(neededBytes, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Gives room for a number of values: of its own, or a part of a buffer that is used again. */
export type AllocateValues = (count: number) => Float64Array<ArrayBuffer>;

const newValues: AllocateValues = (count) => new Float64Array(count);

/** The bytes do not have the form that they should. */
export class MalformedError extends Error {
  override name = "MalformedError";
}

/** Reads forward through a buffer. Each method throws {@link MalformedError} when too few bytes are left. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** The same bytes, once a text is read. */
  #buffer: Buffer | null = null;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedError(`Cannot read varint at byte ${this.#offset}: it exceeds 2^53 - 1`);
  }

  signedVarint(): number {
    const coded = this.varint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  /** Fast path: nearly all texts are short and ASCII, of which a decoder takes three times as long as a slice. */
  text(): string {
    const start = this.#take(this.varint());
    const end = this.#offset;
    if (this.#isAscii(start, end)) {
      this.#buffer ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
      return this.#buffer.toString("latin1", start, end);
    }
    return this.#decode(start, end);
  }

  /** Passes over a text, checked as by {@link text}. */
  skipText(): void {
    const start = this.#take(this.varint());
    if (!this.#isAscii(start, this.#offset)) this.#decode(start, this.#offset);
  }

  #isAscii(start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return false;
    return true;
  }

  #decode(start: number, end: number): string {
    const bytes = this.#bytes.subarray(start, end);
    try {
      return textDecoder.decode(bytes);
    } catch (error) {
      throw new MalformedError(`Cannot read text at byte ${this.#offset - bytes.length}: not UTF-8`, { cause: error });
    }
  }

  /** A view of the next `count` bytes, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Copies `count` little-endian values, NaN payloads included, into what `allocate` gives for so many. */
  float64s(count: number, allocate: AllocateValues = newValues): Float64Array<ArrayBuffer> {
    const bytes = this.raw(count * 8);
    const values = allocate(count);
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
    return values;
  }

  /**
   * A count that precedes items of at least `itemBytesMin` bytes each, checked against what is left, so that a
   * forged count allocates nothing.
   */
  count(itemBytesMin: number): number {
    const count = this.varint();
    if (count * itemBytesMin > this.remaining) {
      throw new MalformedError(`Cannot read ${count} items: ${this.remaining} bytes are left`);
    }
    return count;
  }

  /** Asserts that nothing follows. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedError(`Cannot read body: ${this.remaining} bytes follow its end`);
  }

  #take(count: number): number {
    if (count > this.remaining) {
      throw new MalformedError(`Cannot read ${count} bytes at byte ${this.#offset}: ${this.remaining} are left`);
    }
    const at = this.#offset;
    this.#offset += count;
    return at;
  }
}
