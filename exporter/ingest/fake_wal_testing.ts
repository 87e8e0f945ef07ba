import type { Origin, Wal, WalReader, WalRecord, WalSegment, WalStats } from "../wal/wal.ts";
import { WalClosedError } from "../wal/wal.ts";
import { FakeShapeTable } from "./session_testing.ts";

/** A log in memory that fsyncs when a test says so. */
export class FakeWal implements Wal {
  readonly shapes = new FakeShapeTable();
  readonly records: WalRecord[] = [];
  /** How many of the records are durable. */
  durableCount = 0;
  accepts = true;
  failed = false;
  readonly #listeners: ((index: number) => void)[] = [];
  #onAppend: () => void = () => {};

  append(record: WalRecord): number {
    if (this.failed) throw new WalClosedError("Cannot append: fsync failed");
    this.records.push(record);
    this.#onAppend();
    return this.records.length;
  }

  accepting(): boolean {
    return this.accepts && !this.failed;
  }

  onDurable(listener: (index: number) => void): void {
    this.#listeners.push(listener);
  }

  resumePoint(origin: Origin): number {
    const name = (one: Origin) => `${one.cluster}/${one.namespace}/${one.name}/${one.epoch}`;
    const of = (record: WalRecord) => record.kind === "lost" ? record.lost.lastSequence : record.sequence;
    const own = this.records.slice(0, this.durableCount).filter((record) =>
      record.origin !== null && name(record.origin) === name(origin)
    );
    return Math.max(0, ...own.map(of));
  }

  /** The group fsync: everything that was appended is durable now. */
  sync(): void {
    this.durableCount = this.records.length;
    for (const listener of this.#listeners) listener(this.durableCount);
  }

  /** Resolves when so many records were appended. */
  async appended(count: number): Promise<void> {
    while (this.records.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onAppend = resolve;
      await promise;
    }
  }

  stats(): WalStats {
    return {
      condition: this.failed ? "failed" : "good",
      segments: 1,
      bytes: 0,
      entries: this.durableCount,
      oldest: { segment: 1, offset: 0, entry: 0 },
      pendingBytes: 0,
      corruptRecords: 0,
      damagedEntries: 0,
      truncatedBytes: 0,
      badFiles: 0,
      diskFullFailures: 0,
    };
  }

  reader(): WalReader {
    throw new Error("The ingest reads nothing");
  }

  segmentList(): WalSegment[] {
    return [];
  }

  trim(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
