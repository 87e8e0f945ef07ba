/**
 * What no exporter has acknowledged yet, in sequence order, within a byte budget.
 *
 *      front                                                                             back
 *      | sent: may be durable at an exporter             | unsent | zone: only | tail             |
 *      | in flight on this connection | to be sent again | [loss] |  on disk   | record record    |
 *                                     ^ cursor           ^ highest sequence ever sent
 *
 * Without a disk, zone and tail are empty. Beyond the budget the oldest *unsent* record goes and its place in the
 * sequence becomes a loss, which grows with the next one that goes. What was ever sent stays until an exporter has
 * answered for it, across connections too: an exporter that died may have made it durable without our hearing of it,
 * so that declaring it lost could be a lie. This is safe for memory: what was sent was held within the budget at the
 * time, and holds no more since. And records that were sent take at most half of the budget, so that the rest always
 * follows the newest data.
 *
 * With a disk, a record is sent only after it is durable there ({@link markDurable}) and at or below the bound that
 * the disk's marks declare ({@link Durability.bound}). Beyond the budget, durable records leave memory, the newest first; the
 * zone is read back from its beginning when memory has room ({@link wantsRefill}). While the disk takes nothing
 * ({@link Durability.storing} is false), it goes on as without one.
 *
 * Hence: what is acknowledged was never declared lost, and the other way round, and the equation of {@link Books}
 * holds at every moment.
 */

import { addTo, type Books, lossTally, makeBooks, settle, type Tally } from "./books.ts";
import type { Stored } from "./disk/run_reader.ts";
import type { StoredStretch } from "./disk_zone.ts";
import { Durability } from "./durability.ts";
import { type Entry, entryCostBytes, frameBytes, lossEntry, lossOf, type RecordEntry, recordEntry } from "./entry.ts";
import { HeldMemory } from "./held_memory.ts";
import { type LossReason, lossReasons } from "./loss_reasons.ts";
import type { OutboundRecord } from "./outbox.ts";
import { readBack } from "./read_back.ts";
import { isTooLarge } from "./record_limits.ts";
import { SentQueue } from "./sent_queue.ts";
import { UnsentQueue } from "./unsent_queue.ts";

/** What the disk is given at once, without waiting for more. */
const pressingBytes = 1024 * 1024;

export interface SpoolOptions {
  /** Memory, in bytes. */
  readonly budgetBytes: number;
  /** Shared by all runs of a process; its own by default. */
  readonly books?: Books;
  /** Whether there is a disk that must have a record before it is sent. Default false. */
  readonly hasDisk?: boolean;
  /** What an earlier start has left: nothing can be pushed then. `bound`: nothing above it was ever sent. */
  readonly recovered?: StoredStretch & { readonly bound: number };
}

export class Spool {
  readonly books: Books;
  readonly disk: Durability;
  readonly #budgetBytes: number;
  readonly #isRecovered: boolean;
  readonly #memory = new HeldMemory();
  readonly #sent = new SentQueue();
  readonly #unsent = new UnsentQueue(this.#memory);
  /** Cost of what came since the disk last took something; infinite when it left something. */
  #waitingBytes = 0;
  #nextSequence = 1;
  #highestSent = 0;
  #highestAcknowledged = 0;

  constructor({ budgetBytes, books = makeBooks(), hasDisk = false, recovered }: SpoolOptions) {
    this.books = books;
    this.#budgetBytes = budgetBytes;
    this.disk = new Durability(hasDisk);
    this.#isRecovered = recovered !== undefined;
    if (recovered === undefined) return;
    const { first, last, records, samples, bound } = recovered;
    this.#unsent.putStored(recovered);
    this.#highestAcknowledged = first - 1;
    this.#nextSequence = last + 1;
    this.disk.durable = last;
    this.#highestSent = bound;
    addTo(books.recovered, records, samples);
    addTo(books.unacknowledged, records, samples);
  }

  /** What only the disk holds. */
  get onDisk(): Readonly<Tally> {
    return this.#unsent.zone.tally;
  }

  /** Memory that is held, shapes counted once. Exceeds the budget by no more than one loss's few hundred bytes. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  get isEmpty(): boolean {
    return this.#sent.length === 0 && this.#unsent.isEmpty;
  }

  /** The lowest sequence that is held, or that of the next record. */
  get firstSequence(): number {
    const inMemory = this.#sent.first ?? this.#unsent.first;
    if (inMemory !== undefined) return inMemory.firstSequence;
    const { zone } = this.#unsent;
    return zone.isEmpty ? this.#nextSequence : Math.max(zone.first, this.#highestAcknowledged + 1);
  }

