import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import type { ContentId, EncodedShape, Shape } from "../../core/protocol/shape.ts";
import type { TestScrape } from "../sinks/batch_testing.ts";
import type { Wal, WalPosition, WalReader, WalRecord, WalStats } from "../wal/wal.ts";

const recordBytes = 100;

/** The part of a WAL that delivery needs, in memory: every record is durable at once, and takes 100 bytes. */
export class MemoryWal implements Pick<Wal, "reader" | "trim" | "stats"> {
  readonly shapes: Pick<Wal["shapes"], "get"> & Wal["shapes"];
  readonly trims: WalPosition[] = [];
  /** The next reads reject with these, in order. */
  readonly readFailures: Error[] = [];
  readonly #records: WalRecord[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #shapes = new Map<ContentId, Shape>();
  openReaders = 0;

  constructor() {
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
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** The position of a record offset is its index. */
  reader(position: WalPosition | null): WalReader {
    let next = position?.offset ?? 0;
    this.openReaders++;
    return {
      read: (bytesMax) => {
        const failure = this.readFailures.shift();
        if (failure !== undefined) return Promise.reject(failure);
        const records = this.#records.slice(next, next + Math.max(1, Math.floor(bytesMax / recordBytes)));
        if (records.length === 0) return Promise.resolve(null);
        next += records.length;
        return Promise.resolve({ records, next: { segment: 1, offset: next } });
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

  trim(position: WalPosition): Promise<void> {
    this.trims.push(position);
    return Promise.resolve();
  }

  stats(): WalStats {
    return {
      condition: "good",
      segments: 1,
      bytes: this.#records.length * recordBytes,
      pendingBytes: 0,
      corruptRecords: 0,
      truncatedBytes: 0,
      badFiles: 0,
      diskFullFailures: 0,
    };
  }
}

export const testOrigin = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0", epoch: 1n };
