import { errorCode, messageOf, UserError } from "../../core/errors.ts";
import type { Env, FileHandle } from "../../core/runtime/env.ts";
import { type ProcessTable, systemProcesses } from "../../core/runtime/process_table.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { claimDirectory } from "./directory.ts";
import type { DamagedStretch } from "./entries.ts";
import { segmentFileName } from "./format.ts";
import type { LogEffect, Operation } from "./log_events.ts";
import { isAccepting, type LogState, oldestPosition, pendingBytes, startLog, step } from "./log_state.ts";
import { type ReadableLog, SegmentsReader } from "./reader.ts";
import { logDamage, recoverLog, type Recovery } from "./recovery.ts";
import { ReserveFile } from "./reserve_file.ts";
import { type Segment, walSegmentOf } from "./segment.ts";
import { HeldShapes } from "./shape_table.ts";
import type { Tail } from "./tail.ts";
import {
  type Origin,
  type Wal,
  WalClosedError,
  type WalPosition,
  type WalReader,
  type WalRecord,
  type WalSegment,
  type WalStats,
} from "./wal.ts";

const mebibyte = 1024 * 1024;

export interface WalOptions {
  readonly dir: string;
  readonly env: Pick<Env, "fs" | "clock">;
  readonly log: Logger;
  /** Bytes of scrape data after which a segment ends. Default: 64 MiB. */
  readonly segmentBytes?: number;
  /** How long records gather before they are written and fsynced together; 0 does not wait. Default: 5 ms. */
  readonly coalesceMs?: number;
  /** The shortest time between two groups while there is little to write. Default: 100 ms. */
  readonly paceMs?: number;
  /** Queued bytes from which `accepting()` is false. Default: 32 MiB. */
  readonly pendingBytesMax?: number;
  /** Memory for the newest groups, which sinks that keep up get without a read from the disk. Default: 4 MiB. */
  readonly tailBytes?: number;
  /** Bytes of the disk kept for cursors and declared losses when it is full; 0 keeps none. Default: 1 MiB. */
  readonly reserveBytes?: number;
  /** Bytes of shapes kept in memory although no segment holds them (any more). Default: 64 MiB. */
  readonly idleShapeBytesMax?: number;
  /**
   * Positions that the log is known to have had, such as the cursors of the sinks. Should it have fewer entries or
   * segments, because its newest records or its directory are gone, it goes on behind them; what a sink has not had of
   * the entries between is damaged for its reader. Default: none.
   */
  readonly knownPositions?: readonly WalPosition[];
  /** Called once when the log has failed and takes nothing any more: the process must end and be started again. */
  readonly onFailure?: (error: WalClosedError) => void;
  /** Default: the machine's. */
  readonly processes?: ProcessTable;
}

/**
 * Opens the log in `dir`, which is made when it is absent, and recovers what is there.
 * @throws UserError when the directory cannot be read or written, another process uses it, or a later version wrote it.
 */
export async function openWal(options: WalOptions): Promise<Wal> {
  const { dir, env, log } = options;
  const unlock = await claimDirectory(dir, env.fs, options.processes ?? systemProcesses);
  try {
    const shapes = new HeldShapes(options.idleShapeBytesMax ?? 64 * mebibyte);
    const startedMs = env.clock.monotonicMs();
    const { knownPositions = [] } = options;
    const recovery = await recoverLog({ dir, fs: env.fs, log, shapes, wallMs: env.clock.wallMs(), knownPositions });
    const wal = new FileWal(options, recovery, unlock);
    const recoveryMs = Math.round(env.clock.monotonicMs() - startedMs);
    log.info({ dir, ...wal.stats(), shapes: shapes.size, recoveryMs }, "opened WAL");
    return wal;
  } catch (error) {
    await unlock();
    if (errorCode(error) === "") throw error;
    throw new UserError(`Cannot open WAL "${dir}": ${messageOf(error)}`, { cause: error });
  }
}

