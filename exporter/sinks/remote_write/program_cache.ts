import type { ResolvedScrape } from "../../sink.ts";

export interface ProgramCacheOptions<P> {
  readonly bytesMax: number;
  /** Scrapes of a kind before it is compiled. */
  readonly seenMin: number;
  readonly compile: (scrape: ResolvedScrape) => Generator<void, P | null>;
  readonly bytesOf: (program: P) => number;
}

interface Entry<P> {
  readonly key: string;
  seen: number;
  /** The count of uses at which it was used last. */
  usedAt: number;
  /** Undefined: not compiled yet. Null: it cannot be. */
  program: P | null | undefined;
  isQueued: boolean;
  bytes: number;
}

interface Compilation<P> {
  readonly entry: Entry<P>;
  readonly steps: Generator<void, P | null>;
}

/** What an entry costs besides its program and the two bytes of each character of its key. */
const entryBytes = 200;
/** Compilations that wait; what would be one more is asked for again when it is next seen. */
const queueMax = 16;

/**
 * Programs by key, within a byte budget. What is seen often enough is compiled, a slice of work at a time. When the
 * budget is used up, the least recently used go, but only such as are really out of use: were more in use than there
 * is room for, each would be thrown away before it is used again, and compiled for nothing.
 */
export class ProgramCache<P> {
  readonly #options: ProgramCacheOptions<P>;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<P>>();
  readonly #queue: Compilation<P>[] = [];
  #bytes = 0;
  #uses = 0;

  constructor(options: ProgramCacheOptions<P>) {
    this.#options = options;
  }

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The program for what `key` names, of which `scrape` is one; null when there is none yet. */
  get(key: string, scrape: ResolvedScrape): P | null {
    const entry = this.#touch(key);
    if (entry === null) return null;
    entry.seen++;
    if (entry.program !== undefined) return entry.program;
    if (!entry.isQueued && entry.seen >= this.#options.seenMin && this.#queue.length < queueMax) {
      entry.isQueued = true;
      this.#queue.push({ entry, steps: this.#options.compile(scrape) });
    }
    return null;
  }

  /** Does some of the work that waits. */
  advance(slices: number): void {
    for (let slice = 0; slice < slices; slice++) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const step = first.steps.next();
      if (step.done !== true) continue;
      this.#queue.shift();
      first.entry.isQueued = false;
      this.#keep(first.entry, step.value);
    }
  }

  #touch(key: string): Entry<P> | null {
    this.#uses++;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.usedAt = this.#uses;
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const bytes = entryBytes + key.length * 2;
    if (!this.#makeRoom(bytes)) return null;
    const entry: Entry<P> = { key, seen: 0, usedAt: this.#uses, program: undefined, isQueued: false, bytes };
    this.#entries.set(key, entry);
    this.#bytes += bytes;
    return entry;
  }

  #keep(entry: Entry<P>, program: P | null): void {
    // It may have been forgotten while it was compiled.
    if (this.#entries.get(entry.key) !== entry) return;
    const bytes = program === null ? 0 : this.#options.bytesOf(program);
    if (!this.#makeRoom(bytes)) {
      // It is tried again when it has been seen as often once more: there may be room then.
      entry.seen = -this.#entries.size;
      return;
    }
    entry.program = program;
    if (!this.#entries.has(entry.key)) return;
    entry.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Forgets what is out of use until there is room; false when there is not enough of it. */
  #makeRoom(bytes: number): boolean {
    const { bytesMax } = this.#options;
    if (bytes > bytesMax) return false;
    for (const [key, entry] of this.#entries) {
      if (this.#bytes + bytes <= bytesMax) break;
      if (this.#uses - entry.usedAt < 4 * this.#entries.size) return false;
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
    }
    return this.#bytes + bytes <= bytesMax;
  }
}
