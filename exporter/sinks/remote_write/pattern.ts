/**
 * A message with holes: what a program is compiled from. One 16-bit unit stands for each byte:
 *
 * | unit          | the byte                                                              |
 * | ------------- | --------------------------------------------------------------------- |
 * | 0 to 255      | itself                                                                |
 * | 256 + p       | byte p of the parameters, which are the same for all of a scrape      |
 * | 0xFFFF, FFFE  | the first, and each further, byte of the next value                   |
 */

const textEncoder = new TextEncoder();

export const unit = { parameter: 256, value: 0xfffe, valueFirst: 0xffff } as const;
export const parameterBytesMax = unit.value - unit.parameter;

export class PatternWriter {
  #units = new Uint16Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  view(): Uint16Array {
    return this.#units.subarray(0, this.#length);
  }

  u8(byte: number): this {
    const at = this.#reserve(1);
    this.#units[at] = byte;
    return this;
  }

  varint(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.u8((rest & 0x7f) | 0x80);
    return this.u8(rest);
  }

  /** Its length, then its bytes. ASCII needs no buffer of its own. */
  text(text: string): this {
    const textBytes = Buffer.byteLength(text);
    this.varint(textBytes);
    const at = this.#reserve(textBytes);
    const units = this.#units;
    if (textBytes !== text.length) units.set(textEncoder.encode(text), at);
    else for (let index = 0; index < textBytes; index++) units[at + index] = text.charCodeAt(index);
    return this;
  }

  parameter(first: number, count: number): this {
    const at = this.#reserve(count);
    for (let index = 0; index < count; index++) this.#units[at + index] = unit.parameter + first + index;
    return this;
  }

  value(): this {
    const at = this.#reserve(8);
    this.#units.fill(unit.value, at, at + 8);
    this.#units[at] = unit.valueFirst;
    return this;
  }

  pattern(other: PatternWriter): this {
    const count = other.length;
    const at = this.#reserve(count);
    const from = other.#units;
    const to = this.#units;
    for (let index = 0; index < count; index++) to[at + index] = from[index] as number;
    return this;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#units.length) {
      const larger = new Uint16Array(Math.max(needed, this.#units.length * 2));
      larger.set(this.view());
      this.#units = larger;
    }
    this.#length = needed;
    return at;
  }
}
