/** A buffer that is appended to, filled in at places already written, and used again. */
export class ByteBuffer {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Over all of the memory; valid until the next append. */
  get dataView(): DataView {
    return this.#view;
  }

  clear(): void {
    this.#length = 0;
  }

  /** What was written, valid until the next append. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns where the bytes begin. */
  append(bytes: Uint8Array): number {
    const at = this.#length;
    const needed = at + bytes.length;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#bytes.set(bytes, at);
    this.#length = needed;
    return at;
  }

  #grow(neededBytes: number): void {
    const larger = new Uint8Array(Math.max(neededBytes, this.#bytes.length * 2));
    larger.set(this.view());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