/** Carries out what the state machine of log_state.ts asks for. */
class FileWal implements Wal, ReadableLog {
  readonly log: Logger;
  readonly shapes: HeldShapes;
  closed = false;
  readonly #options: WalOptions;
  readonly #state: LogState;
  readonly #recovery: Recovery;
  readonly #reserve: ReserveFile;
  readonly #unlock: () => Promise<void>;
  readonly #durableListeners: ((index: number) => void)[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #ended = Promise.withResolvers<void>();
  /** The segment that is being written. */
  #file: FileHandle | null = null;
  #cancelWait: () => void = () => {};
  #removals: Promise<void> = Promise.resolve();
  #corruptRecords: number;
  #damagedEntries: number;

  constructor(options: WalOptions, recovery: Recovery, unlock: () => Promise<void>) {
    const { segmentBytes = 64 * mebibyte, coalesceMs = 5, paceMs = 100, pendingBytesMax = 32 * mebibyte } = options;
    const { reserveBytes = mebibyte, tailBytes = 4 * mebibyte } = options;
    this.log = options.log;
    this.shapes = recovery.shapes;
    this.#options = options;
    this.#recovery = recovery;
    this.#state = startLog(recovery, { segmentBytes, coalesceMs, paceMs, pendingBytesMax, reserveBytes, tailBytes });
    this.#reserve = new ReserveFile(options.dir, options.env.fs, reserveBytes);
    this.#unlock = unlock;
    this.#corruptRecords = recovery.corruptRecords;
    this.#damagedEntries = recovery.damagedEntries;
  }

  get segments(): readonly Segment[] {
    return this.#state.segments;
  }

  get entries(): number {
    return this.#state.entries;
  }

