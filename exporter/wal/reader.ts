import { MalformedError } from "../../core/protocol/bytes.ts";
import type { FileHandle } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type DamagedStretch, EntryAccount } from "./entries.ts";
import { segmentHeaderBytes } from "./format.ts";
import { isDataKind, readData } from "./payloads.ts";
import { type Segment, segmentFrom } from "./segment.ts";
import { type ScannedRecord, SegmentScanner } from "./segment_scanner.ts";
import type { Tail } from "./tail.ts";
import {
  type DamagedRange,
  type WalChunk,
  WalClosedError,
  type WalPosition,
  type WalReader,
  type WalRecord,
} from "./wal.ts";

/** What a reader needs of the log. */
export interface ReadableLog {
  /** Those with something durable in them, in order of number. */
  readonly segments: readonly Segment[];
  /** Entries that the log has had. */
  readonly entries: number;
  readonly oldest: WalPosition;
  readonly closed: boolean;
  readonly log: Logger;
  readonly tail: Pick<Tail, "pin" | "unpin">;
  openSegment(number: number): Promise<FileHandle>;
  /** Resolves when something became durable, the log was closed or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>;
  /** Counts and logs a damaged stretch, once however many readers meet it. */
  reportDamage(segment: Segment, stretch: DamagedStretch): void;
}

interface OpenSegment {
  readonly segment: Segment;
  readonly file: FileHandle;
  readonly scanner: SegmentScanner;
  readonly account: EntryAccount;
  /** The durable end that is read up to. */
  limit: { readonly bytes: number; readonly entry: number };
}

/** What one step of reading brought. */
interface Found {
  readonly records: WalRecord[];
  readonly damaged: DamagedRange[];
}

/** Reads durable records, one segment after the other. */
export class SegmentsReader implements WalReader {
  readonly #log: ReadableLog;
  /** Where to go on; null until the first segment is known. */
  #position: WalPosition | null;
  #open: OpenSegment | null = null;
  #closed = false;

  constructor(log: ReadableLog, position: WalPosition | null) {
    this.#log = log;
    this.#position = position;
  }

