/**
 * The books of one sink: what became of each entry of the log (one scrape or one opaque record) for it. Every entry
 * ends in exactly one of the outcomes below, or is held; so at any moment
 *
 *   taken = delivered + rejected + notCarried + notRouted + lostRetention + lostDamage + lostUnresolved + held
 *
 * Taken and held are read off positions in the log, the outcomes are counted: that both agree is the proof.
 */

import type { WalPosition } from "../wal/wal.ts";
import type { OriginProgress } from "./progress.ts";

export const outcomes = [
  /** The destination has it. */
  "delivered",
  /** The destination refused it for good: a dead letter. */
  "rejected",
  /** This kind of sink cannot carry it. */
  "notCarried",
  /** No route leads it here. */
  "notRouted",
  /** The log reached its limit of bytes or age before the sink had it. */
  "lostRetention",
  /** It stood in a part of the log that could not be read. */
  "lostDamage",
  /** It could not be decoded, or the shapes that it refers to are not known. */
  "lostUnresolved",
] as const;
export type Outcome = (typeof outcomes)[number];

/** Samples are those of scrapes; what opaque records and unreadable entries hold is not known. */
export interface Tally {
  entries: number;
  samples: number;
}

export type Settled = Record<Outcome, Tally>;

/** What is counted beside the outcomes, and is no part of the sum. */
export interface Notes {
  /** What collectors declared lost: it never reached the log. */
  readonly declared: Tally;
  /** Delivered again after an attempt whose end is not known: the destination may have it twice. */
  readonly redelivered: Tally;
  /** Of the rejected: delivered later, when the dead letters were sent again. */
  readonly resent: Tally;
  /** Of the rejected: those that the dead-letter file had no room for. */
  readonly deadLettersDropped: Tally;
  /** Of the delivered scrapes: samples that the sink's routes leave out, and those that the destination refused. */
  readonly leftOut: Tally;
}

export interface Books {
  /** Unix milliseconds at which they were begun. */
  readonly sinceMs: number;
  /** Entries of the log before the first one that the sink was to have. */
  firstEntry: number;
  /** Of the entries before the position, all of them. */
  readonly settled: Settled;
  readonly notes: Notes;
}

/** What a sink's cursor is: saved in one atomic write, so that position and counts always agree. */
export interface SinkAccount {
  readonly position: WalPosition;
  readonly books: Books;
  /** How far each origin is settled. */
  readonly origins: readonly OriginProgress[];
}

export function newBooks(firstEntry: number, sinceMs: number): Books {
  return { sinceMs, firstEntry, settled: newSettled(), notes: newNotes() };
}

export function newSettled(): Settled {
  return {
    delivered: newTally(),
    rejected: newTally(),
    notCarried: newTally(),
    notRouted: newTally(),
    lostRetention: newTally(),
    lostDamage: newTally(),
    lostUnresolved: newTally(),
  };
}

export function newNotes(): Notes {
  return {
    declared: newTally(),
    redelivered: newTally(),
    resent: newTally(),
    deadLettersDropped: newTally(),
    leftOut: newTally(),
  };
}

export function newTally(entries = 0, samples = 0): Tally {
  return { entries, samples };
}

export function addTally(to: Tally, { entries, samples }: Readonly<Tally>): void {
  to.entries += entries;
  to.samples += samples;
}

export function addSettled(to: Settled, more: Readonly<Settled>): void {
  for (const outcome of outcomes) addTally(to[outcome], more[outcome]);
}

export function addNotes(to: Notes, more: Readonly<Notes>): void {
  addTally(to.declared, more.declared);
  addTally(to.redelivered, more.redelivered);
  addTally(to.resent, more.resent);
  addTally(to.deadLettersDropped, more.deadLettersDropped);
  addTally(to.leftOut, more.leftOut);
}

/** Entries that are settled, in whatever way. */
export function settledEntries(settled: Readonly<Settled>): number {
  return outcomes.reduce((sum, outcome) => sum + settled[outcome].entries, 0);
}

/** What was lost here, for whatever reason. */
export function lostOf(settled: Readonly<Settled>): Tally {
  const lost = newTally();
  addTally(lost, settled.lostRetention);
  addTally(lost, settled.lostDamage);
  addTally(lost, settled.lostUnresolved);
  return lost;
}

/** A copy that later counting does not change. */
export function copyBooks(books: Books): Books {
  return structuredClone(books);
}

/**
 * Entries by which the counts and the position differ; 0 unless there is a defect of ours.
 * @see SinkAccount
 */
export function imbalance({ position, books }: Pick<SinkAccount, "position" | "books">): number {
  return position.entry - books.firstEntry - settledEntries(books.settled);
}
