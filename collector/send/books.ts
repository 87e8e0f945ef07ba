import { type LossReason, lossReasons } from "./loss_reasons.ts";

export interface Tally {
  records: number;
  samples: number;
}

/**
 * What became of all records since the start of the process, over all its runs:
 * recovered + made = acknowledged + lost + unacknowledged, at every moment.
 */
export interface Books {
  /** Left on disk by earlier starts, and found at this one. */
  readonly recovered: Tally;
  /** Numbered by this start. */
  readonly made: Tally;
  readonly acknowledged: Tally;
  /** Held, in memory or on disk. */
  readonly unacknowledged: Tally;
  readonly lost: ReadonlyMap<LossReason, Tally>;
}

export function makeBooks(): Books {
  const lost = new Map(Object.values(lossReasons).map((reason) => [reason, makeTally()]));
  return {
    recovered: makeTally(),
    made: makeTally(),
    acknowledged: makeTally(),
    unacknowledged: makeTally(),
    lost,
  };
}

export function makeTally(): Tally {
  return { records: 0, samples: 0 };
}

/** Books so many records more, or fewer when the numbers are negative. */
export function addTo(tally: Tally, records: number, samples: number): void {
  tally.records += records;
  tally.samples += samples;
}

/** Moves records from those that are held to another tally. */
export function settle(books: Books, tally: Tally, records: number, samples: number): void {
  addTo(books.unacknowledged, -records, -samples);
  addTo(tally, records, samples);
}

export function lossTally(books: Books, reason: LossReason): Tally {
  const tally = books.lost.get(reason);
  if (tally === undefined) throw new Error(`Cannot count a loss: unknown reason "${reason}"`);
  return tally;
}
