import type { ResumePoint } from "./payloads.ts";
import { originKey } from "./resume_points.ts";
import type { Origin } from "./wal.ts";

/** Sequence numbers of one collector's start. */
export interface SequenceRange {
  readonly origin: Origin;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

interface Seen {
  last: number;
  /** Damaged stretches that had been met by then. */
  damage: number;
}

/** Beyond so many missing ranges no more are told. */
export const missingRangesMax = 1000;

/**
 * Works out, while a log is read in order, which sequence numbers damaged stretches took with them: those that an
 * origin lacks between its records before and behind. A gap without damage in it is none: there the collector lost
 * something, or the records had been trimmed.
 */
export class SequenceGaps {
  readonly #seen = new Map<string, Seen>();
  #missing: SequenceRange[] = [];
  #damage = 0;

  /** What is missing so far; what came again later is not. */
  get missing(): readonly SequenceRange[] {
    return this.#missing;
  }

  damaged(): void {
    this.#damage++;
  }

  /** A checkpoint tells how far the log had come. */
  checkpoint(points: readonly ResumePoint[]): void {
    for (const { origin, sequence } of points) {
      const seen = this.#seen.get(originKey(origin));
      if (seen === undefined || sequence > seen.last) this.record(origin, sequence + 1, sequence);
    }
  }

  /** A record with the sequence numbers `first` to `last`; null when it is not known where they begin. */
  record(origin: Origin, first: number | null, last: number): void {
    const key = originKey(origin);
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      this.#seen.set(key, { last, damage: this.#damage });
      return;
    }
    const begin = first ?? seen.last + 1;
    const isGap = begin > seen.last + 1 && seen.damage < this.#damage;
    if (isGap && this.#missing.length < missingRangesMax) {
      this.#missing.push({ origin, firstSequence: seen.last + 1, lastSequence: begin - 1 });
    }
    if (begin <= seen.last) this.#fill(key, begin, last);
    seen.last = Math.max(seen.last, last);
    seen.damage = this.#damage;
  }

  /** What was missing has come again. */
  #fill(key: string, first: number, last: number): void {
    if (this.#missing.length === 0) return;
    this.#missing = this.#missing.flatMap((range) => {
      const { origin, firstSequence, lastSequence } = range;
      if (originKey(origin) !== key || last < firstSequence || first > lastSequence) return [range];
      const parts = [
        { origin, firstSequence, lastSequence: first - 1 },
        { origin, firstSequence: last + 1, lastSequence },
      ];
      return parts.filter((part) => part.firstSequence <= part.lastSequence);
    });
  }
}
