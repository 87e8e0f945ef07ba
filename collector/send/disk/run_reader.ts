import { MalformedError } from "../../../core/protocol/bytes.ts";
import { FrameType } from "../../../core/protocol/frame.ts";
import { summarizeScrapes } from "../../../core/protocol/scrapes.ts";
import type { Lost } from "../../../core/protocol/session.ts";
import { type ContentId, decodeShape } from "../../../core/protocol/shape.ts";
import type { FileSystem } from "../../../core/runtime/env.ts";
import { cutLoss } from "../entry.ts";
import type { StoredShape } from "../held_shapes.ts";
import { lossReasons } from "../loss_reasons.ts";
import { decodeLoss, decodeRecord, ItemKind, type StoredRecord } from "./format.ts";
import { type Item, ItemReader } from "./item_reader.ts";
import type { Segment } from "./segment.ts";

/** What stands at a place in the sequence. */
export type Stored =
  /** `shapes` is null when not all of them can be read. */
  | { readonly kind: "record"; readonly record: StoredRecord; readonly shapes: readonly StoredShape[] | null }
  /** `isFound`: nobody knew of the loss before. */
  | { readonly kind: "loss"; readonly lost: Lost; readonly isFound: boolean };

/** The parts of a run that its reader looks at; they change under it. */
export interface ReadableRun {
  readonly fs: FileSystem;
  readonly segments: readonly Segment[];
  readonly losses: readonly Lost[];
}

interface Place {
  readonly segment: Segment;
  readonly items: ItemReader;
  readonly shapes: Map<ContentId, StoredShape>;
  pending: SequencedItem | null;
}

type SequencedItem =
  | { readonly kind: "record"; readonly first: number; readonly last: number; readonly record: StoredRecord }
  | { readonly kind: "loss"; readonly first: number; readonly last: number; readonly lost: Lost };

/** About what a loss costs a reader. */
const lossBytes = 128;

/** Reads the places of a run in the order of their sequence, from any place on. */
export class RunReader {
  readonly #run: ReadableRun;
  #place: Place | null = null;
  #next = 0;

  constructor(run: ReadableRun) {
    this.#run = run;
  }

  /**
   * Everything from sequence `from` up to `until`, but no more than about `bytesMax`; at least one place. It ends
   * before `until` where nothing more is there. Without `withShapes`, a record's shapes are not looked for, and null.
   */
  async read(from: number, until: number, bytesMax: number, withShapes = true): Promise<Stored[]> {
    if (from !== this.#next) await this.close();
    const stored: Stored[] = [];
    this.#next = from;
    for (let bytes = 0; bytes < bytesMax && this.#next <= until;) {
      const one = await this.#read(this.#next, until, withShapes);
      if (one === null) break;
      stored.push(one);
      this.#next = lastOf(one) + 1;
      bytes += one.kind === "loss" ? lossBytes : one.record.body.length + lossBytes;
    }
    return stored;
  }

  /** What follows the last good item that was read, in its segment. */
  get restBytes(): number {
    return this.#place === null ? 0 : this.#place.segment.bytes - this.#place.items.goodBytes;
  }

  /** Closes the file that it reads; reading may go on. */
  async close(): Promise<void> {
    const place = this.#place;
    this.#place = null;
    this.#next = 0;
    await place?.items.close();
  }

  async #read(next: number, until: number, withShapes: boolean): Promise<Stored | null> {
    const { losses } = this.#run;
    const declared = losses.find((lost) => lost.firstSequence <= next && next <= lost.lastSequence);
    if (declared !== undefined) return { kind: "loss", lost: cutLoss(declared, next), isFound: false };
    const nextDeclared = losses.find((lost) => lost.firstSequence > next)?.firstSequence ?? Infinity;
    const ceiling = Math.min(nextDeclared - 1, until);
    for (;;) {
      const index = this.#run.segments.findLastIndex((segment) => segment.first <= next);
      const segment = this.#run.segments[index];
      const nextFirst = this.#run.segments[index + 1]?.first;
      const end = Math.min(ceiling, (nextFirst ?? Infinity) - 1);
      const item = segment === undefined ? null : await this.#item(segment, next, nextFirst ?? Infinity);
      if (item === null) return Number.isFinite(end) ? damage(next, end) : null;
      if (item.first > next) return damage(next, Math.min(item.first - 1, end));
      return this.#resolve(item, next, withShapes);
    }
  }

