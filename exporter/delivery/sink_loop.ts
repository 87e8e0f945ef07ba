import { messageOf } from "../../core/errors.ts";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Books, copyBooks, newBooks, settledEntries, type SinkAccount } from "../ledger/books.ts";
import type { Loss } from "../ledger/loss.ts";
import type { LossFile } from "../ledger/loss_file.ts";
import type { Router } from "../routing/router.ts";
import type { Batch, Sink } from "../sink.ts";
import type { Origin, Wal, WalPosition } from "../wal/wal.ts";
import { tallyOf } from "./chunk.ts";
import { step } from "./cursor.ts";
import type { CursorFile } from "./cursor_file.ts";
import { type CursorEffect, type CursorEvent, type CursorState, newCursor } from "./cursor_state.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { resendLetters, type ResendResult } from "./resend.ts";
import { batchSamplesMaxDefault, SinkReader } from "./sink_reader.ts";
import { SinkReports } from "./sink_reports.ts";
import { Timers } from "./timers.ts";

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

/** How long a sink may take to settle after it was asked to end. */
const settleMs = 1000;
/** Carries out the effects of one sink's cursor: reads, delivers, waits and saves. */
export class SinkLoop {
  readonly #options: SinkLoopOptions;
  readonly #delivering = new AbortController();
  readonly #awaiting = new AbortController();
  readonly #reader: SinkReader;
  readonly #reports: SinkReports;
  readonly #timers: Timers;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #started: Promise<void>;
  #state: CursorState;
  #booksAtStart: Books;
  #savedPosition: WalPosition | null = null;
  #cancelWait = () => {};
  /** The sink gets one batch at a time, those of a resend included. */
  #delivery: Promise<unknown> = Promise.resolve();
  #resending: Promise<ResendResult> | null = null;

  constructor(options: SinkLoopOptions) {
    this.#options = options;
    const { sink, env: { clock }, log, deadLetters } = options;
    this.#reader = new SinkReader(options);
    this.#reports = new SinkReports({ sink: sink.name, deadLettersPath: deadLetters.path, clock, log });
    this.#timers = new Timers(clock);
    this.#state = newCursor(this.#freshAccount());
    this.#booksAtStart = copyBooks(this.#state.books);
    this.#started = this.#start();
  }

  get sink(): Sink {
    return this.#options.sink;
  }

  /** To be read only. */
  get state(): CursorState {
    return this.#state;
  }

  /** The books as this process found them. */
  get booksAtStart(): Books {
    return this.#booksAtStart;
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
    return this.#reader.lagBytes;
  }

  /**
   * Delivers what is in the WAL, for `graceMs` at most, saves the cursor, and closes reader and sink. A sink that waits
   * for its destination to come back is not waited for.
   */
  async stop(graceMs: number): Promise<void> {
    await this.#started;
    this.#dispatch({ type: "stop" });
    this.#awaiting.abort();
    if (!await this.#timers.within(this.#stopped.promise, graceMs)) {
      this.#dispatch({ type: "abort" });
      this.#delivering.abort();
    }
    if (!await this.#timers.within(this.#stopped.promise, settleMs)) {
      this.#options.log.error({ sink: this.sink.name, phase: this.#state.phase }, "sink does not end; left behind");
      this.#dispatch({ type: "abort" });
      await this.#timers.within(this.#stopped.promise, settleMs);
    }
    this.#timers.cancelAll();
    if (this.#resending !== null) {
      this.#delivering.abort();
      await this.#timers.within(this.#resending.then(() => {}, () => {}), settleMs);
    }
    await this.#timers.within(this.#close(), settleMs);
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
    this.#booksAtStart = copyBooks(this.#state.books);
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
    this.#reports.event(event, this.#state);
    const effects = step(this.#state, event, { nowMs: clock.monotonicMs(), random: () => random.float() });
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: CursorEffect): void {
    switch (effect.type) {
      case "wait":
        this.#cancelWait();
        this.#cancelWait = this.#timers.after(effect.delayMs, () => this.#dispatch({ type: "waited" }));
        return;
      case "saveLater":
        this.#timers.after(effect.delayMs, () => this.#dispatch({ type: "saveDue" }));
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

  async #read(): Promise<CursorEvent> {
    return { type: "read", chunk: await this.#reader.read(this.#state.position) };
  }

  async #awaitChange(): Promise<CursorEvent> {
    await this.#reader.changed(this.#state.position, this.#awaiting.signal);
    return { type: "changed" };
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
    const { lossFile, env } = this.#options;
    await lossFile.declare(losses, env.clock.wallMs());
    this.#reports.declared(losses);
    return { type: "declared" };
  }

  async #save(account: SinkAccount): Promise<CursorEvent> {
    const { cursorFile, wal } = this.#options;
    await cursorFile.write(account, wal.stats().entries);
    this.#savedPosition = account.position;
    return { type: "saved" };
  }

  async #close(): Promise<void> {
    try {
      await this.#reader.close();
      await this.sink.close();
    } catch (error) {
      this.#options.log.error({ sink: this.sink.name, err: error }, "sink cannot be closed");
    }
  }
}
