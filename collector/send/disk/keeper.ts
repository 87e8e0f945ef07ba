import { errorCode, messageOf } from "../../../core/errors.ts";
import type { Clock, FileSystem } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Run } from "../sender_state.ts";
import { type RecoveredRun, recoverSpool, type Recovery } from "./recovery.ts";
import { RunLog } from "./run_log.ts";

/** A spool on disk that was opened, with what earlier starts have left in it. */
export interface OpenedDisk extends Recovery {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly bytesMax: number;
  readonly segmentBytes: number;
}

export interface KeeperOptions {
  readonly disk: OpenedDisk;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  readonly log: Logger;
  /** The runs that are still to be sent, oldest first, the last being this start's; the list changes. */
  readonly runs: readonly Run[];
  /** That which is being sent. */
  readonly sending: () => Run;
  /** Something is durable, or was read back: more may be sent. */
  readonly onStored: () => void;
  /** How long a record waits for others that are written with it. Default 100 ms, since what a commit costs is waking up; less when much comes. */
  readonly commitMs?: number;
  /** How long an operation may take until the disk counts as stuck. Default 10 s. */
  readonly stallMs?: number;
  /** By how many sequence numbers the bound goes ahead of what is sent. Default 1,024. */
  readonly boundStep?: number;
}

/**
 * `full`: no room, `failed`: another error, `stuck`: no answer. Except when `good`, records are in memory only until a
 * write succeeds again.
 */
export type DiskCondition = "good" | "full" | "failed" | "stuck";

type Job = () => Promise<void>;

const writeBytesMax = 4 * 1024 * 1024;
const retryMs = 1000;
/** How often the marks tell what is acknowledged, at least. */
const marksMs = 5000;
const readFailuresMax = 5;
/** How long closing waits for a disk that does not answer. */
const closeMsMax = 5000;

/** Opens the folder of a spool that may take `bytesMax` of disk. */
export async function openDisk(fs: FileSystem, folder: string, bytesMax: number): Promise<OpenedDisk> {
  // Small enough that a drop loses little of the whole, large enough that shapes are not written too often.
  const segmentBytes = Math.min(16 * 1024 * 1024, Math.max(4096, Math.floor(bytesMax / 32)));
  return { fs, folder, bytesMax, segmentBytes, ...await recoverSpool(fs, folder, segmentBytes) };
}

