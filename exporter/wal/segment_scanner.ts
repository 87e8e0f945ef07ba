import type { FileHandle } from "../../core/runtime/env.ts";
import { findRecord, lookAtRecord, type RecordKind, type RecordLook } from "./format.ts";
import type { ByteRange } from "./segment.ts";
import type { Tail, TailPart } from "./tail.ts";

/** What stands next in a segment. A payload is a view that the next call of `read` may overwrite. */
export type ScanItem = ScannedRecord | ({ readonly found: "damage" } & ByteRange);

export interface ScannedRecord extends ByteRange {
  readonly found: "record";
  readonly kind: RecordKind;
  /** Entries before it, as it says itself. */
  readonly entry: number;
  readonly payload: Uint8Array;
}

/** Bytes of a file that are read at once. */
export const readBytes = 1024 * 1024;

const nothing = new Uint8Array(0);

/** Where the newest parts of a segment are in memory. */
export interface SegmentTail {
  readonly segment: number;
  readonly tail: Pick<Tail, "pin" | "unpin">;
}

/**
 * Reads a segment's records from `offset` on, in large pieces, and passes over damage. What is in memory still is taken
 * from there.
 *
 * ```
 * file    |------------------[base ...... offset ......... base + filled)---------- limit
 * buffer                     [0 ... already handed out ... filled)       own memory, or a part of the tail
 * ```
 */
export class SegmentScanner {
  readonly #file: FileHandle;
  readonly #tail: SegmentTail | null;
  /** Parts of the tail that items of the last call are views of. */
  #pinned: TailPart[] = [];
  /** What the file is read into. */
  #own: Uint8Array = nothing;
  #buffer: Uint8Array = nothing;
  #base: number;
  #filled = 0;
  #offset: number;
  #limit: number;

  /** Reads up to `limit`, which must be where a record ends unless the rest is torn. */
  constructor(file: FileHandle, offset: number, limit: number, tail: SegmentTail | null = null) {
    this.#file = file;
    this.#tail = tail;
    this.#base = offset;
    this.#offset = offset;
    this.#limit = limit;
  }

  /** Where the next item begins. */
  get offset(): number {
    return this.#offset;
  }

  /** The segment has grown. */
  extend(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  /** The next items, at least one and about `bytesMax` bytes of them; none at the limit. */
  async read(bytesMax: number): Promise<ScanItem[]> {
    const items: ScanItem[] = [];
    const stopAt = this.#offset + bytesMax;
    this.#unpinAll(this.#buffer === this.#own ? null : this.#pinned.at(-1) ?? null);
    while (this.#offset < this.#limit) {
      const stop = this.#parse(items, stopAt);
      if (stop === null) break;
      if (stop.found === "part" && this.#takeTail()) continue;
      if (items.length > 0) break;
      if (stop.found === "part") await this.#fill(Math.max(stop.bytesNeeded, readBytes));
      else items.push(await this.#passDamage());
    }
    return items;
  }

  /** Lets go of what the last items are views of. */
  close(): void {
    this.#unpinAll(null);
    this.#buffer = nothing;
    this.#filled = 0;
  }

  /** Goes on in the tail, if the next record is there. */
  #takeTail(): boolean {
    if (this.#tail === null) return false;
    const part = this.#tail.tail.pin(this.#tail.segment, this.#offset);
    if (part === null) return false;
    if (part.bytes === this.#buffer) {
      // It is no record that goes on in it: whoever reads began at another place than one.
      this.#tail.tail.unpin(part);
      return false;
    }
    this.#pinned.push(part);
    this.#buffer = part.bytes;
    this.#base = part.offset;
    this.#filled = part.bytes.length;
    return true;
  }

  #unpinAll(kept: TailPart | null): void {
    for (const part of this.#pinned) if (part !== kept) this.#tail?.tail.unpin(part);
    this.#pinned = kept === null ? [] : [kept];
  }

  /** Takes whole records from the buffer up to `stopAt`. Returns what is in the way of the next, or null. */
  #parse(items: ScanItem[], stopAt: number): RecordLook | null {
    while (this.#offset < Math.min(stopAt, this.#limit)) {
      const look = lookAtRecord(this.#buffer, this.#offset - this.#base, this.#filled);
      if (look.found === "part" && this.#offset + look.bytesNeeded > this.#limit) return { found: "damage" };
      if (look.found !== "record") return look;
      const offset = this.#offset;
      this.#offset = this.#base + look.end;
      items.push({
        found: "record",
        kind: look.kind,
        entry: look.entry,
        payload: look.payload,
        offset,
        end: this.#offset,
      });
    }
    return null;
  }

  /** Finds the next good record in all that is left of the segment, which is then in memory as a whole. */
  async #passDamage(): Promise<ScanItem> {
    if (this.#base + this.#filled < this.#limit) await this.#fill(this.#limit - this.#offset);
    const offset = this.#offset;
    this.#offset = this.#base + findRecord(this.#buffer, offset - this.#base + 1, this.#filled);
    return { found: "damage", offset, end: this.#offset };
  }

  /** Reads `wantedBytes` from the offset on, or as many as there are up to the limit. */
  async #fill(wantedBytes: number): Promise<void> {
    const bytes = Math.min(wantedBytes, this.#limit - this.#offset);
    const held = this.#own.length;
    if (held < bytes || held > readBytes) {
      this.#own = new Uint8Array(Math.max(bytes, Math.min(readBytes, held * 2)));
    }
    this.#buffer = this.#own;
    const into = this.#own.subarray(0, bytes);
    const found = await this.#file.read(into, this.#offset);
    // A file that is shorter than it was said to be is as good as one with zeros there: damaged.
    into.fill(0, found);
    this.#base = this.#offset;
    this.#filled = bytes;
  }
}
