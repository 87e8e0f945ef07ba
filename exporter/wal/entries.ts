import { ByteReader } from "../../core/protocol/bytes.ts";
import { RecordKind } from "./format.ts";
import type { ByteRange } from "./segment.ts";
import type { WalRecord } from "./wal.ts";

/** How many entries a record counts for: its scrapes, one for an opaque record, none for a declared loss. */
export function entryCount(record: WalRecord): number {
  if (record.kind === "scrapes") return new ByteReader(record.body).varint();
  return record.kind === "opaque" ? 1 : 0;
}

/**
 * The same from a record's payload on disk.
 * @throws MalformedError when the payload has another form.
 */
export function payloadEntryCount(kind: RecordKind, payload: Uint8Array): number {
  if (kind === RecordKind.opaque) return 1;
  if (kind !== RecordKind.scrapes) return 0;
  const reader = new ByteReader(payload);
  reader.varint();
  reader.varint();
  return reader.varint();
}

/** Bytes that no record could be read from, and the entries that were in them. */
export interface DamagedStretch extends ByteRange {
  readonly entries: number;
}

/** A record as far as counting goes. */
export interface CountedRecord extends ByteRange {
  readonly kind: RecordKind;
  readonly payload: Uint8Array;
  /** Entries before it, as it says itself. */
  readonly entry: number;
}

/**
 * Counts the entries of one segment while it is read. Each good record says how many come before it, which tells how
 * many a damaged stretch held as soon as the next good record, or the segment's end, is reached.
 */
export class EntryAccount {
  /** Entries before the place that was reached, without those of a damaged stretch that still goes on. */
  entry: number;
  /** The damaged stretch that goes on. */
  pending: ByteRange | null = null;

  constructor(entry: number) {
    this.entry = entry;
  }

  damage({ offset, end }: ByteRange): void {
    this.pending = { offset: this.pending?.offset ?? offset, end };
  }

  /**
   * Takes a good record. `damaged` is the stretch that ends before it, if there is one. A record in a place where it
   * does not belong is not `taken`: its number was counted before, or it would end behind `entriesMax`.
   * @throws MalformedError when it does not tell its entries; nothing has changed then.
   */
  record(
    record: CountedRecord,
    entriesMax: number,
  ): { readonly taken: boolean; readonly damaged: DamagedStretch | null } {
    const count = payloadEntryCount(record.kind, record.payload);
    const isAhead = record.entry + count > entriesMax;
    if (isAhead || record.entry < this.entry) {
      if (isAhead || this.pending !== null) this.damage(record);
      return { taken: false, damaged: null };
    }
    const damaged = this.end(record.offset, record.entry);
    this.entry = record.entry + count;
    return { taken: true, damaged };
  }

  /** The segment, or what is readable of it, ends at `offset` with `entry` entries before. */
  end(offset: number, entry: number): DamagedStretch | null {
    const entries = Math.max(0, entry - this.entry);
    const range = this.pending ?? { offset, end: offset };
    const isDamaged = this.pending !== null || entries > 0;
    this.pending = null;
    this.entry += entries;
    return isDamaged ? { ...range, entries } : null;
  }
}
