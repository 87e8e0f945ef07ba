import { messageOf } from "../../core/errors.ts";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { newBooks, settledEntries, type SinkAccount } from "../ledger/books.ts";
import type { Loss } from "../ledger/loss.ts";
import type { LossFile } from "../ledger/loss_file.ts";
import type { Router } from "../routing/router.ts";
import type { Batch, Sink } from "../sink.ts";
import type { Origin, Wal, WalChunk, WalPosition, WalReader, WalRecord } from "../wal/wal.ts";
import { type Chunk, makeChunk, tallyOf } from "./chunk.ts";
import { step } from "./cursor.ts";
import type { CursorFile } from "./cursor_file.ts";
import { type CursorEffect, type CursorEvent, type CursorState, newCursor } from "./cursor_state.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { LagEstimate } from "./lag.ts";
import { resendLetters, type ResendResult } from "./resend.ts";

export interface SinkLoopOptions {
  readonly sink: Sink;
  readonly wal: Pick<Wal, "reader" | "resumePoint" | "segmentList" | "shapes" | "stats">;
  readonly router: Router;
  readonly cursorFile: CursorFile;
  readonly lossFile: LossFile;
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
  #state: CursorState;
  #savedPosition: WalPosition | null = null;
  #reader: WalReader | null = null;
  #chunkBytes = 0;
  #atEnd = false;
  #timers = new Set<() => void>();
  #cancelWait = () => {};
  #rejectionLoggedMs = -Infinity;
  /** The sink gets one batch at a time, those of a resend included. */
  #delivery: Promise<unknown> = Promise.resolve();
  #resending: Promise<ResendResult> | null = null;

