import type { CollectorIdentity, Lost } from "../../core/protocol/session.ts";
import type { ContentId, Shape } from "../../core/protocol/shape.ts";

/**
 * The exporter's write-ahead log. A record is durable once it is fsynced, and only then is it acknowledged and shown
 * to the sinks. Each segment is self-contained: a shape stands in it before the first scrape that refers to it.
 */
export interface Wal {
  /**
   * Queues a record for the next group write and returns its index: 1, 2, 3, … in this run of the process.
   * Every shape that a scrape refers to must be in `shapes`.
   * @throws WalClosedError after a failed write or fsync: nothing more is taken until a restart.
   */
  append(record: WalRecord): number;
  /** Calls back with the highest index that is durable, after each group fsync. */
  onDurable(listener: (index: number) => void): void;
  readonly shapes: ShapeTable;
  /** The highest durable sequence number of a collector's start; 0 when there is none. */
  resumePoint(origin: Origin): number;
  /** A reader of the durable records from `position` on; null begins at the oldest. */
  reader(position: WalPosition | null): WalReader;
  /** Removes the segments that lie wholly before `position`, which is that of the slowest sink. */
  trim(position: WalPosition): Promise<void>;
  stats(): WalStats;
  /** Writes and fsyncs what is queued, then closes. */
  close(): Promise<void>;
}

export interface ShapeTable {
  /** The shape with this id, or undefined when it is not known (any more). */
  get(id: ContentId): Shape | undefined;
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
}

export interface WalReader {
  /**
   * The next durable records, at least one and about `bytesMax` bytes of them, with the position that follows them;
   * null when there is nothing new. Bodies are valid until the next call.
   */
  read(bytesMax: number): Promise<{ readonly records: readonly WalRecord[]; readonly next: WalPosition } | null>;
  /** Resolves when there may be something new to read, or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface WalStats {
  readonly segments: number;
  readonly bytes: number;
  /** Bytes queued or written but not yet fsynced. */
  readonly pendingBytes: number;
  readonly corruptRecords: number;
  readonly truncatedBytes: number;
}

/** The log took no write since a write or fsync failed; the process must end and be started again. */
export class WalClosedError extends Error {
  override name = "WalClosedError";
}
