import { MalformedError } from "../../core/protocol/bytes.ts";
import { RecordKind } from "./format.ts";
import { readCheckpoint, readDataHead, readSession } from "./payloads.ts";
import { ResumePoints } from "./resume_points.ts";
import { type ByteRange, newSegment, type Segment } from "./segment.ts";
import type { ScannedRecord } from "./segment_scanner.ts";
import type { HeldShapes } from "./shape_table.ts";

/** A segment as its file tells it. */
export interface FoundSegment {
  readonly segment: Segment;
  /** Damage that reaches to the end of the file. */
  tail: ByteRange | null;
  /** Of its checkpoints, and of the records before the first damage. */
  readonly points: ResumePoints;
}

/** Gathers what the records of one segment say. */
export class RecoveryScan {
  goodRecords = 0;
  readonly #found: FoundSegment;
  readonly #createdMs: number;
  readonly #shapes: HeldShapes;
  #damaged = false;
  /** Records whose origin is declared only behind them, since the first declaration is damaged. */
  #orphans: { readonly range: ByteRange; readonly head: DataHead; readonly raises: boolean }[] = [];

  constructor(number: number, bytes: number, createdMs: number, shapes: HeldShapes) {
    const segment = newSegment(number);
    segment.bytes = bytes;
    this.#found = { segment, tail: null, points: new ResumePoints() };
    this.#createdMs = createdMs;
    this.#shapes = shapes;
  }

  damage(range: ByteRange): void {
    this.#damaged = true;
    const added = this.#addDamage(range);
    if (added.end === this.#found.segment.bytes) this.#found.tail = added;
  }

  record(record: ScannedRecord): void {
    this.goodRecords++;
    try {
      this.#take(record);
    } catch (error) {
      // The checksum holds, so what was written was wrong: a defect, but no reason to give up the rest.
      if (!(error instanceof MalformedError)) throw error;
      this.#addDamage(record);
    }
  }

  finish(): FoundSegment {
    for (const { range, head, raises } of this.#orphans) {
      if (!this.#takeHead(head, raises)) this.#addDamage(range);
    }
    return this.#found;
  }

  #take(record: ScannedRecord): void {
    const { segment, points } = this.#found;
    switch (record.kind) {
      case RecordKind.session: {
        const { number, origin } = readSession(record.payload);
        segment.origins.set(number, origin);
        return;
      }
      case RecordKind.checkpoint:
        // It tells of what was durable before the segment began, so that no damage in here touches it.
        points.raiseAll(readCheckpoint(record.payload));
        return;
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
        const range = { offset: record.offset, end: record.end };
        if (!this.#takeHead(head, raises)) this.#orphans.push({ range, head, raises });
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

  #addDamage({ offset, end }: ByteRange): ByteRange {
    const range = { offset, end };
    this.#found.segment.damage.push(range);
    return range;
  }
}

type DataHead = ReturnType<typeof readDataHead>;
