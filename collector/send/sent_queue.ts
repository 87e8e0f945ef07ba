import { FrameType } from "../../core/protocol/frame.ts";
import { Deque } from "./deque.ts";
import { type Entry, entryCostBytes, frameBytes, type RecordEntry } from "./entry.ts";

/**
 * What was sent to any exporter and is not acknowledged, in order:
 *
 *      | in flight on this connection | to be sent again |
 *                                     ^ cursor
 */
export class SentQueue {
  readonly #entries = new Deque<Entry>();
  #cursor = 0;
  #bytes = 0;
  #inFlightBytes = 0;

  get length(): number {
    return this.#entries.length;
  }

  get first(): Entry | undefined {
    return this.#entries.at(0);
  }

  get last(): Entry | undefined {
    return this.#entries.last;
  }

  /** What is to be sent again next. */
  get next(): Entry | undefined {
    return this.#entries.at(this.#cursor);
  }

  /** Memory of the entries, their shapes apart. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the frames that are in flight on this connection. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** The last sequence in flight on this connection; 0 when nothing is. */
  get highestInFlight(): number {
    return this.#entries.at(this.#cursor - 1)?.lastSequence ?? 0;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entryCostBytes(entry);
  }

  /** Marks what is next as in flight. */
  take(): Entry {
    const entry = this.#entries.get(this.#cursor++);
    this.#inFlightBytes += frameBytes(entry);
    return entry;
  }

  /** Takes out the first entry, which must exist. */
  shift(): Entry {
    const entry = this.#entries.get(0);
    this.#entries.shift();
    this.#bytes -= entryCostBytes(entry);
    if (this.#cursor > 0) {
      this.#cursor--;
      this.#inFlightBytes -= frameBytes(entry);
    }
    return entry;
  }

  /** A new connection: nothing is in flight on it. */
  rewind(): void {
    this.#cursor = 0;
    this.#inFlightBytes = 0;
  }

  /** See `Spool.goBack`. */
  goBack(sequence: number): RecordEntry | null {
    const index = this.#entries.indexAfter(({ lastSequence }) => lastSequence < sequence);
    const found = this.#entries.at(index);
    if (index >= this.#cursor || found?.firstSequence !== sequence) return null;
    if (found.kind !== "record" || found.frameType !== FrameType.scrapes) return null;
    while (this.#cursor > index) this.#inFlightBytes -= frameBytes(this.#entries.get(--this.#cursor));
    return found;
  }

  /** Puts another entry in the place of what is next, which must exist. */
  replaceNext(entry: Entry): void {
    this.#bytes += entryCostBytes(entry) - entryCostBytes(this.#entries.get(this.#cursor));
    this.#entries.replace(this.#cursor, entry);
  }

  /** The entries that end above `sequence`. */
  *above(sequence: number): Generator<Entry> {
    for (
      let index = this.#entries.indexAfter((entry) => entry.lastSequence <= sequence);
      index < this.#entries.length;
      index++
    ) yield this.#entries.get(index);
  }
}
