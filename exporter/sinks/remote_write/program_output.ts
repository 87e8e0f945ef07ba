import { type Program, runProgram } from "./program.ts";

/** Where programs write: a growing buffer of snappy elements. Its memory is kept from one request to the next. */
export class ProgramOutput {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #samples = 0;
  #messageBytes = 0;

  get samples(): number {
    return this.#samples;
  }

  /** Bytes of what is compressed. */
  get messageBytes(): number {
    return this.#messageBytes;
  }

  /** What is written; valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#samples = 0;
    this.#messageBytes = 0;
  }

  run(program: Program, values: Float64Array, parameters: Uint8Array): void {
    this.#reserve(program.code.length);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    runProgram(program, this.#bytes, this.#view, this.#length, bits, parameters);
    this.#length += program.code.length;
    this.#samples += program.valueAt.length;
    this.#messageBytes += program.messageBytes;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.view());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Joins elements to what snappy calls a block. The memory is kept from one request to the next. */
export class BlockJoiner {
  #bytes = new Uint8Array(0);

  /** `messageBytes` is the length of what the parts decompress to. Valid until the next call. */
  join(messageBytes: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const needed = parts.reduce((sum, part) => sum + part.length, 5);
    if (this.#bytes.length < needed) this.#bytes = new Uint8Array(needed * 2);
    let at = 0;
    let rest = messageBytes;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80;
    this.#bytes[at++] = rest;
    for (const part of parts) {
      this.#bytes.set(part, at);
      at += part.length;
    }
    return this.#bytes.subarray(0, at);
  }
}
