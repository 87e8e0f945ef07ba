import { frameHeaderBytes, FrameType } from "../../core/protocol/frame.ts";
import { encodeLost, type Lost } from "../../core/protocol/session.ts";
import type { HeldShape } from "./held_shapes.ts";
import type { OutboundRecord } from "./outbox.ts";

/** One place in the sequence: a record, or the declared loss of one or more neighbouring records. */
export type Entry = RecordEntry | LossEntry;

interface SequencedFrame {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly frameType: number;
  /** The frame's id. */
  readonly id: bigint;
  /** Unix milliseconds for the frame's header. */
  readonly timestampMs: number;
  readonly body: Uint8Array;
  /** What the exporter must know before it can take the frame. */
  readonly shapes: readonly HeldShape[];
}

export interface RecordEntry extends SequencedFrame {
  readonly kind: "record";
  readonly samples: number;
}

export interface LossEntry extends SequencedFrame {
  readonly kind: "loss";
  readonly lost: Lost;
}

/** What an entry costs beyond its body and shapes: its object, its place in the queue, the view of its body. */
const overheadBytes = 300;

export function recordEntry(sequence: number, record: OutboundRecord, shapes: readonly HeldShape[]): RecordEntry {
  return {
    kind: "record",
    firstSequence: sequence,
    lastSequence: sequence,
    frameType: record.frameType,
    id: record.frameType === FrameType.scrapes ? BigInt(sequence) : record.id,
    timestampMs: Math.round(record.timestampMs),
    body: record.body,
    shapes,
    samples: record.samples,
  };
}

export function lossEntry(lost: Lost): LossEntry {
  return {
    kind: "loss",
    firstSequence: lost.firstSequence,
    lastSequence: lost.lastSequence,
    frameType: FrameType.lost,
    id: BigInt(lost.lastSequence),
    timestampMs: lost.newestMs,
    body: encodeLost(lost),
    shapes: [],
    lost,
  };
}

/** The loss of one record. */
export function lossOf(sequence: number, record: Pick<RecordEntry, "samples" | "timestampMs">, reason: string): Lost {
  const timestampMs = Math.round(record.timestampMs);
  return {
    firstSequence: sequence,
    lastSequence: sequence,
    records: 1,
    samples: record.samples,
    oldestMs: timestampMs,
    newestMs: timestampMs,
    reason,
  };
}

/** One loss in the place of two, the second of which follows the first without a gap. Differing reasons are listed. */
export function mergeLosses(first: Lost, second: Lost): Lost {
  if (second.firstSequence !== first.lastSequence + 1) {
    throw new Error(`Cannot merge losses ${first.lastSequence} and ${second.firstSequence}: they are no neighbours`);
  }
  const reasons = new Set([...first.reason.split("; "), ...second.reason.split("; ")]);
  return {
    firstSequence: first.firstSequence,
    lastSequence: second.lastSequence,
    records: first.records + second.records,
    samples: first.samples + second.samples,
    oldestMs: Math.min(first.oldestMs, second.oldestMs),
    newestMs: Math.max(first.newestMs, second.newestMs),
    reason: [...reasons].toSorted().join("; "),
  };
}

/** What of a loss lies at and above `from`, one sequence number being one record. The samples are those of all of it. */
export function cutLoss(lost: Lost, from: number): Lost {
  if (from <= lost.firstSequence) return lost;
  const records = Math.min(lost.records, lost.lastSequence - from + 1);
  return { ...lost, firstSequence: from, records };
}

/** Bytes that the entry's own frame takes on the wire, and in the window. */
export function frameBytes(entry: Entry): number {
  return frameHeaderBytes + entry.body.length;
}

/** Bytes of memory that an entry, or a record that is to become one, is reckoned at, its shapes apart. */
export function entryCostBytes(
  { body, shapes }: { readonly body: Uint8Array; readonly shapes: readonly unknown[] },
): number {
  return overheadBytes + body.length + shapes.length * 8;
}
