import { type DocumentKey, documentPath } from "../../core/config/key.ts";

/** Changes that are remembered for clients that come again: a few bytes each. */
export const changesMaxDefault = 10_000;

/**
 * Which documents changed lately, in memory: what a client that comes again has missed. A position names the moment
 * after a change: `<epoch>-<number>`.
 */
export class ChangeLog {
  readonly #epoch: string;
  readonly #changesMax: number;
  /** The last ones; each key's last change counts. */
  readonly #changes: DocumentKey[] = [];
  #count = 0;

  /** @param epoch tells this run of this service from every other; letters and digits. */
  constructor(epoch: string, changesMax: number = changesMaxDefault) {
    this.#epoch = epoch;
    this.#changesMax = changesMax;
  }

  /** Number of changes there were. */
  get count(): number {
    return this.#count;
  }

  add(key: DocumentKey): void {
    this.#count += 1;
    this.#changes.push(key);
    // Not one by one: moving all of them for each change would cost more than the few that are kept longer.
    if (this.#changes.length >= 2 * this.#changesMax) this.#changes.splice(0, this.#changesMax);
  }

  positionAt(count: number): string {
    return `${this.#epoch}-${count}`;
  }

  /** The documents that changed after a position, each once; null when that is not known here (any more). */
  since(position: string): readonly DocumentKey[] | null {
    const match = /^([A-Za-z0-9]+)-(\d{1,15})$/.exec(position);
    const missed = this.#count - Number(match?.[2]);
    if (match?.[1] !== this.#epoch || missed < 0 || missed > this.#changes.length) return null;
    const keys = this.#changes.slice(this.#changes.length - missed);
    return [...new Map(keys.map((key) => [documentPath(key), key])).values()];
  }
}
