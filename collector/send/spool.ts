/**
 * What the exporter has not acknowledged yet, in sequence order, within a byte budget.
 *
 *      front                                                              back
 *      | sent: may be durable at an exporter             | unsent: nobody has seen them |
 *      | in flight on this connection | to be sent again | [loss] record record record  |
 *                                     ^ cursor           ^ highest sequence ever sent
 *
 * Beyond the budget the oldest *unsent* record goes and its place in the sequence becomes a loss, which grows with
 * the next one that goes. What was ever sent stays until an exporter has answered for it, across connections too:
 * an exporter that died may have made it durable without our hearing of it, so that declaring it lost could be a
 * lie. This is safe for memory: what was sent was held within the budget at the time, and holds no more since. And
 * records that were sent take at most half of the budget, so that the rest always follows the newest data.
 *
 * Hence: what is acknowledged was never declared lost, and the other way round, and
 * pushed = acknowledged + lost + unacknowledged holds at every moment.
 */

import { frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import { Deque } from "./deque.ts";
import {
  type Entry,
  entryCostBytes,
  frameBytes,
  type LossEntry,
  lossEntry,
  lossOf,
  mergeLosses,
  type RecordEntry,
  recordEntry,
} from "./entry.ts";
import { HeldShapes, shapeCostBytes } from "./held_shapes.ts";
import type { OutboundRecord } from "./outbox.ts";

/** Why records were lost: the values of the label `reason`. */
export const lossReasons = {
  /** The budget was full and no exporter took records fast enough. */
  spoolFull: "spool full",
  /** The record or one of its shapes exceeds a frame or the whole budget. */
  recordTooLarge: "record too large",
  /** The exporter asked for a shape that the record does not carry: it can never be decoded. */
  shapeMissing: "shape missing",
} as const;

export type LossReason = (typeof lossReasons)[keyof typeof lossReasons];

/** What an exporter takes in shapes before the first frame that refers to them (docs/protocol.md, section 6). */
const shapeCountMax = 100_000;
const shapeBytesMax = 64 * 1024 * 1024;

interface Tally {
  records: number;
  samples: number;
}

export class Spool {
  readonly acknowledged: Tally = { records: 0, samples: 0 };
  readonly unacknowledged: Tally = { records: 0, samples: 0 };
  readonly lost = new Map<LossReason, Tally>(
    Object.values(lossReasons).map((reason) => [reason, { records: 0, samples: 0 }]),
  );
  readonly #budgetBytes: number;
  readonly #sent = new Deque<Entry>();
  readonly #unsent = new Deque<Entry>();
  readonly #shapes = new HeldShapes();
  #cursor = 0;
  /** Memory of all entries, and of those that were sent, their shapes apart. */
  #entryBytes = 0;
  #sentEntryBytes = 0;
  #inFlightBytes = 0;
  #nextSequence = 1;
  #highestSent = 0;
  #highestAcknowledged = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Memory that is held, shapes counted once. Exceeds the budget by no more than one loss's few hundred bytes. */
  get bytes(): number {
    return this.#entryBytes + this.#shapes.bytes;
  }

  get isEmpty(): boolean {
    return this.#sent.length === 0 && this.#unsent.length === 0;
  }

  /** The lowest sequence that is held, or that of the next record. */
  get firstSequence(): number {
    return (this.#sent.at(0) ?? this.#unsent.at(0))?.firstSequence ?? this.#nextSequence;
  }

  /** The highest sequence that any exporter may have. */
  get highestSent(): number {
    return this.#highestSent;
  }

  /** The highest sequence that this connection's exporter may have. */
  get highestInFlight(): number {
    return this.#sent.at(this.#cursor - 1)?.lastSequence ?? this.#highestAcknowledged;
  }

  /** Bytes of the frames that were sent on this connection and are not acknowledged. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** True when what is next may be sent now, with at most `windowBytes` in flight; one frame always may. */
  mayTake(windowBytes: number): boolean {
    const next = this.#peek();
    if (next === undefined) return false;
    if (this.#inFlightBytes === 0) return true;
    if (this.#inFlightBytes + frameBytes(next) > windowBytes) return false;
    if (this.#cursor < this.#sent.length) return true;
    // A loss that waits while the budget is exceeded can still grow, where a sent one would need another beside it.
    return this.#sentEntryBytes + costBytes(next) <= this.#budgetBytes / 2 && this.bytes <= this.#budgetBytes;
  }

  /** Numbers the record and holds it. Returns why records were lost to it, or null. */
  push(record: OutboundRecord): LossReason | null {
    const sequence = this.#nextSequence++;
    const tooLarge = this.#isTooLarge(record);
    if (tooLarge) this.#appendLoss(sequence, record);
    else this.#append(recordEntry(sequence, record, this.#shapes.retain(record.shapes)));
    let isFull = false;
    while (this.bytes > this.#budgetBytes && this.#dropOldestUnsent()) isFull = true;
    return tooLarge ? lossReasons.recordTooLarge : isFull ? lossReasons.spoolFull : null;
  }

  /** Marks what is next as in flight on this connection, and returns it. {@link mayTake} says whether it may go. */
  take(): Entry {
    if (this.#cursor === this.#sent.length) {
      const first = this.#unsent.shift();
      if (first === undefined) throw new Error("Cannot take from the spool: nothing is left to be sent");
      this.#sent.push(first);
      this.#highestSent = first.lastSequence;
      this.#sentEntryBytes += costBytes(first);
    }
    const entry = this.#sent.get(this.#cursor++);
    this.#inFlightBytes += frameBytes(entry);
    return entry;
  }

  /** Lets go of what the exporter has made durable: everything up to `sequence`. */
  acknowledge(sequence: number): void {
    while ((this.#sent.at(0)?.lastSequence ?? Infinity) <= sequence) {
      const entry = this.#sent.get(0);
      this.#sent.shift();
      this.#sentEntryBytes -= costBytes(entry);
      if (this.#cursor > 0) {
        this.#cursor--;
        this.#inFlightBytes -= frameBytes(entry);
      }
      this.#highestAcknowledged = entry.lastSequence;
      this.#letGo(entry, this.acknowledged);
    }
  }

  /** A new connection: nothing is in flight on it. */
  rewind(): void {
    this.#cursor = 0;
    this.#inFlightBytes = 0;
  }

  /**
   * Makes everything from `sequence` on be sent again. Returns the record there, or null (and changes nothing) when
   * no scrapes with that sequence are in flight.
   */
  goBack(sequence: number): RecordEntry | null {
    const index = this.#indexInFlight(sequence);
    const found = this.#sent.at(index);
    if (found?.kind !== "record" || found.frameType !== FrameType.scrapes) return null;
    while (this.#cursor > index) {
      this.#inFlightBytes -= frameBytes(this.#sent.get(--this.#cursor));
    }
    return found;
  }

  /** Declares the record lost that {@link goBack} returned: its exporter has said that it cannot take it. */
  giveUp(record: RecordEntry, reason: LossReason): void {
    const replacement = lossEntry(lossOf(record.firstSequence, record, reason));
    this.#sent.replace(this.#cursor, replacement);
    this.#sentEntryBytes += costBytes(replacement) - costBytes(record);
    this.#entryBytes += costBytes(replacement);
    this.#letGo(record, this.#tallyOf(reason));
  }

  #peek(): Entry | undefined {
    return this.#sent.at(this.#cursor) ?? this.#unsent.at(0);
  }

  #isTooLarge(record: OutboundRecord): boolean {
    let shapeBytes = 0;
    let largest = record.body.length;
    for (const { body } of record.shapes) {
      shapeBytes += shapeCostBytes(body);
      largest = Math.max(largest, body.length);
    }
    return largest > frameBodyBytesMax || record.shapes.length > shapeCountMax || shapeBytes > shapeBytesMax
      || entryCostBytes(record.body, record.shapes.length) + shapeBytes > this.#budgetBytes;
  }

  #append(entry: RecordEntry): void {
    this.#entryBytes += costBytes(entry);
    this.unacknowledged.records++;
    this.unacknowledged.samples += entry.samples;
    this.#unsent.push(entry);
  }

  #appendLoss(sequence: number, record: OutboundRecord): void {
    const reason = lossReasons.recordTooLarge;
    const tally = this.#tallyOf(reason);
    tally.records++;
    tally.samples += record.samples;
    const lost = lossOf(sequence, record, reason);
    const before = this.#unsent.last;
    if (before?.kind === "loss") this.#unsent.pop();
    this.#putLoss(before?.kind === "loss" ? [before] : [], lossEntry(lost), (loss) => this.#unsent.push(loss));
  }

  /** Returns false when there is no unsent record. No two neighbours among the unsent are losses, before and after. */
  #dropOldestUnsent(): boolean {
    const before = this.#unsent.at(0)?.kind === "loss" ? this.#unsent.shift() : undefined;
    const record = this.#unsent.shift();
    if (record?.kind !== "record") {
      if (before !== undefined) this.#unsent.unshift(before);
      return false;
    }
    this.#letGo(record, this.#tallyOf(lossReasons.spoolFull));
    const loss = lossEntry(lossOf(record.firstSequence, record, lossReasons.spoolFull));
    const after = this.#unsent.at(0)?.kind === "loss" ? this.#unsent.shift() : undefined;
    const merged = [before, after].filter((entry) => entry?.kind === "loss");
    this.#putLoss(merged, loss, (entry) => this.#unsent.unshift(entry));
    return true;
  }

  /** Puts a new loss, merged with its neighbours (which were taken out of the queue), into the queue. */
  #putLoss(neighbours: readonly LossEntry[], loss: LossEntry, put: (loss: LossEntry) => void): void {
    const parts = [...neighbours, loss].toSorted((a, b) => a.firstSequence - b.firstSequence);
    const merged = lossEntry(parts.map((part) => part.lost).reduce(mergeLosses));
    for (const neighbour of neighbours) this.#entryBytes -= costBytes(neighbour);
    this.#entryBytes += costBytes(merged);
    put(merged);
  }

  #letGo(entry: Entry, tally: Tally): void {
    this.#entryBytes -= costBytes(entry);
    if (entry.kind === "loss") return;
    this.#shapes.release(entry.shapes);
    this.unacknowledged.records--;
    this.unacknowledged.samples -= entry.samples;
    tally.records++;
    tally.samples += entry.samples;
  }

  #indexInFlight(sequence: number): number {
    let low = 0;
    let high = this.#cursor;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sent.at(middle)?.firstSequence ?? Infinity) < sequence) low = middle + 1;
      else high = middle;
    }
    return low < this.#cursor && this.#sent.at(low)?.firstSequence === sequence ? low : -1;
  }

  #tallyOf(reason: LossReason): Tally {
    const tally = this.lost.get(reason);
    if (tally === undefined) throw new Error(`Cannot count a loss: unknown reason "${reason}"`);
    return tally;
  }
}

function costBytes(entry: Entry): number {
  return entryCostBytes(entry.body, entry.shapes.length);
}
