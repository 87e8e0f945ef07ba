const compactAfter = 1024;

/** The records of one session that the log has taken but not yet made durable, oldest first. */
export class AckQueue {
  #indexes: number[] = [];
  #sequences: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  /** Bytes of the records that are not yet durable. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#indexes.length;
  }

  /** `index` is the log's, `sequence` the collector's; both are higher than those before. */
  push(index: number, sequence: number, bytes: number): void {
    this.#indexes.push(index);
    this.#sequences.push(sequence);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Removes what is durable up to the log's `index` and returns the highest sequence among it, or null. */
  durable(index: number): number | null {
    let sequence: number | null = null;
    while (!this.isEmpty && (this.#indexes[this.#head] ?? 0) <= index) {
      sequence = this.#sequences[this.#head] ?? sequence;
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head++;
    }
    this.#compact();
    return sequence;
  }

  /** Removing at the front of an array costs its length: do it when it pays. */
  #compact(): void {
    if (!this.isEmpty && (this.#head < compactAfter || this.#head * 2 < this.#indexes.length)) return;
    this.#indexes = this.#indexes.slice(this.#head);
    this.#sequences = this.#sequences.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }
}
