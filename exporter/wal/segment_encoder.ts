import type { ByteWriter } from "../../core/protocol/bytes.ts";
import { type ScrapeSummary, summarizeScrapes } from "../../core/protocol/scrapes.ts";
import type { ContentId } from "../../core/protocol/shape.ts";
import { RecordKind, writeRecord, writeSegmentHeader } from "./format.ts";
import { type ResumePoint, writeCheckpoints, writeData, writeSession } from "./payloads.ts";
import { originKey } from "./resume_points.ts";
import { newSegment, type Segment } from "./segment.ts";
import type { HeldShapes } from "./shape_table.ts";
import { type Origin, UnknownShapesError, type WalRecord } from "./wal.ts";

const nothing = new Uint8Array(0);

/**
 * Turns records into the bytes of one segment, and knows what stands in it already, so that every record can be read
 * with nothing but the segment.
 */
export class SegmentEncoder {
  readonly segment: Segment;
  /** Bytes of the records that sinks get, and of all. */
  dataBytes = 0;
  bytes = 0;
  /** Entries before the next record. */
  entry: number;
  readonly #shapes: HeldShapes;
  readonly #originNumbers = new Map<string, number>();
  /** Declared in the current group; each gets a second declaration at its end. */
  #declared: { readonly number: number; readonly origin: Origin }[] = [];

  /** `entry`: how many entries come before the segment. */
  constructor(number: number, entry: number, shapes: HeldShapes) {
    this.segment = newSegment(number, entry);
    this.entry = entry;
    this.#shapes = shapes;
  }

  /** Writes the header and the checkpoints with which the segment begins. */
  begin(into: ByteWriter, createdMs: number, points: readonly ResumePoint[]): void {
    const before = into.length;
    writeSegmentHeader(into, { number: this.segment.number, createdMs, entries: this.entry });
    writeCheckpoints(into, this.entry, points);
    this.bytes += into.length - before;
  }

  /**
   * Writes a record, before it what it refers to and is not in the segment yet. Check it with {@link checkRecord}
   * before.
   */
  append(into: ByteWriter, record: WalRecord, scrapes: readonly ScrapeSummary[]): void {
    const before = into.length;
    for (const { targetId, layoutId } of scrapes) this.#writeShapes(into, targetId, layoutId);
    const number = record.origin === null ? 0 : this.#originNumber(into, record.origin);
    const dataBefore = into.length;
    writeData(into, this.entry, record, number);
    this.entry += record.kind === "opaque" ? 1 : scrapes.length;
    this.dataBytes += into.length - dataBefore;
    this.bytes += into.length - before;
  }

  /** Ends a group of records that are written together. Once more without a record in between it writes nothing. */
  endGroup(into: ByteWriter): void {
    const before = into.length;
    for (const { number, origin } of this.#declared) writeSession(into, this.entry, number, origin);
    this.#declared = [];
    this.bytes += into.length - before;
  }

  #originNumber(into: ByteWriter, origin: Origin): number {
    const key = originKey(origin);
    const known = this.#originNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#originNumbers.size + 1;
    this.#originNumbers.set(key, number);
    this.segment.origins.set(number, origin);
    writeSession(into, this.entry, number, origin);
    this.#declared.push({ number, origin });
    return number;
  }

  #writeShapes(into: ByteWriter, targetId: ContentId, layoutId: ContentId): void {
    this.#writeShape(into, targetId);
    // A layout is written after its blocks: when it stands in the segment, so do they.
    if (this.segment.shapeIds.has(layoutId)) return;
    const layout = this.#shapes.get(layoutId);
    if (layout?.kind === "layout") {
      for (const block of layout.blocks) this.#writeShape(into, block);
    }
    this.#writeShape(into, layoutId);
  }

  #writeShape(into: ByteWriter, id: ContentId): void {
    const { shapeIds } = this.segment;
    if (shapeIds.has(id)) return;
    writeRecord(into, RecordKind.shape, this.entry, nothing, this.#shapes.body(id));
    this.#shapes.hold(id);
    shapeIds.add(id);
  }
}

/**
 * Checks that a record can be appended and returns what its scrapes refer to.
 * @throws MalformedError when the body of a scrapes record has another form.
 * @throws UnknownShapesError when it refers to shapes that are not known.
 */
export function checkRecord(record: WalRecord, shapes: HeldShapes): ScrapeSummary[] {
  if (record.kind !== "scrapes") return [];
  const scrapes = summarizeScrapes(record.body);
  const missing = new Set<ContentId>();
  for (const { targetId, layoutId } of scrapes) {
    for (const id of shapes.missing(targetId, layoutId)) missing.add(id);
  }
  if (missing.size > 0) throw new UnknownShapesError([...missing]);
  return scrapes;
}