/** The shell between the spools of all runs and the disk: it does one job after the other while there is any. */
export class DiskKeeper {
  readonly #options: KeeperOptions;
  readonly #logs = new Map<bigint, RunLog>();
  readonly #ended: RunLog[] = [];
  #condition: DiskCondition = "good";
  #working: Promise<void> | null = null;
  #closed = false;
  #cancelTimer = () => {};
  #timerAtMs = Infinity;
  #retryAtMs = -Infinity;
  /** When the first record was made that no commit has taken; null when there is none. */
  #waitingSinceMs: number | null = null;
  #marksAtMs: number;
  #readFailures = 0;
  /** Writes that failed. */
  failures = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#marksAtMs = options.clock.monotonicMs();
    for (const { log } of options.disk.runs) this.#logs.set(log.epoch, log);
    for (const { epoch, spool } of options.runs) {
      const { fs, folder, segmentBytes } = options.disk;
      const log = this.#logs.get(epoch) ?? new RunLog({ fs, folder, epoch, segmentBytes });
      this.#logs.set(epoch, log);
      spool.disk.bound = log.marks.bound;
    }
  }

  get condition(): DiskCondition {
    return this.#condition;
  }

  get bytesMax(): number {
    return this.#options.disk.bytesMax;
  }

  get cutBytes(): number {
    return this.#options.disk.cutBytes;
  }

  get bytes(): number {
    let bytes = 0;
    for (const log of this.#logs.values()) bytes += log.bytes;
    return bytes;
  }

  /** Looks whether there is something to do, and begins to do it. Call it after each change of a spool. */
  poke(): void {
    const { runs, clock } = this.#options;
    if (this.#waitingSinceMs === null && runs.at(-1)?.spool.hasUndurable) this.#waitingSinceMs = clock.monotonicMs();
    if (this.#working !== null || this.#closed) return;
    const job = this.#nextJob();
    if (job === null) return;
    this.#working = this.#work(job);
  }

  /** Removes what a run has on disk: all of it is acknowledged. */
  endRun(epoch: bigint): void {
    const log = this.#logs.get(epoch);
    if (log === undefined) return;
    this.#logs.delete(epoch);
    this.#ended.push(log);
  }

  /** Makes durable what can be, for the next start. A disk that does not answer is left after 5 s. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    const { clock, log } = this.#options;
    const { promise: answered, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(closeMsMax, () => resolve(false));
    void this.#finish().then(() => resolve(true));
    if (!await answered) log.error("the spool's disk does not answer; leaving it as it is");
    cancel();
  }

  async #finish(): Promise<void> {
    await this.#working;
    const current = this.#options.runs.at(-1);
    try {
      // One write takes so many bytes at most, and a failed one would fail again.
      const { failures } = this;
      while (current?.spool.hasUndurable && this.failures === failures) {
        await this.#write(current);
      }
      for (const log of this.#ended) await log.remove();
      for (const run of this.#options.runs) {
        const log = this.#logOf(run);
        if (run.spool.isEmpty) await log.remove();
        else await log.trim(run.spool.highestAcknowledged);
      }
    } catch (error) {
      this.#options.log.error({ err: error }, "cannot put the rest of the spool in order");
    }
    for (const log of this.#logs.values()) await log.close().catch(() => undefined);
  }

  async #work(first: Job): Promise<void> {
    const { clock, stallMs = 10_000 } = this.#options;
    for (let job: Job | null = first; job !== null; job = this.#closed ? null : this.#nextJob()) {
      const cancel = clock.after(stallMs, () => this.#stall());
      await job();
      cancel();
    }
    this.#working = null;
  }

  #nextJob(): Job | null {
    const { runs, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const sending = this.#options.sending();
    const current = runs.at(-1);
    if (current === undefined) return null;
    if (nowMs < this.#retryAtMs) return this.#later(this.#retryAtMs);
    if (this.#ended.length > 0) return () => this.#removeEnded();
    if (sending.spool.wantsBound) return () => this.#raiseBound(sending);
    if (sending.spool.wantsRefill !== null) return () => this.#refill(sending);
    if (this.#wantsTrim(sending, nowMs)) return () => this.#trim(sending);
    if (!current.spool.hasUndurable) return null;
    const commitAtMs = (this.#waitingSinceMs ??= nowMs) + (this.#options.commitMs ?? 100);
    if (nowMs < commitAtMs && !current.spool.isPressed) return this.#later(commitAtMs);
    if (this.bytes < this.#options.disk.bytesMax) return () => this.#write(current);
    return this.#dropJob(current);
  }

  #wantsTrim(run: Run, nowMs: number): boolean {
    const log = this.#logOf(run);
    const { highestAcknowledged } = run.spool;
    if (log.trimmable(highestAcknowledged).length > 0) return true;
    return log.segments.length > 0 && highestAcknowledged > log.marks.acknowledged && nowMs > this.#marksAtMs + marksMs;
  }

  #dropJob(current: Run): Job | null {
    for (const run of this.#options.runs) {
      const log = this.#logOf(run);
      const segment = log.droppable(run.spool.droppableAbove);
      if (segment !== undefined && log.mayDrop) {
        return () =>
          this.#guard(async () => {
            const bound = run.spool.highestTaken;
            await log.drop(segment, bound);
            run.spool.disk.bound = bound;
            run.spool.countDropped(segment.records, segment.samples);
          });
      }
    }
    const log = this.#logOf(current);
    // The segment that is being written may be the one that can go. Without it, room comes with acknowledgements.
    return log.isWriting ? () => this.#guard(() => log.endSegment()) : null;
  }

  async #removeEnded(): Promise<void> {
    await this.#guard(async () => {
      for (let log = this.#ended[0]; log !== undefined; log = this.#ended[0]) {
        await log.remove();
        this.#ended.shift();
      }
    });
  }

  async #raiseBound({ epoch, spool }: Run): Promise<void> {
    const log = this.#logOf({ epoch });
    const { boundStep = 1024 } = this.#options;
    const bound = spool.nextToTake + boundStep;
    try {
      await log.saveMarks({ bound, acknowledged: spool.highestAcknowledged });
      spool.disk.bound = bound;
    } catch (error) {
      this.#fail(error);
      // The disk can say nothing any more, so that waiting for it would stop everything.
      spool.disk.bound = Number.MAX_SAFE_INTEGER;
    }
    this.#options.onStored();
  }

  async #refill(run: Run): Promise<void> {
    const wanted = run.spool.wantsRefill;
    if (wanted === null) return;
    const log = this.#logOf(run);
    try {
      run.spool.refill(await log.read(wanted.from, wanted.until, wanted.bytesMax));
      this.#readFailures = 0;
      this.#options.onStored();
    } catch (error) {
      this.#options.log.error({ err: error }, "cannot read the spool");
      this.#retryAtMs = this.#options.clock.monotonicMs() + retryMs;
      if (++this.#readFailures < readFailuresMax) return;
      this.#readFailures = 0;
      log.giveUp(wanted.from);
    }
  }

  #trim(run: Run): Promise<void> {
    return this.#guard(async () => {
      this.#marksAtMs = this.#options.clock.monotonicMs();
      await this.#logOf(run).trim(run.spool.highestAcknowledged);
    });
  }

  async #write(run: Run): Promise<void> {
    const { spool } = run;
    this.#waitingSinceMs = null;
    const entries = spool.takeUndurable(writeBytesMax);
    try {
      await this.#logOf(run).append(entries, spool.highestAcknowledged);
      spool.markDurable(true);
      this.#heal(spool);
    } catch (error) {
      spool.markDurable(false);
      spool.disk.storing = false;
      this.#fail(error);
    }
    this.#options.onStored();
  }

  #heal(spool: Run["spool"]): void {
    spool.disk.storing = true;
    if (this.#condition === "good") return;
    this.#condition = "good";
    // What the marks could not say meanwhile is said now, before anything else is sent.
    for (const run of this.#options.runs) run.spool.disk.bound = 0;
    this.#options.log.info("the spool's disk takes records again");
  }

  /** The disk has not answered for long. What it was asked to write may still come to be there. */
  #stall(): void {
    for (const { spool } of this.#options.runs) {
      spool.disk.storing = false;
      spool.disk.bound = Number.MAX_SAFE_INTEGER;
    }
    this.#worsen("stuck", "the disk does not answer");
    this.#options.onStored();
  }

  #fail(error: unknown): void {
    this.#retryAtMs = this.#options.clock.monotonicMs() + retryMs;
    this.#worsen(errorCode(error) === "ENOSPC" || errorCode(error) === "EDQUOT" ? "full" : "failed", messageOf(error));
  }

  #worsen(condition: DiskCondition, reason: string): void {
    this.failures++;
    if (this.#condition === condition) return;
    this.#condition = condition;
    this.#options.log.error({ reason, condition }, "cannot write the spool to disk; going on from memory");
  }

  async #guard(job: () => Promise<void>): Promise<void> {
    try {
      await job();
    } catch (error) {
      this.#fail(error);
    }
  }

  #logOf({ epoch }: Pick<Run, "epoch">): RunLog {
    const log = this.#logs.get(epoch);
    if (log === undefined) throw new Error(`Cannot find the log of epoch ${epoch}`);
    return log;
  }

  #later(atMs: number): null {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#timerAtMs > nowMs && this.#timerAtMs <= atMs) return null;
    this.#cancelTimer();
    this.#timerAtMs = atMs;
    this.#cancelTimer = clock.after(Math.max(1, Math.ceil(atMs - nowMs)), () => {
      this.#timerAtMs = Infinity;
      this.poke();
    });
    return null;
  }
}

/** What a sender has to know of what earlier starts have left. */
export function stretchOf({ log, first, last, records, samples, bound }: RecoveredRun) {
  return { epoch: log.epoch, first, last, records, samples, bound };
}
