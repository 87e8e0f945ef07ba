import type { Logger } from "../../core/telemetry/log.ts";
import type { Router } from "../routing/router.ts";
import type { Sink } from "../sink.ts";
import type { Wal, WalChunk, WalPosition, WalReader, WalRecord } from "../wal/wal.ts";
import { type Chunk, makeChunk } from "./chunk.ts";
import { LagEstimate } from "./lag.ts";
import { ValueArena } from "./value_arena.ts";

const readBytes = 1024 * 1024;
export const batchSamplesMaxDefault = 50_000;
/** What a record takes in the WAL besides its body, about. */
const recordOverheadBytes = 64;

export interface SinkReaderOptions {
  readonly sink: Pick<Sink, "name" | "batchSamplesMax">;
  readonly wal: Pick<Wal, "reader" | "shapes" | "stats">;
  readonly router: Router;
  readonly log: Logger;
  /** Bytes that the WAL has taken, counted from any fixed point. */
  readonly appendedBytes: () => number;
}

/** Reads the log for one sink, resolves what it finds, and estimates how much is left. One call at a time. */
export class SinkReader {
  readonly #options: SinkReaderOptions;
  readonly #lag = new LagEstimate();
  readonly #values = new ValueArena();
  #reader: WalReader | null = null;
  #chunkBytes = 0;
  #atEnd = false;

  constructor(options: SinkReaderOptions) {
    this.#options = options;
  }

  /** Bytes not settled, about; exactly 0 when nothing in the WAL, durable or not, is before this sink. */
  get lagBytes(): number {
    const { wal, appendedBytes } = this.#options;
    return this.#atEnd ? wal.stats().pendingBytes : this.#lag.bytes(appendedBytes());
  }

  /** What comes next, `from` being the sink's position; null at the end. What was read before is settled by then. */
  async read(from: WalPosition): Promise<Chunk | null> {
    if (this.#chunkBytes > 0) this.#lag.settled(this.#chunkBytes);
    this.#chunkBytes = 0;
    const appendedBytes = this.#options.appendedBytes();
    const found = await this.#withReader(from, (reader) => reader.read(readBytes));
    this.#atEnd = found === null;
    if (found !== null) return this.#resolve(found, from);
    this.#lag.caughtUp(appendedBytes);
    return null;
  }

  /** Resolves when there is more to read, or the signal aborts. */
  async changed(from: WalPosition, signal: AbortSignal): Promise<void> {
    await this.#withReader(from, (reader) => reader.changed(signal));
    if (!signal.aborted) this.#atEnd = false;
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }

  #resolve(found: WalChunk, from: WalPosition): Chunk {
    const { sink, wal, router, log } = this.#options;
    const batchSamplesMax = sink.batchSamplesMax ?? batchSamplesMaxDefault;
    // Those of the last chunk are settled.
    this.#values.clear();
    const allocate = this.#values.take;
    const { chunk, defects } = makeChunk(found, { from, shapes: wal.shapes, router, batchSamplesMax, allocate });
    if (defects.length > 0) {
      log.error({ sink: sink.name, count: defects.length, first: defects[0] }, "records cannot be resolved; left out");
    }
    this.#chunkBytes = found.records.reduce((sum, one) => sum + recordOverheadBytes + bodyBytes(one), 0);
    return chunk;
  }

  /** A reader that failed is not used again. */
  async #withReader<T>(from: WalPosition, use: (reader: WalReader) => Promise<T>): Promise<T> {
    const reader = this.#reader ??= this.#options.wal.reader(from);
    try {
      return await use(reader);
    } catch (error) {
      this.#reader = null;
      await reader.close();
      throw error;
    }
  }
}

function bodyBytes(record: WalRecord): number {
  return record.kind === "lost" ? 0 : record.body.length;
}
