/** Something that falls due at a moment. */
export interface Due {
  readonly dueMs: number;
}

/** A binary heap: the earliest item first, in O(log n). Items that fall due together come in no particular order. */
export class DueQueue<Item extends Due> {
  readonly #heap: Item[] = [];

  get size(): number {
    return this.#heap.length;
  }

  peek(): Item | undefined {
    return this.#heap[0];
  }

  push(item: Item): void {
    const heap = this.#heap;
    let hole = heap.length;
    heap.push(item);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.dueMs <= item.dueMs) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = item;
  }

  pop(): Item | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  /** Puts `item` at the top and lets it sink to its place. */
  #sink(item: Item): void {
    const heap = this.#heap;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && right.dueMs < left.dueMs) child++;
      const smaller = heap[child] ?? left;
      if (smaller.dueMs >= item.dueMs) break;
      heap[hole] = smaller;
      hole = child;
    }
    heap[hole] = item;
  }
}
