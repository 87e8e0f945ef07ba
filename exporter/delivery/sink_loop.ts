import { messageOf } from "../../core/errors.ts";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Batch, Sink } from "../sink.ts";
import type { Wal, WalPosition, WalReader, WalRecord } from "../wal/wal.ts";
import { cutBatches } from "./batch.ts";
import { type Chunk, type CursorEffect, type CursorEvent, type CursorState, newCursor, step } from "./cursor.ts";
import type { CursorFile } from "./cursor_file.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { LagEstimate } from "./lag.ts";
import { resolveRecords } from "./resolve.ts";

export interface SinkLoopOptions {
  readonly sink: Sink;
  readonly wal: Pick<Wal, "reader" | "shapes" | "stats">;
  readonly cursorFile: CursorFile;
  readonly deadLetters: DeadLetters;
  readonly env: Pick<Env, "clock" | "random">;
  readonly log: Logger;
  /** Bytes that the WAL has taken, counted from any fixed point. */
  readonly appendedBytes: () => number;
}

const readBytes = 1024 * 1024;
const batchSamplesMaxDefault = 50_000;
/** What a record takes in the WAL besides its body, about. */
const recordOverheadBytes = 64;
/** How long a sink may take to settle after it was asked to end. */
const settleMs = 1000;
/** At most one line about rejections in this time. */
const rejectionLogIntervalMs = 10_000;

/** Carries out the effects of one sink's cursor: reads, delivers, waits and saves. */
export class SinkLoop {
  readonly #options: SinkLoopOptions;
  readonly #delivering = new AbortController();
  readonly #awaiting = new AbortController();
  readonly #lag = new LagEstimate();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #started: Promise<void>;
  #state: CursorState = newCursor(null);
  #savedPosition: WalPosition | null = null;
  #reader: WalReader | null = null;
  #chunkBytes = 0;
  #atEnd = false;
  #timers = new Set<() => void>();
  #rejectionLoggedMs = -Infinity;

  constructor(options: SinkLoopOptions) {
    this.#options = options;
    this.#started = this.#start();
  }

  get sink(): Sink {
    return this.#options.sink;
  }

  /** To be read only. */
  get state(): CursorState {
    return this.#state;
  }

  /** The position on disk: what lies before it is not needed any more, even after a crash. */
  get savedPosition(): WalPosition | null {
    return this.#savedPosition;
  }

  /** Bytes not settled, about; exactly 0 when nothing in the WAL, durable or not, is before this sink. */
  get lagBytes(): number {
    const { wal, appendedBytes } = this.#options;
    return this.#atEnd ? wal.stats().pendingBytes : this.#lag.bytes(appendedBytes());
  }

  /**
   * Delivers what is in the WAL, for `graceMs` at most, saves the cursor, and closes reader and sink. A sink that waits
   * for its destination to come back is not waited for.
   */
  async stop(graceMs: number): Promise<void> {
    await this.#started;
    this.#dispatch({ type: "stop" });
    this.#awaiting.abort();
    if (!await this.#within(this.#stopped.promise, graceMs)) {
      this.#dispatch({ type: "abort" });
      this.#delivering.abort();
    }
    if (!await this.#within(this.#stopped.promise, settleMs)) {
      this.#options.log.error({ sink: this.sink.name, phase: this.#state.phase }, "sink does not end; left behind");
      this.#dispatch({ type: "abort" });
      await this.#within(this.#stopped.promise, settleMs);
    }
    for (const cancel of this.#timers) cancel();
    await this.#within(this.#close(), settleMs);
  }

  async #start(): Promise<void> {
    const position = await this.#load();
    this.#state = newCursor(position);
    this.#savedPosition = position;
    this.#dispatch({ type: "start" });
  }