  /** The first item of the segment at or after `next`, which stays to be asked for again; null when there is none. */
  async #item(segment: Segment, next: number, nextFirst: number): Promise<SequencedItem | null> {
    const place = await this.#open(segment);
    for (;;) {
      if (place.pending === null) {
        const item = await place.items.next(segment.bytes);
        if (item === null) return null;
        place.pending = take(item, place.shapes);
        continue;
      }
      if (place.pending.first >= nextFirst) return null;
      if (place.pending.last >= next) return place.pending;
      place.pending = null;
    }
  }

  async #open(segment: Segment): Promise<Place> {
    if (this.#place?.segment === segment) return this.#place;
    const next = this.#next;
    await this.close();
    this.#next = next;
    const handle = await this.#run.fs.open(segment.path, "read");
    this.#place = { segment, items: new ItemReader(handle), shapes: new Map(), pending: null };
    return this.#place;
  }

  #resolve(item: SequencedItem, next: number, withShapes: boolean): Stored {
    if (item.kind === "loss") return { kind: "loss", lost: cutLoss(item.lost, next), isFound: false };
    if (!withShapes) return { kind: "record", record: item.record, shapes: null };
    return { kind: "record", record: item.record, shapes: shapesOf(item.record, this.#place?.shapes ?? new Map()) };
  }
}

export function lastOf(stored: Stored): number {
  return stored.kind === "loss" ? stored.lost.lastSequence : stored.record.sequence;
}

function damage(first: number, last: number): Stored {
  const records = last - first + 1;
  const lost = {
    firstSequence: first,
    lastSequence: last,
    records,
    samples: 0,
    oldestMs: 0,
    newestMs: 0,
    reason: lossReasons.damaged,
  };
  return { kind: "loss", lost, isFound: true };
}

/** The place that an item stands for; null for a shape, which is noted, and for one that makes no sense. */
function take(item: Item, shapes: Map<ContentId, StoredShape>): SequencedItem | null {
  try {
    if (item.kind === ItemKind.record) {
      const record = decodeRecord(item.payload);
      return { kind: "record", first: record.sequence, last: record.sequence, record };
    }
    if (item.kind === ItemKind.loss) {
      const lost = decodeLoss(item.payload);
      return { kind: "loss", first: lost.firstSequence, last: lost.lastSequence, lost };
    }
    if (item.kind === ItemKind.shape) noteShape(item.payload, shapes);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  return null;
}

function noteShape(body: Uint8Array, shapes: Map<ContentId, StoredShape>): void {
  const shape = decodeShape(body);
  const frameType = shape.kind === "target" ? FrameType.target : FrameType.schema;
  const blocks = shape.kind === "layout" ? shape.blocks : [];
  shapes.set(shape.id, { id: shape.id, frameType, blocks, body: Uint8Array.from(body) });
}

/** Blocks before the layout that lists them, as a session wants them. */
function shapesOf(
  record: StoredRecord,
  known: ReadonlyMap<ContentId, StoredShape>,
): readonly StoredShape[] | null {
  if (record.frameType !== FrameType.scrapes) return [];
  const needed = new Set<ContentId>();
  for (const { targetId, layoutId } of summarizeScrapes(record.body)) {
    needed.add(targetId);
    for (const block of known.get(layoutId)?.blocks ?? []) needed.add(block);
    needed.add(layoutId);
  }
  const shapes: StoredShape[] = [];
  for (const id of needed) {
    const shape = known.get(id);
    if (shape === undefined) return null;
    shapes.push(shape);
  }
  return shapes;
}
