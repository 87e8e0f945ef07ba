import { join } from "node:path/posix";
import type { Lost } from "../../../core/protocol/session.ts";

/** What is known of a segment file without reading it. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  readonly first: number;
  /** Of the last record or loss in it; first - 1 while there is none. */
  last: number;
  /** As far as it is durable. */
  bytes: number;
  records: number;
  samples: number;
  /** Declared lost in the segment, in place of records. */
  lostRecords: number;
  lostSamples: number;
  oldestMs: number;
  newestMs: number;
}

export function segmentPath(folder: string, epoch: bigint, number: number): string {
  return join(folder, `${epoch}-${String(number).padStart(10, "0")}.spool`);
}

/** Epoch and number of a segment's file name; null for other files. */
export function parseSegmentName(name: string): { readonly epoch: bigint; readonly number: number } | null {
  const match = /^(\d{1,18})-(\d{10})\.spool$/.exec(name);
  return match === null ? null : { epoch: BigInt(match[1] ?? ""), number: Number(match[2]) };
}

export function makeSegment(folder: string, epoch: bigint, number: number, first: number): Segment {
  const path = segmentPath(folder, epoch, number);
  return {
    number,
    path,
    first,
    last: first - 1,
    bytes: 0,
    records: 0,
    samples: 0,
    lostRecords: 0,
    lostSamples: 0,
    oldestMs: 0,
    newestMs: 0,
  };
}

/** Notes one more record, with its sequence. */
export function countRecord(
  segment: Segment,
  sequence: number,
  { samples, timestampMs }: { readonly samples: number; readonly timestampMs: number },
): void {
  segment.last = sequence;
  segment.oldestMs = segment.oldestMs === 0 ? timestampMs : Math.min(segment.oldestMs, timestampMs);
  segment.newestMs = Math.max(segment.newestMs, timestampMs);
  segment.records++;
  segment.samples += samples;
}

/** Notes a loss that stands in the segment in place of records. */
export function countLoss(segment: Segment, lost: Lost): void {
  segment.last = lost.lastSequence;
  segment.lostRecords += lost.records;
  segment.lostSamples += lost.samples;
}

/** Notes records that should be in the segment, and cannot be read. */
export function countDamage(segment: Segment, lost: Lost): void {
  segment.last = lost.lastSequence;
  segment.records += lost.records;
}

/** The loss of all that stands in the segment, what was lost before included. */
export function lossOfSegment(segment: Segment, reason: string): Lost {
  return {
    firstSequence: segment.first,
    lastSequence: segment.last,
    records: segment.records + segment.lostRecords,
    samples: segment.samples + segment.lostSamples,
    oldestMs: segment.oldestMs,
    newestMs: segment.newestMs,
    reason,
  };
}
