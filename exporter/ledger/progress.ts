import type { Origin } from "../wal/wal.ts";
import { originKey } from "./loss.ts";

/** How far something has come with the records of one start of a collector. */
export interface OriginProgress {
  readonly origin: Origin;
  /** The highest sequence number that is settled. */
  readonly sequence: number;
}

/** Remembered for so many origins, those that were heard of last. */
export const originsMax = 512;

/**
 * Up to which sequence number the records of each origin are settled for a sink. What is not remembered is not known,
 * rather than not settled.
 */
export class Progress {
  /** The one heard of last is the last. */
  readonly #origins = new Map<string, OriginProgress>();

  constructor(origins: readonly OriginProgress[] = []) {
    for (const one of origins) this.raise(one);
  }

  raise({ origin, sequence }: OriginProgress): void {
    const key = originKey(origin);
    const known = this.#origins.get(key);
    this.#origins.delete(key);
    this.#origins.set(key, { origin, sequence: Math.max(sequence, known?.sequence ?? 0) });
    if (this.#origins.size <= originsMax) return;
    const [oldest] = this.#origins.keys();
    if (oldest !== undefined) this.#origins.delete(oldest);
  }

  /** Undefined when it is not known. */
  get(origin: Origin): number | undefined {
    return this.#origins.get(originKey(origin))?.sequence;
  }

  list(): OriginProgress[] {
    return [...this.#origins.values()];
  }
}