  async #load(): Promise<WalPosition | null> {
    const { cursorFile, log, sink } = this.#options;
    try {
      const found = await cursorFile.read();
      if (found !== "damaged") return found;
      log.warn({ sink: sink.name, path: cursorFile.path }, "cursor is damaged; beginning at the oldest record");
    } catch (error) {
      log.warn({ sink: sink.name, err: error }, "cursor cannot be read; beginning at the oldest record");
    }
    return null;
  }

  #dispatch(event: CursorEvent): void {
    const { clock, random } = this.#options.env;
    this.#report(event);
    const effects = step(this.#state, event, { nowMs: clock.monotonicMs(), random: () => random.float() });
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: CursorEffect): void {
    switch (effect.type) {
      case "wait":
        return this.#after(effect.delayMs, { type: "waited" });
      case "saveLater":
        return this.#after(effect.delayMs, { type: "saveDue" });
      case "stopped":
        return this.#stopped.resolve();
      case "read":
        return this.#then(this.#read(), "readFailed");
      case "awaitChange":
        return this.#then(this.#awaitChange(), "readFailed");
      case "deliver":
        return this.#then(this.#deliver(effect.batch), "failed");
      case "bury":
        return this.#then(this.#bury(effect.batch, effect.reason), "failed");
      case "save":
        return this.#then(this.#save(effect.position), "saveFailed");
    }
  }

  /** Dispatches the event that the work ends in. */
  #then(work: Promise<CursorEvent>, failure: "readFailed" | "failed" | "saveFailed"): void {
    void work.catch((error: unknown): CursorEvent => ({ type: failure, reason: messageOf(error) }))
      .then((event) => this.#dispatch(event));
  }

  #after(delayMs: number, event: CursorEvent): void {
    const cancel = this.#options.env.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#dispatch(event);
    });
    this.#timers.add(cancel);
  }

  async #read(): Promise<CursorEvent> {
    if (this.#chunkBytes > 0) this.#lag.settled(this.#chunkBytes);
    this.#chunkBytes = 0;
    const appendedBytes = this.#options.appendedBytes();
    const found = await this.#withReader((reader) => reader.read(readBytes));
    this.#atEnd = found === null;
    if (found === null) this.#lag.caughtUp(appendedBytes);
    return { type: "read", chunk: found === null ? null : this.#resolve(found.records, found.next) };
  }

  #resolve(records: readonly WalRecord[], next: WalPosition): Chunk {
    const { sink, wal, log } = this.#options;
    const { scrapes, opaque, lostRecords, defects } = resolveRecords(records, wal.shapes);
    if (defects.length > 0) {
      log.error({ sink: sink.name, count: defects.length, first: defects[0] }, "records cannot be resolved; left out");
    }
    this.#chunkBytes = records.reduce((sum, one) => sum + recordOverheadBytes + bodyBytes(one), 0);
    const batches = cutBatches(scrapes, opaque, sink.batchSamplesMax ?? batchSamplesMaxDefault);
    return { batches, lostRecords, unresolvedRecords: defects.length, next };
  }

  async #awaitChange(): Promise<CursorEvent> {
    await this.#withReader((reader) => reader.changed(this.#awaiting.signal));
    if (!this.#awaiting.signal.aborted) this.#atEnd = false;
    return { type: "changed" };
  }

  /** A reader that failed is not used again. */
  async #withReader<T>(use: (reader: WalReader) => Promise<T>): Promise<T> {
    const reader = this.#reader ??= this.#options.wal.reader(this.#state.position);
    try {
      return await use(reader);
    } catch (error) {
      this.#reader = null;
      await reader.close();
      throw error;
    }
  }

  async #deliver(batch: Batch): Promise<CursorEvent> {
    return { type: "answered", answer: await this.sink.deliver(batch, this.#delivering.signal) };
  }

  async #bury(batch: Batch, reason: string): Promise<CursorEvent> {
    const { deadLetters, log } = this.#options;
    try {
      return { type: "buried", droppedLines: await deadLetters.write(batch, reason) };
    } catch (error) {
      // The records are refused either way; holding up all others for want of a place to note it would help nobody.
      log.error({ sink: this.sink.name, path: deadLetters.path, err: error }, "dead letters cannot be written");
      return { type: "buried", droppedLines: batch.sampleCount + batch.opaque.length };
    }
  }

  async #save(position: WalPosition): Promise<CursorEvent> {
    await this.#options.cursorFile.write(position);
    this.#savedPosition = position;
    return { type: "saved" };
  }

  /** Logs what an event means to an operator. A dead destination is told at its 1st, 2nd, 4th, 8th … failure. */
  #report(event: CursorEvent): void {
    const { log } = this.#options;
    const { attempts } = this.#state;
    const sink = this.sink.name;
    if (event.type === "failed") log.error({ sink, reason: event.reason }, "sink broke down; stopped until a restart");
    if (event.type === "saveFailed") log.warn({ sink, reason: event.reason }, "cursor cannot be saved");
    if (event.type === "readFailed") log.error({ sink, reason: event.reason }, "log cannot be read; trying again");
    if (event.type !== "answered" || this.#state.stopping !== "no") return;
    const { answer } = event;
    if (answer.outcome === "delivered" && attempts > 0) log.info({ sink, attempts }, "sink delivers again");
    if (answer.outcome === "rejected") this.#reportRejection(answer.reason);
    if (answer.outcome !== "retry") return;
    const failures = attempts + 1;
    const level = Number.isInteger(Math.log2(failures)) ? "warn" : "debug";
    log[level]({ sink, reason: answer.reason, failures }, "delivery failed; trying again");
  }

  #reportRejection(reason: string): void {
    const nowMs = this.#options.env.clock.monotonicMs();
    if (nowMs - this.#rejectionLoggedMs < rejectionLogIntervalMs) return;
    this.#rejectionLoggedMs = nowMs;
    const { deadLetters, log } = this.#options;
    log.warn(
      { sink: this.sink.name, reason, path: deadLetters.path },
      "records rejected; keeping them as dead letters",
    );
  }

  async #close(): Promise<void> {
    try {
      await this.#reader?.close();
      await this.sink.close();
    } catch (error) {
      this.#options.log.error({ sink: this.sink.name, err: error }, "sink cannot be closed");
    }
  }

  /** Whether the work ended within the time. */
  async #within(work: Promise<void>, limitMs: number): Promise<boolean> {
    const limit = Promise.withResolvers<boolean>();
    const cancel = this.#options.env.clock.after(limitMs, () => limit.resolve(false));
    try {
      return await Promise.race([work.then(() => true), limit.promise]);
    } finally {
      cancel();
    }
  }
}

function bodyBytes(record: WalRecord): number {
  return record.kind === "lost" ? 0 : record.body.length;
}
