import { ByteWriter } from "../../../core/protocol/bytes.ts";
import type { Lost } from "../../../core/protocol/session.ts";
import type { ContentId } from "../../../core/protocol/shape.ts";
import type { FileHandle, FileSystem } from "../../../core/runtime/env.ts";
import { type Entry, mergeLosses } from "../entry.ts";
import { lossReasons } from "../loss_reasons.ts";
import {
  encodeSegmentHeader,
  markedLossesMax,
  type Marks,
  writeLossItem,
  writeRecordItem,
  writeShapeItem,
} from "./format.ts";
import { MarksFile } from "./marks_file.ts";
import { RunReader, type Stored } from "./run_reader.ts";
import { countLoss, countRecord, lossOfSegment, makeSegment, type Segment } from "./segment.ts";

/** A segment is ended when it has so many bytes, and as many of records as of shapes, or four times as many. */
export interface RunLogOptions {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly epoch: bigint;
  readonly segmentBytes: number;
}

/** A write's buffer is kept for the next when it is no larger. */
const keptBytesMax = 2 * 1024 * 1024;
const initialBytes = 64 * 1024;

interface Writer {
  readonly segment: Segment;
  readonly handle: FileHandle;
  readonly shapes: Set<ContentId>;
  shapeBytes: number;
}

/** What one start of the collector has put on disk. One call at a time. */
export class RunLog {
  readonly fs: FileSystem;
  readonly epoch: bigint;
  readonly segments: Segment[] = [];
  marks: Marks = { generation: 0, acknowledged: 0, bound: 0, losses: [] };
  readonly #options: RunLogOptions;
  readonly #marksFile: MarksFile;
  readonly #reader: RunReader;
  #writer: Writer | null = null;
  /** What is written; one write at a time. */
  #content = new ByteWriter(initialBytes);
  #lastNumber = 0;

  constructor(options: RunLogOptions) {
    this.#options = options;
    this.fs = options.fs;
    this.epoch = options.epoch;
    this.#marksFile = new MarksFile(options.fs, options.folder, options.epoch);
    this.#reader = new RunReader(this);
  }

  get losses(): readonly Lost[] {
    return this.marks.losses;
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.bytes;
    return bytes;
  }

  loadMarks(): Promise<Marks | null> {
    return this.#marksFile.load();
  }

  async saveMarks(change: Partial<Omit<Marks, "generation">>): Promise<void> {
    const marks = { ...this.marks, ...change, generation: this.marks.generation + 1 };
    await this.#marksFile.save(marks);
    this.marks = marks;
  }