  constructor(options: SinkLoopOptions) {
    this.#options = options;
    this.#state = newCursor(this.#freshAccount());
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

  /** Entries in the log that are not settled. */
  get heldEntries(): number {
    const { position, partial } = this.#state;
    const held = this.#options.wal.stats().entries - position.entry - settledEntries(partial.settled);
    return Math.max(0, held);
  }

  /** Unix milliseconds of the oldest held entry, about; null when none is held. */
  get oldestHeldMs(): number | null {
    if (this.heldEntries === 0) return null;
    const { chunk, position } = this.#state;
    if (chunk !== null && chunk.oldestMs !== null) return chunk.oldestMs;
    const segments = this.#options.wal.segmentList();
    const holding = segments.find(({ segment }) => segment >= position.segment) ?? segments.at(-1);
    return holding?.newestAppendedMs ?? null;
  }

  /** The highest sequence number of an origin that is settled; null when it is not known. */
  settledSequence(origin: Origin): number | null {
    if (this.heldEntries === 0) return this.#options.wal.resumePoint(origin);
    return this.#state.progress.get(origin) ?? null;
  }

  get lossFile(): LossFile {
    return this.#options.lossFile;
  }

  get deadLetters(): DeadLetters {
    return this.#options.deadLetters;
  }

  /** The log has to let go of what lies before `to`. */
  async skip(to: WalPosition): Promise<void> {
    await this.#started;
    this.#dispatch({ type: "skip", to });
  }

  /**
   * Sends the dead letters again, between the batches of the log. What is refused again, or cannot be delivered now,
   * stays a dead letter. A call while one runs joins it.
   * Rejects when the file system fails; the letters are kept then, and some may be sent again.
   */
  resend(): Promise<ResendResult> {
    this.#resending ??= this.#resend().finally(() => {
      this.#resending = null;
    });
    return this.#resending;
  }

  async #resend(): Promise<ResendResult> {
    await this.#started;
    const { sink, deadLetters, env, log } = this.#options;
    const result = await resendLetters(deadLetters, {
      batchSamplesMax: sink.batchSamplesMax ?? batchSamplesMaxDefault,
      wallMs: () => env.clock.wallMs(),
      stopping: () => this.#state.stopping !== "no" || this.#delivering.signal.aborted,
      deliver: (batch) => this.#deliverAlone(batch),
    });
    this.#dispatch({ type: "resent", tally: result.delivered });
    log.info({ sink: sink.name, ...result }, "dead letters sent again");
    return result;
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
    if (this.#resending !== null) {
      this.#delivering.abort();
      await this.#within(this.#resending.then(() => {}, () => {}), settleMs);
    }
    await this.#within(this.#close(), settleMs);
  }

  async #start(): Promise<void> {
    const found = await this.#load();
    const { lossFile, log, sink, wal } = this.#options;
    try {
      if (found !== null) await lossFile.open(found.position.entry);
    } catch (error) {
      log.warn({ sink: sink.name, path: lossFile.path, err: error }, "declared losses cannot be read");
    }
    if (found !== null && found.position.entry > wal.stats().entries) {
      log.error(
        { sink: sink.name, position: found.position },
        "the log is not the one of this cursor; taking its oldest",
      );
    }
    this.#state = newCursor(found ?? this.#freshAccount());
    this.#savedPosition = found?.position ?? null;
    this.#dispatch({ type: "start" });
  }

  /** That of a sink that is new: it gets everything that the log still has. */
  #freshAccount(): SinkAccount {
    const { wal, env } = this.#options;
    const position = wal.stats().oldest;
    return { position, books: newBooks(position.entry, env.clock.wallMs()), origins: [] };
  }

  async #load(): Promise<SinkAccount | null> {
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
        this.#cancelWait();
        this.#cancelWait = this.#after(effect.delayMs, { type: "waited" });
        return;
      case "saveLater":
        this.#after(effect.delayMs, { type: "saveDue" });
        return;
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
      case "declare":
        return this.#then(this.#declare(effect.losses), "declareFailed");
      case "save":
        return this.#then(this.#save(effect.account), "saveFailed");
    }
  }

  /** Dispatches the event that the work ends in. */
  #then(work: Promise<CursorEvent>, failure: "readFailed" | "failed" | "declareFailed" | "saveFailed"): void {
    void work.catch((error: unknown): CursorEvent => ({ type: failure, reason: messageOf(error) }))
      .then((event) => this.#dispatch(event));
  }

  #after(delayMs: number, event: CursorEvent): () => void {
    const cancel = this.#options.env.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#dispatch(event);
    });
    this.#timers.add(cancel);
    return () => {
      cancel();
      this.#timers.delete(cancel);
    };
  }

  async #read(): Promise<CursorEvent> {
    if (this.#chunkBytes > 0) this.#lag.settled(this.#chunkBytes);
    this.#chunkBytes = 0;
    const appendedBytes = this.#options.appendedBytes();
    const found = await this.#withReader((reader) => reader.read(readBytes));
    this.#atEnd = found === null;
    if (found === null) this.#lag.caughtUp(appendedBytes);
    return { type: "read", chunk: found === null ? null : this.#resolve(found) };
  }

  #resolve(found: WalChunk): Chunk {
    const { sink, wal, router, log } = this.#options;
    const from = this.#state.position;
    const batchSamplesMax = sink.batchSamplesMax ?? batchSamplesMaxDefault;
    const { chunk, defects } = makeChunk(found, { from, shapes: wal.shapes, router, batchSamplesMax });
    if (defects.length > 0) {
      log.error({ sink: sink.name, count: defects.length, first: defects[0] }, "records cannot be resolved; left out");
    }
    this.#chunkBytes = found.records.reduce((sum, one) => sum + recordOverheadBytes + bodyBytes(one), 0);
    return chunk;
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
    return { type: "answered", answer: await this.#deliverAlone(batch) };
  }

  /** Waits for a delivery that is under way. */
  #deliverAlone(batch: Batch): ReturnType<Sink["deliver"]> {
    const work = () => this.sink.deliver(batch, this.#delivering.signal);
    const mine = this.#delivery.then(work, work);
    this.#delivery = mine;
    return mine;
  }

  async #bury(batch: Batch, reason: string): Promise<CursorEvent> {
    const { deadLetters, log } = this.#options;
    try {
      return { type: "buried", dropped: await deadLetters.write(batch, reason) };
    } catch (error) {
      // The records are refused either way; holding up all others for want of a place to note it would help nobody.
      log.error({ sink: this.sink.name, path: deadLetters.path, err: error }, "dead letters cannot be written");
      return { type: "buried", dropped: tallyOf(batch) };
    }
  }

  async #declare(losses: readonly Loss[]): Promise<CursorEvent> {
    const { lossFile, env, log } = this.#options;
    await lossFile.declare(losses, env.clock.wallMs());
    for (const { origins: _origins, ...loss } of losses) {
      const level = loss.reason === "collector" ? "warn" : "error";
      log[level]({ sink: this.sink.name, ...loss }, "loss declared");
    }
    return { type: "declared" };
  }

  async #save(account: SinkAccount): Promise<CursorEvent> {
    const { cursorFile, wal } = this.#options;
    await cursorFile.write(account, wal.stats().entries);
    this.#savedPosition = account.position;
    return { type: "saved" };
  }

  /** Logs what an event means to an operator. A dead destination is told at its 1st, 2nd, 4th, 8th … failure. */
  #report(event: CursorEvent): void {
    const { log } = this.#options;
    const { attempts } = this.#state;
    const sink = this.sink.name;
    if (event.type === "failed") log.error({ sink, reason: event.reason }, "sink broke down; trying again");
    if (event.type === "saveFailed") log.warn({ sink, reason: event.reason }, "cursor cannot be saved");
    if (event.type === "declareFailed") {
      log.error({ sink, reason: event.reason }, "losses cannot be declared; the cursor waits");
    }
    if (event.type === "readFailed") log.error({ sink, reason: event.reason }, "log cannot be read; trying again");
    if (event.type !== "answered" || this.#state.stopping !== "no") return;
    const { answer } = event;
    if (answer.outcome === "delivered" && attempts > 0) log.info({ sink, attempts }, "sink delivers again");
    if (answer.outcome === "rejected") this.#reportRejection(answer.reason);
    if (answer.outcome !== "retry") return;
    const failures = attempts + 1;
    const told = answer.alarm === true ? "error" : "warn";
    const level = Number.isInteger(Math.log2(failures)) ? told : "debug";
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
