import { MalformedError } from "../../core/protocol/bytes.ts";
import type { FileHandle } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { segmentHeaderBytes } from "./format.ts";
import { isDataKind, readData } from "./payloads.ts";
import { type ByteRange, type Segment, segmentFrom } from "./segment.ts";
import { type ScanItem, SegmentScanner } from "./segment_scanner.ts";
import { WalClosedError, type WalPosition, type WalReader, type WalRecord } from "./wal.ts";

/** What a reader needs of the log. */
export interface ReadableLog {
  /** Those with something durable in them, in order of number. */
  readonly segments: readonly Segment[];
  readonly closed: boolean;
  readonly log: Logger;
  openSegment(number: number): Promise<FileHandle>;
  /** Resolves when something became durable, the log was closed or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>;
  /** Counts and logs a damaged range, once however many readers meet it. */
  reportDamage(segment: Segment, range: ByteRange): void;
}

interface OpenSegment {
  readonly segment: Segment;
  readonly file: FileHandle;
  readonly scanner: SegmentScanner;
}

/** Reads durable records, one segment after the other. */
export class SegmentsReader implements WalReader {
  readonly #log: ReadableLog;
  /** Where to go on; null until the first segment is known. */
  #position: WalPosition | null;
  #open: OpenSegment | null = null;
  #closed = false;

  constructor(log: ReadableLog, position: WalPosition | null) {
    this.#log = log;
    this.#position = position;
  }

  async read(bytesMax: number): ReturnType<WalReader["read"]> {
    for (;;) {
      if (this.#closed || this.#log.closed) throw new WalClosedError("Cannot read WAL: it is closed");
      const current = this.#open ?? await this.#openNext();
      if (current === null) return null;
      const { segment, scanner } = current;
      scanner.extend(segment.bytes);
      const items = await scanner.read(bytesMax);
      this.#position = { segment: segment.number, offset: scanner.offset };
      const records = this.#decode(segment, items);
      if (records.length > 0) return { records, next: this.#position };
      if (items.length > 0 || scanner.offset < segment.bytes) continue;
      const following = segmentFrom(this.#log.segments, segment.number + 1);
      if (following === undefined) return null;
      this.#position = { segment: following.number, offset: segmentHeaderBytes };
      await this.#closeFile();
    }
  }

  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#hasMore()) return;
    await this.#log.changed(signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#closeFile();
  }

  #hasMore(): boolean {
    const newest = this.#log.segments.at(-1);
    if (newest === undefined || this.#position === null) return newest !== undefined;
    const { segment, offset } = this.#position;
    return newest.number !== segment || newest.bytes > Math.max(offset, segmentHeaderBytes);
  }

  /** Opens the segment of the position, or the one that takes its place; null when there is none at all. */
  async #openNext(): Promise<OpenSegment | null> {
    const { segments, log } = this.#log;
    const oldest = segments[0];
    if (oldest === undefined) return null;
    const wanted = this.#position ?? { segment: oldest.number, offset: segmentHeaderBytes };
    // A position behind all segments belongs to a log that is no more: better everything again than nothing.
    const segment = segmentFrom(segments, wanted.segment) ?? oldest;
    let offset = Math.max(wanted.offset, segmentHeaderBytes);
    if (segment.number !== wanted.segment) {
      log.warn(
        { wanted, segment: segment.number },
        "the segment of a WAL position is gone; reading goes on at another",
      );
      offset = segmentHeaderBytes;
    } else if (offset > segment.bytes) {
      log.warn({ wanted, bytes: segment.bytes }, "a WAL position is behind its segment's end; reading goes on there");
      offset = segment.bytes;
    }
    const file = await this.#log.openSegment(segment.number);
    this.#open = { segment, file, scanner: new SegmentScanner(file, offset, segment.bytes) };
    return this.#open;
  }

  #decode(segment: Segment, items: readonly ScanItem[]): WalRecord[] {
    const records: WalRecord[] = [];
    for (const item of items) {
      if (item.found === "damage") {
        this.#log.reportDamage(segment, item);
      } else if (isDataKind(item.kind)) {
        try {
          records.push(readData(item.kind, item.payload, (number) => segment.origins.get(number)));
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error;
          this.#log.reportDamage(segment, item);
        }
      }
    }
    return records;
  }

  async #closeFile(): Promise<void> {
    const file = this.#open?.file;
    this.#open = null;
    await file?.close();
  }
}
