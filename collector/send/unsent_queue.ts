import type { Tally } from "./books.ts";
import { Deque } from "./deque.ts";
import { DiskZone, type StoredStretch } from "./disk_zone.ts";
import { type Entry, type LossEntry, lossEntry, lossOf, mergeLosses, type RecordEntry } from "./entry.ts";
import type { HeldMemory } from "./held_memory.ts";
import { lossReasons } from "./loss_reasons.ts";

/**
 * What was never sent, in order. Without a disk zone and tail are empty.
 *
 *      | front         | zone: only | tail          |
 *      | [loss] record |  on disk   | record record |
 */
export class UnsentQueue {
  readonly #memory: HeldMemory;
  #front = new Deque<Entry>();
  readonly #zone = new DiskZone();
  #tail = new Deque<Entry>();

  constructor(memory: HeldMemory) {
    this.#memory = memory;
  }

  /** Nothing of it is in memory, nor on disk. */
  get isEmpty(): boolean {
    return this.#front.length === 0 && this.#zone.isEmpty;
  }

  /** What is next; undefined when it is not in memory. */
  get first(): Entry | undefined {
    return this.#front.at(0);
  }

  /** The newest in memory. */
  get last(): Entry | undefined {
    return this.#tail.last ?? this.#front.last;
  }

  get zone(): Pick<DiskZone, "isEmpty" | "first" | "last"> & { readonly tally: Readonly<Tally> } {
    return this.#zone;
  }

  /** What an earlier start has left on disk. */
  putStored(stretch: StoredStretch): void {
    this.#zone.put(stretch);
  }

  /** Takes out what is next; its memory is not given back. */
  shift(): Entry | undefined {
    return this.#front.shift();
  }

  append(entry: Entry): void {
    this.#memory.add(entry);
    this.#back.push(entry);
  }

  /** Appends a loss, joined with one before it that is not yet on disk, that is, above `settled`. */
  appendLoss(loss: LossEntry, settled: number): void {
    const back = this.#back;
    const before = back.last;
    const joins = before?.kind === "loss" && before.firstSequence > settled;
    if (joins) back.pop();
    back.push(this.#merged(joins ? [before] : [], loss));
  }

  /**
   * Makes the oldest record that is in memory only a loss, and returns it; null when there is none, or the one that is
   * next to it stands on disk as it is (up to `settled`).
   */
  dropOldest(settled: number): RecordEntry | null {
    const queue = this.#back;
    const front = queue.at(0);
    if (front === undefined || front.firstSequence <= settled) return null;
    const losses: LossEntry[] = [];
    const takeLosses = () => {
      for (let next = queue.at(0); next?.kind === "loss"; next = queue.at(0)) {
        queue.shift();
        losses.push(next);
      }
    };
    takeLosses();
    const record = queue.at(0);
    if (record?.kind !== "record") {
      for (const loss of losses.toReversed()) queue.unshift(loss);
      return null;
    }
    queue.shift();
    this.#memory.remove(record);
    takeLosses();
    queue.unshift(this.#merged(losses, lossEntry(lossOf(record.firstSequence, record, lossReasons.spoolFull))));
    return record;
  }

  /** Lets durable entries go from memory when it exceeds its budget: the newest, since the oldest are wanted next. */
  spill(durable: number, budgetBytes: number): void {
    if (this.#zone.isEmpty && this.#memory.bytes > budgetBytes) this.#makeZone(durable, budgetBytes);
    if (this.#zone.isEmpty) return;
    for (let next = this.#tail.at(0); next !== undefined && next.lastSequence <= durable; next = this.#tail.at(0)) {
      this.#tail.shift();
      this.#spillEntry(next);
    }
  }

  /** The beginning of the zone up to `last` was read back; `records` and `samples` of it count elsewhere now. */
  readBack(last: number, records: number, samples: number): void {
    this.#zone.readBack(last, records, samples);
  }

  /** Holds what was read back from the beginning of the zone. */
  refill(entry: Entry): void {
    this.#memory.add(entry);
    this.#front.push(entry);
  }

  /** Once nothing is on disk only, what follows it is next. */
  joinTail(): void {
    if (!this.#zone.isEmpty) return;
    while (this.#tail.length > 0) this.#front.push(this.#tail.shift() as Entry);
  }

  /** The disk has dropped so many of the zone. */
  uncount(records: number, samples: number): void {
    this.#zone.uncount(records, samples);
  }

  /** The entries in memory that end above `sequence`. */
  *above(sequence: number): Generator<Entry> {
    for (const queue of [this.#front, this.#tail]) {
      for (let index = queue.indexAfter((entry) => entry.lastSequence <= sequence); index < queue.length; index++) {
        yield queue.get(index);
      }
    }
  }

  /** Where the newest entries are. */
  get #back(): Deque<Entry> {
    return this.#zone.isEmpty ? this.#front : this.#tail;
  }

  #makeZone(durable: number, budgetBytes: number): void {
    if ((this.#front.at(0)?.lastSequence ?? Infinity) > durable) return;
    for (
      let last = this.#front.last;
      last !== undefined && last.lastSequence > durable;
      last = this.#front.last
    ) {
      this.#tail.unshift(last);
      this.#front.pop();
    }
    for (
      let last = this.#front.last;
      last !== undefined && this.#memory.bytes > budgetBytes / 2;
      last = this.#front.last
    ) {
      this.#front.pop();
      this.#spillEntry(last);
    }
  }

  #spillEntry(entry: Entry): void {
    const { firstSequence: first, lastSequence: last } = entry;
    this.#memory.remove(entry);
    const [records, samples] = entry.kind === "record" ? [1, entry.samples] : [0, 0];
    this.#zone.put({ first, last, records, samples });
  }

  /** A new loss, merged with its neighbours, which were taken out of the queue; its memory is counted. */
  #merged(neighbours: readonly LossEntry[], loss: LossEntry): LossEntry {
    const parts = [...neighbours, loss].toSorted((a, b) => a.firstSequence - b.firstSequence);
    const merged = lossEntry(parts.map((part) => part.lost).reduce(mergeLosses));
    for (const neighbour of neighbours) this.#memory.remove(neighbour);
    this.#memory.add(merged);
    return merged;
  }
}
