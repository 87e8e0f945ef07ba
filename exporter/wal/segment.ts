import type { ContentId } from "../../core/protocol/shape.ts";
import type { DamagedStretch } from "./entries.ts";
import { segmentHeaderBytes } from "./format.ts";
import type { Origin, WalSegment } from "./wal.ts";

/** What is known in memory of a segment file. */
export interface Segment {
  readonly number: number;
  /** Bytes that are durable: readers go no further. Grows while it is the newest. */
  bytes: number;
  /** Entries before the segment, and before its durable end. */
  startEntry: number;
  endEntry: number;
  /** Unix milliseconds of the newest durable record. */
  newestAppendedMs: number;
  /** The origins by their number in this segment, so that a reader can begin anywhere. */
  readonly origins: Map<number, Origin>;
  /** The shapes that stand in it. */
  readonly shapeIds: Set<ContentId>;
  /** Damaged ranges found so far. */
  readonly damage: DamagedStretch[];
}

/** Bytes from `offset` up to, not including, `end`. */
export interface ByteRange {
  readonly offset: number;
  readonly end: number;
}

export function newSegment(number: number, startEntry: number): Segment {
  return {
    number,
    bytes: 0,
    startEntry,
    endEntry: startEntry,
    newestAppendedMs: 0,
    origins: new Map(),
    shapeIds: new Set(),
    damage: [],
  };
}

/** What callers of the log are told of a segment. */
export function walSegmentOf({ number, bytes, startEntry, endEntry, newestAppendedMs }: Segment): WalSegment {
  return {
    segment: number,
    start: { segment: number, offset: segmentHeaderBytes, entry: startEntry },
    end: { segment: number, offset: bytes, entry: endEntry },
    bytes,
    newestAppendedMs,
  };
}

/** The first segment whose number is at least `number`. `segments` are in order of number. */
export function segmentFrom(segments: readonly Segment[], number: number): Segment | undefined {
  return segments.find((segment) => segment.number >= number);
}
