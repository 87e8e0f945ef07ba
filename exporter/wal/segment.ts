import type { ContentId } from "../../core/protocol/shape.ts";
import type { Origin } from "./wal.ts";

/** What is known in memory of a segment file. */
export interface Segment {
  readonly number: number;
  /** Bytes that are durable: readers go no further. Grows while it is the newest. */
  bytes: number;
  /** The origins by their number in this segment, so that a reader can begin anywhere. */
  readonly origins: Map<number, Origin>;
  /** The shapes that stand in it. */
  readonly shapeIds: Set<ContentId>;
  /** Damaged ranges found so far. */
  readonly damage: ByteRange[];
}

/** Bytes from `offset` up to, not including, `end`. */
export interface ByteRange {
  readonly offset: number;
  readonly end: number;
}

export function newSegment(number: number): Segment {
  return { number, bytes: 0, origins: new Map(), shapeIds: new Set(), damage: [] };
}

/** The first segment whose number is at least `number`. `segments` are in order of number. */
export function segmentFrom(segments: readonly Segment[], number: number): Segment | undefined {
  return segments.find((segment) => segment.number >= number);
}
