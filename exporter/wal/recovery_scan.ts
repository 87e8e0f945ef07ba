import { MalformedError } from "../../core/protocol/bytes.ts";
import { type DamagedStretch, EntryAccount, payloadEntryCount } from "./entries.ts";
import { RecordKind } from "./format.ts";
import { readCheckpoint, readDataHead, readSession } from "./payloads.ts";
import { ResumePoints } from "./resume_points.ts";
import { type ByteRange, newSegment, type Segment } from "./segment.ts";
import type { ScannedRecord } from "./segment_scanner.ts";
import type { SequenceGaps } from "./sequence_gaps.ts";
import type { HeldShapes } from "./shape_table.ts";

/** A segment as its file tells it. */
export interface FoundSegment {
  readonly segment: Segment;
  /** Where its records end in the count of entries; damage that reaches to the end of the file is pending there. */
  readonly account: EntryAccount;
  /** Of its checkpoints, and of the records before the first damage. */
  readonly points: ResumePoints;
}

export interface ScanLimits {
  /** Of the file. */
  readonly bytes: number;
  /** Entries before the segment; null when nothing tells but the first record. */
  readonly startEntry: number | null;
  /** A record that would end behind this entry does not belong here. */
  readonly entriesMax: number;
}

/** Gathers what the records of one segment say. */
export class RecoveryScan {
  goodRecords = 0;
  readonly #found: FoundSegment;
  readonly #limits: ScanLimits;
  readonly #createdMs: number;
  readonly #shapes: HeldShapes;
  readonly #gaps: SequenceGaps;
  #damaged = false;
  /** Records whose origin is declared only behind them, since the first declaration is damaged. */
  #orphans: { readonly stretch: DamagedStretch; readonly head: DataHead; readonly raises: boolean }[] = [];

  constructor(number: number, limits: ScanLimits, createdMs: number, shapes: HeldShapes, gaps: SequenceGaps) {
    const segment = newSegment(number, limits.startEntry ?? 0);
    segment.bytes = limits.bytes;
    this.#found = { segment, account: new EntryAccount(segment.startEntry), points: new ResumePoints() };
    this.#limits = limits;
    this.#createdMs = createdMs;
    this.#shapes = shapes;
    this.#gaps = gaps;
  }

  damage(range: ByteRange): void {
    this.#damaged = true;
    this.#gaps.damaged();
    this.#found.account.damage(range);
  }

  record(record: ScannedRecord): void {
    const { account, segment } = this.#found;
    if (this.goodRecords === 0 && this.#limits.startEntry === null) {
      segment.startEntry = record.entry;
      account.entry = record.entry;
    }
    let entries = 0;
    try {
      entries = payloadEntryCount(record.kind, record.payload);
      const { taken, damaged } = account.record(record, this.#limits.entriesMax);
      if (damaged !== null) segment.damage.push(damaged);
      if (!taken || damaged !== null) {
        this.#damaged = true;
        this.#gaps.damaged();
      }
      if (!taken) return;
      this.goodRecords++;
      this.#take(record, entries);
    } catch (error) {
      // The checksum holds, so what was written was wrong: a defect, but no reason to give up the rest.
      if (!(error instanceof MalformedError)) throw error;
      segment.damage.push({ offset: record.offset, end: record.end, entries });
      this.#gaps.damaged();
    }
  }

  finish(): FoundSegment {
    for (const { stretch, head, raises } of this.#orphans) {
      if (!this.#takeHead(head, raises)) this.#found.segment.damage.push(stretch);
    }
    return this.#found;
  }

  #take(record: ScannedRecord, entries: number): void {
    const { segment, points } = this.#found;
    switch (record.kind) {
      case RecordKind.session: {
        const { number, origin } = readSession(record.payload);
        segment.origins.set(number, origin);
        return;
      }
      case RecordKind.checkpoint: {
        const checkpoint = readCheckpoint(record.payload);
        // It tells of what was durable before the segment began, so that no damage in here touches it.
        points.raiseAll(checkpoint);
        this.#gaps.checkpoint(checkpoint);
        return;
      }
      case RecordKind.shape: {
        const { id } = this.#shapes.add(record.payload);
        if (segment.shapeIds.has(id)) return;
        segment.shapeIds.add(id);
        this.#shapes.hold(id);
        return;
      }
      case RecordKind.scrapes:
      case RecordKind.opaque:
      case RecordKind.lost: {
        const head = readDataHead(record.payload);
        // See RECOVERY in format.ts.
        const raises = !this.#damaged;
        const stretch = { offset: record.offset, end: record.end, entries };
        if (!this.#takeHead(head, raises)) this.#orphans.push({ stretch, head, raises });
        const origin = segment.origins.get(head.originNumber);
        // Where a declared loss begins stands in its body, which is not read here.
        const first = record.kind === RecordKind.lost ? null : head.sequence;
        if (origin !== undefined) this.#gaps.record(origin, first, head.sequence);
      }
    }
  }

  /** Returns false when the record's origin is not declared (yet). */
  #takeHead({ originNumber, sequence }: DataHead, raises: boolean): boolean {
    if (originNumber === 0) return true;
    const { segment, points } = this.#found;
    const origin = segment.origins.get(originNumber);
    if (origin !== undefined && raises) points.raise(origin, sequence, this.#createdMs);
    return origin !== undefined;
  }
}

type DataHead = ReturnType<typeof readDataHead>;