  /**
   * Makes the entries durable, which follow those before them, or begin with the first that is not acknowledged.
   * @throws what the disk throws. Nothing was appended then, and the next call begins another segment.
   */
  async append(entries: readonly Entry[], acknowledged: number): Promise<void> {
    const [first] = entries;
    if (first === undefined) return;
    const isNew = this.#writer === null;
    const writer = this.#writer ??= await this.#begin(first.firstSequence, acknowledged);
    const { segment, handle } = writer;
    try {
      const content = this.#content;
      content.endAt(0);
      if (isNew) {
        const { epoch } = this;
        content.raw(encodeSegmentHeader({ epoch, number: segment.number, firstSequence: segment.first, acknowledged }));
      }
      for (const entry of entries) writeEntry(content, entry, writer);
      const { length } = content;
      await handle.write(content.view(), segment.bytes);
      if (length > keptBytesMax) this.#content = new ByteWriter(initialBytes);
      await handle.sync();
      if (isNew) await this.fs.syncDir(this.#options.folder);
      segment.bytes += length;
    } catch (error) {
      await this.#abandon(writer);
      throw error;
    }
    for (const entry of entries) {
      if (entry.kind === "record") countRecord(segment, entry.lastSequence, entry);
      else countLoss(segment, entry.lost);
    }
    if (this.#isFull(writer)) await this.endSegment();
  }

  /** See {@link RunReader.read}. */
  read(from: number, until: number, bytesMax: number, withShapes = true): Promise<Stored[]> {
    return this.#reader.read(from, until, bytesMax, withShapes);
  }

  /** See {@link RunReader.restBytes}. */
  get restBytes(): number {
    return this.#reader.restBytes;
  }

  /** Ends the segment that is being written; the next record begins another. */
  async endSegment(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    await writer?.handle.close();
  }

  /** The oldest segment that may go for want of room: wholly above `above`, complete and not declared lost. */
  droppable(above: number): Segment | undefined {
    return this.segments.find((segment) => segment.first > above && segment !== this.#writer?.segment);
  }

  get isWriting(): boolean {
    return this.#writer !== null;
  }

  /** Whether the marks have room for one more loss. */
  get mayDrop(): boolean {
    return this.marks.losses.length < markedLossesMax;
  }

  /** What cannot be read of the segment that has this sequence is missing from now on. */
  giveUp(sequence: number): void {
    const segment = this.segments.findLast(({ first }) => first <= sequence);
    if (segment !== undefined) segment.bytes = 0;
  }

  /** Declares all that is in the segment lost, durably, and then removes it; `bound` as in the marks. */
  async drop(segment: Segment, bound: number): Promise<void> {
    const losses = withLoss(this.marks.losses, lossOfSegment(segment, lossReasons.spoolFull), bound);
    await this.saveMarks({ losses, bound });
    await this.#remove(segment);
  }

  /** Removes the segments of which all is acknowledged. */
  async trim(acknowledged: number): Promise<void> {
    const losses = this.marks.losses.filter((lost) => lost.lastSequence > acknowledged);
    await this.saveMarks({ acknowledged, losses });
    for (const segment of this.trimmable(acknowledged)) await this.#remove(segment);
  }

  trimmable(acknowledged: number): readonly Segment[] {
    return this.segments.filter((segment) => segment.last <= acknowledged && segment !== this.#writer?.segment);
  }

  /** Takes over a segment that was there at the start. */
  adopt(segment: Segment): void {
    this.segments.push(segment);
    this.#lastNumber = Math.max(this.#lastNumber, segment.number);
  }

  async close(): Promise<void> {
    await this.endSegment();
    await this.#reader.close();
    await this.#marksFile.close();
  }

  /** Removes all of it. The marks go last: without them it would seem that nothing was acknowledged. */
  async remove(): Promise<void> {
    await this.close();
    for (let next = this.segments[0]; next !== undefined; next = this.segments[0]) await this.#remove(next);
    if (this.marks.generation === 0) return;
    await this.fs.syncDir(this.#options.folder);
    await this.#marksFile.remove();
  }

  async #begin(first: number, acknowledged: number): Promise<Writer> {
    // The room of the marks is taken before there is anything that they would have to answer for.
    if (this.marks.generation === 0) await this.saveMarks({ acknowledged });
    const { folder, epoch } = this.#options;
    const segment = makeSegment(folder, epoch, ++this.#lastNumber, first);
    const handle = await this.fs.open(segment.path, "exclusive");
    this.segments.push(segment);
    return { segment, handle, shapes: new Set(), shapeBytes: 0 };
  }

  #isFull({ segment, shapeBytes }: Writer): boolean {
    const { segmentBytes } = this.#options;
    if (segment.bytes < segmentBytes) return false;
    return segment.bytes - shapeBytes >= shapeBytes || segment.bytes >= 4 * segmentBytes;
  }

  /** After a failure: what is in doubt is cut off, as far as the disk lets us; `first` of the next segment overrules it. */
  async #abandon({ segment, handle }: Writer): Promise<void> {
    this.#writer = null;
    await handle.truncate(segment.bytes).catch(() => undefined);
    await handle.close().catch(() => undefined);
    if (segment.bytes > 0) return;
    this.segments.splice(this.segments.indexOf(segment), 1);
    await this.fs.remove(segment.path).catch(() => undefined);
  }

  async #remove(segment: Segment): Promise<void> {
    await this.#reader.close();
    await this.fs.remove(segment.path);
    this.segments.splice(this.segments.indexOf(segment), 1);
  }
}

function writeEntry(content: ByteWriter, entry: Entry, writer: Writer): void {
  if (entry.kind === "loss") {
    writeLossItem(content, entry.lost);
    return;
  }
  for (const shape of entry.shapes) {
    if (writer.shapes.has(shape.id)) continue;
    writer.shapes.add(shape.id);
    const before = content.length;
    writeShapeItem(content, shape.body);
    writer.shapeBytes += content.length - before;
  }
  writeRecordItem(content, { ...entry, sequence: entry.firstSequence });
}

/** The losses with one more. It is joined with its neighbour when that one was never sent either. */
function withLoss(losses: readonly Lost[], lost: Lost, bound: number): readonly Lost[] {
  const all = [...losses, lost].toSorted((a, b) => a.firstSequence - b.firstSequence);
  const merged: Lost[] = [];
  for (const one of all) {
    const before = merged.at(-1);
    if (before !== undefined && before.lastSequence + 1 === one.firstSequence && before.firstSequence > bound) {
      merged[merged.length - 1] = mergeLosses(before, one);
    } else {
      merged.push(one);
    }
  }
  return merged;
}
