import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import type { ContentId, EncodedShape, Shape } from "../../core/protocol/shape.ts";
import { originKey } from "../ledger/loss.ts";
import type { TestScrape } from "../sinks/batch_testing.ts";
import { entryCount } from "../wal/entries.ts";
import type {
  DamagedRange,
  Origin,
  Wal,
  WalChunk,
  WalPosition,
  WalReader,
  WalRecord,
  WalSegment,
  WalStats,
} from "../wal/wal.ts";

const recordBytes = 100;

/**
 * The part of a WAL that delivery needs, in memory: every record is durable at once, and takes 100 bytes. A position's
 * offset is the number of records before it over the log's whole life.
 */
export class MemoryWal implements Pick<Wal, "reader" | "resumePoint" | "segmentList" | "stats" | "trim"> {
  readonly shapes: Pick<Wal["shapes"], "get"> & Wal["shapes"];
  readonly trims: WalPosition[] = [];
  /** The next reads reject with these, in order. */
  readonly readFailures: Error[] = [];
  /** Numbers of records that cannot be read. */
  readonly damagedRecords = new Set<number>();
  readonly #segmentRecords: number;
  readonly #wallMs: () => number;
  readonly #records: (WalRecord | null)[] = [];
  /** Before each record, and behind the last. */
  readonly #entries: number[] = [0];
  readonly #appendedMs: number[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #shapes = new Map<ContentId, Shape>();
  readonly #resumePoints = new Map<string, number>();
  /** Records that were trimmed. */
  #trimmed = 0;
  openReaders = 0;

  /** `segmentRecords`: after how many a segment ends; default: never. */
  constructor(options: { readonly segmentRecords?: number; readonly wallMs?: () => number } = {}) {
    this.#segmentRecords = options.segmentRecords ?? Infinity;
    this.#wallMs = options.wallMs ?? (() => 0);
    this.shapes = {
      get: (id) => this.#shapes.get(id),
      missing: () => [],
      add: () => {
        throw new Error("Cannot add shape: a memory WAL takes them by addShapes");
      },
    };
  }

  addShapes(shapes: readonly EncodedShape[]): void {
    for (const { shape } of shapes) this.#shapes.set(shape.id, shape);
  }

  /** Appends a record of one or more scrapes with their shapes. */
  appendScrapes(...scrapes: TestScrape[]): void {
    for (const scrape of scrapes) this.addShapes(scrape.shapes);
    const body = encodeScrapes(scrapes.map((scrape) => ({
      targetId: scrape.target.id,
      layoutId: scrape.layout.id,
      timestampMs: scrape.timestampMs,
      values: scrape.values,
      sampleTimesMs: scrape.sampleTimesMs,
    })));
    this.append({ kind: "scrapes", origin: testOrigin, sequence: this.#records.length + 1, body });
  }

  append(record: WalRecord): void {
    this.#records.push(record);
    this.#entries.push(this.#entriesBefore(this.#records.length - 1) + entryCount(record));
    this.#appendedMs.push(this.#wallMs());
    if (record.origin !== null) {
      const sequence = record.kind === "lost" ? record.lost.lastSequence : record.sequence;
      this.#resumePoints.set(originKey(record.origin), sequence);
    }
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  resumePoint(origin: Origin): number {
    return this.#resumePoints.get(originKey(origin)) ?? 0;
  }

  reader(position: WalPosition | null): WalReader {
    let next = position?.offset ?? this.#trimmed;
    let entry = position?.entry ?? this.#entriesBefore(next);
    this.openReaders++;
    return {
      read: (bytesMax) => {
        const failure = this.readFailures.shift();
        if (failure !== undefined) return Promise.reject(failure);
        const found = this.#read(next, entry, bytesMax);
        if (found !== null) {
          next = found.next.offset;
          entry = found.next.entry;
        }
        return Promise.resolve(found);
      },
      changed: (signal) =>
        new Promise((resolve) => {
          if (signal.aborted || next < this.#records.length) return resolve();
          this.#waiting.add(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        }),
      close: () => {
        this.openReaders--;
        return Promise.resolve();
      },
    };
  }

  /** Records of one segment; what was trimmed before it, and what is damaged in it, is told. */
  #read(from: number, entry: number, bytesMax: number): WalChunk | null {
    const start = Math.max(from, this.#trimmed);
    if (start >= this.#records.length) return null;
    const segment = this.#segmentOf(start);
    const end = Math.min(
      segment * this.#segmentRecords,
      start + Math.max(1, Math.floor(bytesMax / recordBytes)),
      this.#records.length,
    );
    const records: WalRecord[] = [];
    const damaged: DamagedRange[] = [];
    const gone = this.#entriesBefore(start) - entry;
    if (gone > 0) damaged.push({ segment: this.#segmentOf(from), offset: from, bytes: 0, entries: gone });
    for (let index = start; index < end; index++) {
      const record = this.#records[index] ?? null;
      const entries = this.#entriesBefore(index + 1) - this.#entriesBefore(index);
      if (record === null || this.damagedRecords.has(index)) {
        damaged.push({ segment, offset: index, bytes: recordBytes, entries });
      } else {
        records.push(record);
      }
    }
    return { records, next: { segment, offset: end, entry: this.#entriesBefore(end) }, damaged };
  }

  #segmentOf(index: number): number {
    return this.#segmentRecords === Infinity ? 1 : Math.floor(index / this.#segmentRecords) + 1;
  }

  #entriesBefore(index: number): number {
    return this.#entries[index] ?? 0;
  }

  #positionOf(index: number): WalPosition {
    return { segment: this.#segmentOf(index), offset: index, entry: this.#entriesBefore(index) };
  }

  trim(position: WalPosition): Promise<void> {
    this.trims.push(position);
    if (this.#segmentRecords === Infinity) return Promise.resolve();
    const newest = this.#segmentOf(Math.max(0, this.#records.length - 1));
    const kept = (Math.min(position.segment, newest) - 1) * this.#segmentRecords;
    for (; this.#trimmed < kept; this.#trimmed++) this.#records[this.#trimmed] = null;
    return Promise.resolve();
  }

  segmentList(): WalSegment[] {
    const list: WalSegment[] = [];
    for (let index = this.#trimmed; index < this.#records.length;) {
      const end = Math.min(this.#segmentOf(index) * this.#segmentRecords, this.#records.length);
      list.push({
        segment: this.#segmentOf(index),
        start: this.#positionOf(index),
        end: { ...this.#positionOf(end), segment: this.#segmentOf(index) },
        bytes: (end - index) * recordBytes,
        newestAppendedMs: this.#appendedMs[end - 1] ?? 0,
      });
      index = end;
    }
    return list;
  }

  stats(): WalStats {
    return {
      condition: "good",
      segments: this.segmentList().length,
      bytes: (this.#records.length - this.#trimmed) * recordBytes,
      entries: this.#entriesBefore(this.#records.length),
      oldest: this.#positionOf(this.#trimmed),
      pendingBytes: 0,
      corruptRecords: 0,
      damagedEntries: 0,
      truncatedBytes: 0,
      badFiles: 0,
      diskFullFailures: 0,
    };
  }
}

export const testOrigin = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0", epoch: 1n };