  get oldest(): WalPosition {
    return oldestPosition(this.#state);
  }

  get tail(): Tail {
    return this.#state.tail;
  }

  append(record: WalRecord): number {
    this.#step({ kind: "append", record, wallMs: this.#options.env.clock.wallMs() });
    return this.#state.lastIndex;
  }

  accepting(): boolean {
    return isAccepting(this.#state);
  }

  onDurable(listener: (index: number) => void): void {
    this.#durableListeners.push(listener);
  }

  resumePoint(origin: Origin): number {
    return this.#state.durablePoints.get(origin);
  }

  reader(position: WalPosition | null): WalReader {
    return new SegmentsReader(this, position);
  }

  async trim(position: WalPosition): Promise<void> {
    this.#step({ kind: "trim", segment: position.segment });
    await this.#removals;
  }

  segmentList(): WalSegment[] {
    return this.#state.segments.map(walSegmentOf);
  }

  stats(): WalStats {
    const { segments, diskFull, diskFullFailures, failure } = this.#state;
    return {
      condition: failure !== null ? "failed" : diskFull ? "disk full" : "good",
      segments: segments.length,
      bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
      entries: this.#state.entries,
      oldest: this.oldest,
      pendingBytes: pendingBytes(this.#state),
      corruptRecords: this.#corruptRecords,
      damagedEntries: this.#damagedEntries,
      truncatedBytes: this.#recovery.truncatedBytes,
      badFiles: this.#recovery.badFiles,
      diskFullFailures,
    };
  }

  async close(): Promise<void> {
    this.#step({ kind: "close" });
    await this.#ended.promise;
    await this.#removals;
    await this.#closeFile();
    if (this.closed) return;
    this.closed = true;
    this.#wakeReaders();
    await this.#unlock();
    const unwritten = pendingBytes(this.#state);
    if (unwritten === 0) return;
    throw new WalClosedError(`Cannot write the last ${unwritten} bytes of WAL: ${this.#state.failure ?? "unknown"}`);
  }

  openSegment(number: number): Promise<FileHandle> {
    return this.#options.env.fs.open(this.#path(number), "read");
  }

  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      signal.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }

  reportDamage(segment: Segment, stretch: DamagedStretch): void {
    if (segment.damage.some((known) => known.offset <= stretch.offset && stretch.end <= known.end)) return;
    segment.damage.push(stretch);
    this.#corruptRecords++;
    this.#damagedEntries += stretch.entries;
    logDamage(this.log, segment.number, stretch);
  }

  #step(event: Parameters<typeof step>[1]): void {
    for (const effect of step(this.#state, event, this.#options.env.clock.monotonicMs())) this.#carryOut(effect);
  }

  #carryOut(effect: LogEffect): void {
    const { clock, fs } = this.#options.env;
    switch (effect.kind) {
      case "wait":
        this.#cancelWait = clock.after(effect.delayMs, () => this.#step({ kind: "done", operation: "wait" }));
        return;
      case "cancel wait":
        this.#cancelWait();
        return;
      case "reserve":
        this.#report("reserve", this.#reserve.hold());
        return;
      case "release":
        this.#report("release", this.#reserve.giveUp());
        return;
      case "open":
        this.#report("open", this.#openFile(effect.segment));
        return;
      case "write":
        this.#report("write", this.#openedFile().write(effect.bytes, effect.offset));
        return;
      case "sync":
        this.#report("sync", this.#openedFile().sync());
        return;
      case "sync dir":
        this.#report("sync dir", fs.syncDir(this.#options.dir));
        return;
      case "cut":
        this.#report("cut", this.#openedFile().truncate(effect.bytes));
        return;
      case "durable":
        for (const listener of this.#durableListeners) listener(effect.index);
        this.#wakeReaders();
        return;
      case "remove":
        this.#removals = this.#removals.then(() => this.#remove(effect.segments));
        return;
      case "disk full":
        this.log.error({ failure: effect.failure }, "the disk is full: nothing is acknowledged until there is room");
        return;
      case "disk has room":
        this.log.info("there is room on the disk again");
        return;
      case "failed":
        this.#fail(effect.reason, effect.durableBytes);
        return;
      case "closed":
        this.#ended.resolve();
    }
  }

  #report(operation: Operation, work: Promise<void>): void {
    void work.then(
      () => this.#step({ kind: "done", operation }),
      (error: unknown) => this.#step({ kind: "failed", operation, error }),
    );
  }

  async #openFile(segment: number): Promise<void> {
    await this.#closeFile();
    this.#file = await this.#options.env.fs.open(this.#path(segment), "exclusive");
  }

  #openedFile(): FileHandle {
    if (this.#file === null) throw new Error("Cannot write WAL segment: it is not open");
    return this.#file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #remove(segments: readonly Segment[]): Promise<void> {
    const { dir, env } = this.#options;
    try {
      for (const { number } of segments) await env.fs.remove(this.#path(number));
      await env.fs.syncDir(dir);
      this.log.debug({ segments: segments.map(({ number }) => number) }, "removed delivered WAL segments");
    } catch (error) {
      // They take room but do no harm: the next start finds them again and the next trim removes them.
      this.log.error({ err: error }, "removing delivered WAL segments failed");
    }
  }

  #fail(reason: string, durableBytes: number): void {
    this.log.fatal({ reason }, "the WAL has failed: nothing is taken or acknowledged any more");
    // What stands behind the durable end may be in memory only, and the next start must not believe it. Should this
    // fail too, the checksums decide.
    const file = this.#file;
    if (file !== null) {
      this.#removals = this.#removals.then(() => file.truncate(durableBytes)).catch((error: unknown) => {
        this.log.error({ err: error }, "cutting the failed WAL segment back to its durable end failed");
      });
    }
    if (!this.#state.closing) this.#options.onFailure?.(new WalClosedError(`Cannot write WAL: ${reason}`));
  }

  #wakeReaders(): void {
    for (const wake of this.#waiting) wake();
  }

  #path(segment: number): string {
    return `${this.#options.dir}/${segmentFileName(segment)}`;
  }
}