  async read(bytesMax: number): Promise<WalChunk | null> {
    const found: Found = { records: [], damaged: [] };
    for (;;) {
      if (this.#closed || this.#log.closed) throw new WalClosedError("Cannot read WAL: it is closed");
      const current = this.#open ?? await this.#openNext(found);
      if (current === null) return this.#readNothing();
      const { segment, scanner, account } = current;
      scanner.extend(segment.bytes);
      current.limit = { bytes: segment.bytes, entry: segment.endEntry };
      const items = await scanner.read(bytesMax);
      for (const item of items) {
        if (item.found === "damage") account.damage(item);
        else this.#take(current, item, found);
      }
      const isAtEnd = scanner.offset >= current.limit.bytes;
      if (isAtEnd) this.#damaged(segment, account.end(current.limit.bytes, current.limit.entry), found);
      // Of a stretch that still goes on the entries are not known yet: whoever starts again must meet it whole.
      const offset = account.pending?.offset ?? scanner.offset;
      this.#position = { segment: segment.number, offset, entry: account.entry };
      if (found.records.length > 0 || found.damaged.length > 0) return { ...found, next: this.#position };
      if (!isAtEnd || scanner.offset < segment.bytes) continue;
      const following = segmentFrom(this.#log.segments, segment.number + 1);
      if (following === undefined) return null;
      this.#position = { segment: following.number, offset: segmentHeaderBytes, entry: account.entry };
      await this.#closeFile();
    }
  }

  /** A log without a segment may still have had entries that this reader has not: they are gone. */
  #readNothing(): WalChunk | null {
    const { entries, oldest } = this.#log;
    const lostEntries = this.#position === null ? 0 : entries - this.#position.entry;
    if (this.#position === null || lostEntries <= 0) return null;
    const { segment, offset } = this.#position;
    this.#position = oldest;
    return { records: [], damaged: [{ segment, offset, bytes: 0, entries: lostEntries }], next: oldest };
  }

  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#hasMore()) return;
    await this.#log.changed(signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#closeFile();
  }

  #hasMore(): boolean {
    const newest = this.#log.segments.at(-1);
    if (newest === undefined || this.#position === null) return newest !== undefined;
    const { segment, offset } = this.#position;
    return newest.number !== segment || newest.bytes > Math.max(offset, segmentHeaderBytes);
  }

  /** Opens the segment of the position, or the one that takes its place; null when there is none at all. */
  async #openNext(found: Found): Promise<OpenSegment | null> {
    const oldest = this.#log.segments[0];
    if (oldest === undefined) return null;
    const wanted = this.#position ?? startOf(oldest);
    const { segment, offset, entry } = this.#place(wanted, oldest);
    const file = await this.#log.openSegment(segment.number);
    const account = new EntryAccount(entry);
    this.#open = {
      segment,
      file,
      scanner: new SegmentScanner(file, offset, segment.bytes, { segment: segment.number, tail: this.#log.tail }),
      account,
      limit: { bytes: segment.bytes, entry: segment.endEntry },
    };
    // What comes before the segment and was not read is gone with the segments before it.
    if (offset === segmentHeaderBytes && segment.startEntry > entry) {
      found.damaged.push({
        segment: wanted.segment,
        offset: wanted.offset,
        bytes: 0,
        entries: segment.startEntry - entry,
      });
      account.entry = segment.startEntry;
    }
    return this.#open;
  }

  /** Where reading goes on for a position, which may be in a segment that is gone or of a log that is no more. */
  #place(wanted: WalPosition, oldest: Segment): { segment: Segment; offset: number; entry: number } {
    const { segments, entries, log } = this.#log;
    const own = segments.find(({ number }) => number === wanted.segment);
    const offset = Math.max(wanted.offset, segmentHeaderBytes);
    if (own !== undefined && offset <= own.bytes && own.startEntry <= wanted.entry && wanted.entry <= own.endEntry) {
      return { segment: own, offset, entry: wanted.entry };
    }
    if (wanted.entry > entries) {
      log.warn({ wanted, entries }, "a WAL position is of another log; everything is read again");
      return { segment: oldest, offset: segmentHeaderBytes, entry: oldest.startEntry };
    }
    // Entries are numbered over the log's life: the position is before the first one that was not had.
    const segment = segments.find(({ endEntry }) => endEntry > wanted.entry) ?? segments.at(-1) ?? oldest;
    const place = { segment, offset: segmentHeaderBytes, entry: wanted.entry };
    if (segment.endEntry <= wanted.entry) place.offset = segment.bytes;
    else if (segment.number !== wanted.segment + 1) {
      log.warn(
        { wanted, segment: segment.number },
        "the segment of a WAL position is gone; reading goes on at another",
      );
    }
    return place;
  }

  #take({ segment, account, limit }: OpenSegment, item: ScannedRecord, found: Found): void {
    try {
      const { taken, damaged } = account.record(item, limit.entry);
      this.#damaged(segment, damaged, found);
      if (!taken) return;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return account.damage(item);
    }
    if (!isDataKind(item.kind)) return;
    try {
      found.records.push(readData(item.kind, item.payload, (number) => segment.origins.get(number)));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      const entries = account.entry - item.entry;
      this.#damaged(segment, { offset: item.offset, end: item.end, entries }, found);
    }
  }

  #damaged(segment: Segment, stretch: DamagedStretch | null, found: Found): void {
    if (stretch === null) return;
    const { offset, end, entries } = stretch;
    this.#log.reportDamage(segment, stretch);
    found.damaged.push({ segment: segment.number, offset, bytes: end - offset, entries });
  }

  async #closeFile(): Promise<void> {
    const file = this.#open?.file;
    this.#open?.scanner.close();
    this.#open = null;
    await file?.close();
  }
}

function startOf({ number, startEntry }: Segment): WalPosition {
  return { segment: number, offset: segmentHeaderBytes, entry: startEntry };
}
