/** One line of a stream is longer than we keep; where the next one begins is not known. */
export class LineTooLongError extends Error {
  override name = "LineTooLongError";
}

/** Cuts a stream of bytes into lines, wherever its chunks end. Holds at most one unfinished line of `bytesMax` bytes. */
export class LineBuffer {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * The lines that the chunk completes, without their ends and without empty ones. The chunk is kept: it must not
   * change afterwards.
   * @throws LineTooLongError when a line exceeds the limit; the buffer is of no use any more.
   */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = this.#take();
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#bytesMax) throw new LineTooLongError(`a line exceeds ${this.#bytesMax} bytes`);
    if (part.length > 0) this.#chunks.push(part);
  }

  #take(): string {
    // Decoding waits for the whole line, since a chunk may end within a character.
    const line = Buffer.concat(this.#chunks).toString("utf8");
    this.#chunks = [];
    this.#bytes = 0;
    return line;
  }
}

const newline = 0x0a;
