import type { CollectorIdentity, Lost } from "../../core/protocol/session.ts";
import type { ContentId, Shape } from "../../core/protocol/shape.ts";

/**
 * The exporter's write-ahead log. What the books count are its **entries**: one is one scrape (a scrapes record holds
 * one or more) or one opaque record; a declared loss is none. They are numbered over the log's whole life, so that for
 * any two positions the entries between them are known, whatever happened to the records.
 *
 * A record is durable once it is fsynced, and only then is it acknowledged and shown
 * to the sinks. Each segment is self-contained: a shape stands in it before the first scrape that refers to it.
 */
export interface Wal {
  /**
   * Queues a record for the next group write and returns its index: 1, 2, 3, … in this run of the process.
   * Every shape that a scrape refers to must be in `shapes`.
   * @throws WalClosedError after a failed write or fsync: nothing more is taken until a restart.
   * @throws UnknownShapesError when a shape is not in `shapes`; nothing was appended.
   * @throws MalformedError when the body of a scrapes record has another form; nothing was appended.
   */
  append(record: WalRecord): number;
  /**
   * False when so many bytes wait for the disk that the caller must stop appending, after a failure, and once it is
   * closing. It becomes true again no earlier than with a call of `onDurable`'s listeners. `append` itself does not
   * refuse: what is queued beyond the bound is what callers append in spite of it.
   */
  accepting(): boolean;
  /** Calls back with the highest index that is durable, after each group fsync. */
  onDurable(listener: (index: number) => void): void;
  readonly shapes: ShapeTable;
  /** The highest durable sequence number of a collector's start; 0 when there is none. */
  resumePoint(origin: Origin): number;
  /** A reader of the durable records from `position` on; null begins at the oldest. */
  reader(position: WalPosition | null): WalReader;
  /**
   * Removes the segments that lie wholly before `position`, which is that of the slowest sink. The newest segment
   * stays in any case.
   */
  trim(position: WalPosition): Promise<void>;
  /** The segments with something durable in them, oldest first. */
  segmentList(): WalSegment[];
  stats(): WalStats;
  /**
   * Writes and fsyncs what is queued, then closes. Readers end too: close them first.
   * @throws WalClosedError when something was queued and could not be made durable; it was never acknowledged.
   */
  close(): Promise<void>;
}

export interface ShapeTable {
  /** The shape with this id, or undefined when it is not known (any more). */
  get(id: ContentId): Shape | undefined;
  /** Which of target, layout and the layout's blocks are not known: none when a scrape of them can be appended. */
  missing(targetId: ContentId, layoutId: ContentId): ContentId[];
  /**
   * Takes the body of a SCHEMA or TARGET frame and returns its shape. It becomes durable with the first record that
   * refers to it.
   * @throws MalformedError when it is not well formed.
   */
  add(body: Uint8Array): Shape;
}

/** One start of one collector: the scope of its sequence numbers. */
export interface Origin extends CollectorIdentity {
  readonly epoch: bigint;
}

export type WalRecord = ScrapesRecord | OpaqueWalRecord | LostRecord;

export interface ScrapesRecord {
  readonly kind: "scrapes";
  readonly origin: Origin;
  readonly sequence: number;
  /** Body of a SCRAPES frame. It must not change after `append`. */
  readonly body: Uint8Array;
}

export interface OpaqueWalRecord {
  readonly kind: "opaque";
  /** Null for an old client, which has neither identity nor sequence numbers. */
  readonly origin: Origin | null;
  /** 0 for an old client. */
  readonly sequence: number;
  readonly frameType: number;
  /** The frame's id: the data id, or 0 when the record's own `dataid` counts. */
  readonly id: bigint;
  readonly timestampNs: bigint;
  readonly body: Uint8Array;
}

export interface LostRecord {
  readonly kind: "lost";
  readonly origin: Origin;
  readonly lost: Lost;
}

/** Where a record begins. */
export interface WalPosition {
  readonly segment: number;
  readonly offset: number;
  /** How many entries come before it, over the log's whole life: 0 at its very beginning. */
  readonly entry: number;
}

/** A stretch of the log that cannot be read (any more). */
export interface DamagedRange {
  readonly segment: number;
  readonly offset: number;
  /** 0 where a whole segment is missing: the range stands at the end of the segment before it. */
  readonly bytes: number;
  /** Entries lost with it; 0 when it held only what serves the log itself. */
  readonly entries: number;
}

/** What was read. The entries of `records` and `damaged` together are those between the position before and `next`. */
export interface WalChunk {
  readonly records: readonly WalRecord[];
  readonly next: WalPosition;
  /** What was passed over before, between and behind these records, in order. */
  readonly damaged: readonly DamagedRange[];
}

export interface WalSegment {
  readonly segment: number;
  readonly start: WalPosition;
  /** Where its durable records end; with the entry at which the next segment begins. */
  readonly end: WalPosition;
  readonly bytes: number;
  /** Unix milliseconds of its newest record; after a restart those of the file's last change. */
  readonly newestAppendedMs: number;
}

export interface WalReader {
  /**
   * The next durable records, about `bytesMax` bytes of them, with the position that follows them; null when there is
   * nothing new. There is at least one record, or else one damaged range. Bodies are valid until the next call. Calls
   * must not overlap.
   * A position in segments that were trimmed goes on at the oldest present, and the entries between are in `damaged`.
   * One that this log never had, as its entry is beyond all that the log knows, begins at the oldest with a warning:
   * only then `next` may have fewer entries before it than the position; `WalOptions.knownPositions` prevents it.
   * After a call that rejected, make a new reader of the last position.
   * @throws WalClosedError when the log or the reader is closed.
   */
  read(bytesMax: number): Promise<WalChunk | null>;
  /** Resolves when there may be something new to read, or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface WalStats {
  /** `disk full`: nothing is acknowledged until room returns. `failed`: nothing ever will be, until a restart. */
  readonly condition: "good" | "disk full" | "failed";
  readonly segments: number;
  readonly bytes: number;
  /** Entries made durable over the log's whole life, those trimmed and those damaged since included. */
  readonly entries: number;
  /** Where the oldest segment begins; without a segment, where the first one will. */
  readonly oldest: WalPosition;
  /** Bytes queued or written but not yet fsynced. */
  readonly pendingBytes: number;
  /** Damaged stretches of segments that were passed over since the start, each with at least one record. */
  readonly corruptRecords: number;
  /** Entries in them. */
  readonly damagedEntries: number;
  /** Bytes of a torn tail that were cut off at the start. */
  readonly truncatedBytes: number;
  /** Files that hold no log and were renamed to `.bad` at the start. */
  readonly badFiles: number;
  /** Writes that found the disk full since the start; each is tried again a second later. */
  readonly diskFullFailures: number;
}

/**
 * The log takes nothing: it was closed, or a write or fsync failed, and then the process must end and be started
 * again.
 */
export class WalClosedError extends Error {
  override name = "WalClosedError";
}

/** A scrape refers to shapes that the log does not have: ask the collector for `ids`. */
export class UnknownShapesError extends Error {
  override name = "UnknownShapesError";
  readonly ids: readonly ContentId[];

  constructor(ids: readonly ContentId[]) {
    super(`Cannot append scrape: ${ids.length} of its shapes are not known, such as "${ids[0] ?? ""}"`);
    this.ids = ids;
  }
}
