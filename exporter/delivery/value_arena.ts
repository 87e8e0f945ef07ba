/** What one read of the log brings fits, mostly. */
const smallestCount = 16 * 1024;
/** More than this, which only a huge scrape needs, is not kept. */
const keptCountMax = 512 * 1024;

/**
 * Room for the values of one chunk after the other. An array of its own for each scrape, each forgotten soon, made the
 * runtime collect its whole heap again and again.
 */
export class ValueArena {
  #values = new Float64Array(0);
  #used = 0;

  /** Room for `count` values, valid until {@link clear}. What was in it before is not erased. */
  readonly take = (count: number): Float64Array<ArrayBuffer> => {
    if (this.#used + count > this.#values.length) {
      // The arrays that were given keep what they are parts of.
      this.#values = new Float64Array(Math.max(count, smallestCount, this.#used * 2));
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += count;
    return this.#values.subarray(from, this.#used);
  };

  clear(): void {
    this.#used = 0;
    if (this.#values.length > keptCountMax) this.#values = new Float64Array(0);
  }
}
