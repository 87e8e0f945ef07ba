/** A queue that is read at both ends and in the middle; taking from the front costs amortised constant time. */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at `index` from the front, or undefined beyond either end. */
  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  /** The item at `index` from the front, which must exist. */
  get(index: number): T {
    const item = this.at(index);
    if (item === undefined) throw new RangeError(`Cannot get item ${index} of ${this.length}`);
    return item;
  }

  get last(): T | undefined {
    return this.at(this.length - 1);
  }

  push(item: T): void {
    this.#items.push(item);
  }

  pop(): T | undefined {
    return this.length === 0 ? undefined : this.#items.pop();
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    // Half of the array is dead: moving the rest costs no more than the shifts that made it so.
    if (this.#head >= 32 && this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.unshift(item);
  }

  /** The index of the first item that is not `before`, where those that are come first; the length when all are. */
  indexAfter(before: (item: T) => boolean): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.get(middle))) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts another item in the place of the one at `index`, which must exist. */
  replace(index: number, item: T): void {
    if (index < 0 || index >= this.length) throw new RangeError(`Cannot replace item ${index} of ${this.length}`);
    this.#items[this.#head + index] = item;
  }
}
