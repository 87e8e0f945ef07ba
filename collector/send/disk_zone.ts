import { addTo, makeTally } from "./books.ts";

/** What an earlier start has left on disk, or a stretch of the sequence that only the disk holds. */
export interface StoredStretch {
  readonly first: number;
  readonly last: number;
  readonly records: number;
  readonly samples: number;
}

/** The stretch of a spool that stands on disk only, between what memory holds before it and after it. */
export class DiskZone {
  readonly tally = makeTally();
  #first = 1;
  #last = 0;

  get isEmpty(): boolean {
    return this.#last < this.#first;
  }

  /** The sequence with which it begins. */
  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  put({ first, last, records, samples }: StoredStretch): void {
    if (this.isEmpty) [this.#first, this.#last] = [first, last];
    else if (first === this.#last + 1) this.#last = last;
    else if (last === this.#first - 1) this.#first = first;
    else throw new Error(`Cannot spill sequences ${first} to ${last}: the disk holds ${this.#first} to ${this.#last}`);
    addTo(this.tally, records, samples);
  }

  /** The beginning up to `last` was read back; `records` and `samples` of it are held in other ways now. */
  readBack(last: number, records: number, samples: number): void {
    this.#first = last + 1;
    this.uncount(records, samples);
  }

  uncount(records: number, samples: number): void {
    addTo(this.tally, -records, -samples);
  }
}