  /** The sequence of the newest record; 0 before the first. */
  get lastSequence(): number {
    return this.#nextSequence - 1;
  }

  /** The highest sequence for which an exporter has answered. */
  get highestAcknowledged(): number {
    return this.#highestAcknowledged;
  }

  /** The highest sequence that any exporter may have; Infinity when an earlier start may have sent more than it kept. */
  get highestSent(): number {
    return this.#isRecovered ? Infinity : this.#highestSent;
  }

  /** The highest sequence that this connection's exporter may have. */
  get highestInFlight(): number {
    return Math.max(this.#sent.highestInFlight, this.#highestAcknowledged);
  }

  /** Bytes of the frames that were sent on this connection and are not acknowledged. */
  get inFlightBytes(): number {
    return this.#sent.inFlightBytes;
  }

  /** True when what is next may be sent now, with at most `windowBytes` in flight; one frame always may. */
  mayTake(windowBytes: number): boolean {
    const next = this.#peek();
    if (next === undefined || !this.disk.isCleared(next)) return false;
    const { inFlightBytes } = this.#sent;
    if (inFlightBytes === 0) return true;
    if (inFlightBytes + frameBytes(next) > windowBytes) return false;
    if (this.#sent.next !== undefined) return true;
    if (this.#sent.bytes + entryCostBytes(next) > this.#budgetBytes / 2) return false;
    // A loss that waits while the budget is exceeded can still grow, where a sent one would need another beside it.
    return this.disk.hasDisk || this.bytes <= this.#budgetBytes;
  }

  /** Numbers the record and holds it. Returns why records were lost to it, or null. */
  push(record: OutboundRecord): LossReason | null {
    const sequence = this.#nextSequence++;
    addTo(this.books.made, 1, record.samples);
    if (isTooLarge(record, this.#budgetBytes)) {
      this.#appendLoss(sequence, record, lossReasons.recordTooLarge);
      this.#fit();
      return lossReasons.recordTooLarge;
    }
    // Whatever is being written to disk must stay as it is, so that only the newcomer is left to go.
    if (this.disk.hasDisk && this.bytes > this.#budgetBytes && !this.#fit()) {
      this.#appendLoss(sequence, record, lossReasons.spoolFull);
      return lossReasons.spoolFull;
    }
    addTo(this.books.unacknowledged, 1, record.samples);
    this.#unsent.append(recordEntry(sequence, record, this.#memory.shapes.retain(record.shapes)));
    this.#waitingBytes += entryCostBytes(record);
    const full = lossTally(this.books, lossReasons.spoolFull);
    const lostBefore = full.records;
    this.#fit();
    return full.records > lostBefore ? lossReasons.spoolFull : null;
  }

  /** Marks what is next as in flight on this connection, and returns it. {@link mayTake} says whether it may go. */
  take(): Entry {
    if (this.#sent.next === undefined) {
      const first = this.#unsent.shift();
      if (first === undefined) throw new Error("Cannot take from the spool: nothing is left to be sent");
      this.#sent.push(first);
      this.#highestSent = Math.max(this.#highestSent, first.lastSequence);
    }
    return this.#sent.take();
  }

  /** Lets go of what the exporter has made durable: everything up to `sequence`. */
  acknowledge(sequence: number): void {
    while ((this.#sent.first?.lastSequence ?? Infinity) <= sequence) {
      this.#letGo(this.#sent.shift(), this.books.acknowledged);
    }
    // A predecessor of this process may have sent what this one has not.
    while ((this.#unsent.first?.lastSequence ?? Infinity) <= sequence) {
      this.#letGo(this.#unsent.shift() as Entry, this.books.acknowledged);
    }
    this.#highestAcknowledged = Math.max(this.#highestAcknowledged, sequence);
  }

  /** A new connection: nothing is in flight on it. */
  rewind(): void {
    this.#sent.rewind();
  }

  /**
   * Makes everything from `sequence` on be sent again. Returns the record there, or null (and changes nothing) when
   * no scrapes with that sequence are in flight.
   */
  goBack(sequence: number): RecordEntry | null {
    return this.#sent.goBack(sequence);
  }

  /** Declares the record lost that {@link goBack} returned: its exporter has said that it cannot take it. */
  giveUp(record: RecordEntry, reason: LossReason): void {
    const replacement = lossEntry(lossOf(record.firstSequence, record, reason));
    this.#sent.replaceNext(replacement);
    this.#memory.add(replacement);
    this.#letGo(record, lossTally(this.books, reason));
  }

  /** What is in memory and not yet on disk, in order: at least one entry when there is any, and about `bytesMax`. */
  takeUndurable(bytesMax: number): readonly Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    this.#waitingBytes = 0;
    for (const queue of [this.#sent, this.#unsent]) {
      for (const entry of queue.above(this.disk.durable)) {
        if (bytes >= bytesMax) {
          this.#waitingBytes = Infinity;
          break;
        }
        entries.push(entry);
        bytes += entryCostBytes(entry);
      }
    }
    this.disk.writing = entries.at(-1)?.lastSequence ?? 0;
    return entries;
  }

  /** True when so much waits for the disk that it should not wait for company: memory might be full before. */
  get isPressed(): boolean {
    return this.#waitingBytes > Math.min(pressingBytes, this.#budgetBytes / 8);
  }

  get hasUndurable(): boolean {
    const last = this.#unsent.last ?? this.#sent.last;
    return last !== undefined && last.lastSequence > this.disk.durable;
  }

  /** All that {@link takeUndurable} gave is on disk, or none of it. */
  markDurable(isDurable: boolean): void {
    this.disk.endWrite(isDurable);
    this.#unsent.spill(this.disk.durable, this.#budgetBytes);
  }

  /** True when the next entry waits only for a higher bound. */
  get wantsBound(): boolean {
    const next = this.#peek();
    return next !== undefined && this.disk.lacksBound(next);
  }

  /** From where on the zone is to be read back, and how much of it; null when memory has no room for it. */
  get wantsRefill(): { readonly from: number; readonly until: number; readonly bytesMax: number } | null {
    const { zone, first } = this.#unsent;
    if (zone.isEmpty) return null;
    if (first !== undefined && this.bytes > this.#budgetBytes / 4) return null;
    return { from: zone.first, until: zone.last, bytesMax: Math.min(1024 * 1024, this.#budgetBytes / 8) };
  }

  /** Takes what was read back: the beginning of the zone. */
  refill(stored: readonly Stored[]): void {
    for (const one of stored) {
      const { last, entry, records, samples, lost } = readBack(one, this.#highestAcknowledged, this.#memory.shapes);
      this.#unsent.readBack(last, records, samples);
      if (entry !== null) this.#unsent.refill(entry);
      if (lost !== null) settle(this.books, lossTally(this.books, lost), records, samples);
      else if (entry === null) settle(this.books, this.books.acknowledged, records, samples);
    }
    this.#unsent.joinTail();
  }

  /** The disk has dropped and declared records of the zone: they come back as a loss when their turn comes. */
  countDropped(records: number, samples: number): void {
    this.#unsent.uncount(records, samples);
    settle(this.books, lossTally(this.books, lossReasons.spoolFull), records, samples);
  }

  /** The highest sequence that was taken to be sent, by this process or maybe by an earlier one. */
  get highestTaken(): number {
    return this.#highestSent;
  }

  /** The last sequence of what is sent next; 0 when nothing is in memory. */
  get nextToTake(): number {
    return this.#peek()?.lastSequence ?? 0;
  }

  /** Everything above this sequence may be dropped from disk: it was not sent, and memory does not hold it. */
  get droppableAbove(): number {
    const { zone } = this.#unsent;
    return zone.isEmpty ? Infinity : Math.max(zone.first - 1, this.#highestSent);
  }

  #peek(): Entry | undefined {
    return this.#sent.next ?? this.#unsent.first;
  }

  #appendLoss(sequence: number, record: OutboundRecord, reason: LossReason): void {
    addTo(lossTally(this.books, reason), 1, record.samples);
    this.#unsent.appendLoss(lossEntry(lossOf(sequence, record, reason)), this.disk.settled);
  }

  /** Brings memory within its budget; false when nothing more can be moved to disk or dropped. */
  #fit(): boolean {
    if (this.disk.hasDisk) this.#unsent.spill(this.disk.durable, this.#budgetBytes);
    while (this.bytes > this.#budgetBytes) {
      const dropped = this.#unsent.dropOldest(this.disk.settled);
      if (dropped === null) return false;
      settle(this.books, lossTally(this.books, lossReasons.spoolFull), 1, dropped.samples);
    }
    return true;
  }

  #letGo(entry: Entry, tally: Tally): void {
    this.#memory.remove(entry);
    if (entry.kind === "record") settle(this.books, tally, 1, entry.samples);
  }
}
