import type { Clock } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Wal } from "../wal/wal.ts";
import { slowestPosition } from "./position.ts";
import { retentionCut, type RetentionLimits } from "./retention.ts";
import type { SinkLoop } from "./sink_loop.ts";

const intervalMs = 5000;

export interface KeeperOptions {
  readonly wal: Pick<Wal, "segmentList" | "stats" | "trim">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly retention: RetentionLimits;
  /** May be filled until `start`. */
  readonly loops: readonly Pick<SinkLoop, "savedPosition" | "skip">[];
}

/**
 * Lets go of the part of the WAL that no sink needs any more, even after a crash, and keeps the log within its limits:
 * sinks that lack what has to go are told to skip it, and only when they have declared that, durably, it goes.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #trimmedBytes = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Bytes that went by trimming, about: what was appended meanwhile hides as much. */
  get trimmedBytes(): number {
    return this.#trimmedBytes;
  }

  start(): void {
    const { clock, log } = this.#options;
    this.#cancel = clock.after(intervalMs, () => {
      this.#running = this.#keep();
      inBackground(log, "trimming the log", this.#running.then(() => this.start()));
    });
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#running;
    await this.#trim();
  }

  async #keep(): Promise<void> {
    await this.#trim();
    const { wal, clock, retention, loops, log } = this.#options;
    const cut = retentionCut(wal.segmentList(), retention, clock.wallMs());
    if (cut === null) return;
    log.warn({ cut, bytes: wal.stats().bytes }, "the log is at its limit; sinks have to skip its oldest part");
    await Promise.all(loops.map((loop) => loop.skip(cut)));
  }

  async #trim(): Promise<void> {
    const { wal, loops, log } = this.#options;
    const slowest = slowestPosition(loops.map(({ savedPosition }) => savedPosition));
    if (slowest === null) return;
    const before = wal.stats().bytes;
    try {
      await wal.trim(slowest);
    } catch (error) {
      log.warn({ err: error }, "log cannot be trimmed");
    }
    this.#trimmedBytes += Math.max(0, before - wal.stats().bytes);
  }
}
