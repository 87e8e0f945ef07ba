import { join } from "node:path";
import type { Env } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { Sink } from "../sink.ts";
import type { Wal, WalPosition } from "../wal/wal.ts";
import { CursorFile } from "./cursor_file.ts";
import { DeadLetters } from "./dead_letters.ts";
import { SinkLoop } from "./sink_loop.ts";
import { registerSinkMetrics } from "./sink_metrics.ts";

export interface DeliveryOptions {
  readonly wal: Pick<Wal, "reader" | "shapes" | "stats" | "trim">;
  /** At least one; their names differ. Delivery closes them when it stops. */
  readonly sinks: readonly Sink[];
  /** Cursors go to `cursors` in it, dead letters to `dead-letter`. */
  readonly dataDir: string;
  readonly env: Pick<Env, "clock" | "fs" | "random">;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** Brings the records of the WAL to every sink, each at its own pace. */
export interface Delivery {
  stats(): SinkStats[];
  /**
   * Delivers what is durable in the WAL, for `graceMs` at most, saves the cursors and closes the sinks; the WAL must
   * stay open until it resolves. A sink whose destination does not take anything now is not waited for.
   */
  stop(graceMs: number): Promise<void>;
}

/** Counts are since the start of the process. */
export interface SinkStats {
  readonly name: string;
  readonly type: string;
  readonly deliveredSamples: number;
  /** Scrapes and opaque records. */
  readonly deliveredRecords: number;
  /** Opaque records that this kind of sink cannot carry. */
  readonly notCarriedRecords: number;
  readonly retries: number;
  readonly rejectedSamples: number;
  readonly rejectedRecords: number;
  /** Rejected samples and records for which the dead-letter file had no room. */
  readonly deadLettersDropped: number;
  /** Records that collectors declared lost. */
  readonly lostRecords: number;
  /** Records and scrapes left out because of a defect. */
  readonly unresolvedRecords: number;
  /** Bytes of the WAL that are not settled, about; exactly 0 when there are none. */
  readonly lagBytes: number;
  /** The trouble the sink is in, or null once it delivers again. */
  readonly lastError: string | null;
  /** The next record; null when nothing was settled yet. */
  readonly position: WalPosition | null;
}

const trimIntervalMs = 5000;

/** Begins to deliver at once, each sink from its saved cursor, or from the oldest record when it has none. */
export function startDelivery(options: DeliveryOptions): Delivery {
  const { wal, sinks, log, metrics } = options;
  const trimmer = new Trimmer(options);
  const appendedBytes = () => wal.stats().bytes + trimmer.trimmedBytes;
  const loops = sinks.map((sink) => startLoop(sink, options, appendedBytes));
  trimmer.start(() => loops.map((loop) => loop.savedPosition));
  registerSinkMetrics(
    metrics,
    () =>
      loops.map(({ sink, state, lagBytes }) => ({
        name: sink.name,
        counts: state.counts,
        lagBytes,
        attempts: state.attempts,
      })),
  );
  let stopping: Promise<void> | null = null;
  return {
    stats: () => loops.map(statsOf),
    stop(graceMs) {
      stopping ??= (async () => {
        await Promise.all(loops.map((loop) => loop.stop(graceMs)));
        await trimmer.stop();
        log.info({ sinks: sinks.length }, "delivery stopped");
      })();
      return stopping;
    },
  };
}

function startLoop(sink: Sink, options: DeliveryOptions, appendedBytes: () => number): SinkLoop {
  const { wal, dataDir, env, log } = options;
  const cursorFile = new CursorFile(join(dataDir, "cursors"), sink.name, env.fs);
  const directory = join(dataDir, "dead-letter");
  const deadLetters = new DeadLetters({ directory, sink: sink.name, clock: env.clock, fs: env.fs });
  return new SinkLoop({ sink, wal, cursorFile, deadLetters, env, log, appendedBytes });
}

function statsOf({ sink, state, lagBytes }: SinkLoop): SinkStats {
  const { lastError, position } = state;
  return { name: sink.name, type: sink.type, ...state.counts, lagBytes, lastError, position };
}

/** Lets go of the part of the WAL that no sink needs any more, even after a crash. */
class Trimmer {
  readonly #wal: DeliveryOptions["wal"];
  readonly #clock: Env["clock"];
  readonly #log: Logger;
  #positions: () => readonly (WalPosition | null)[] = () => [];
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #trimmedBytes = 0;

  constructor(options: DeliveryOptions) {
    this.#wal = options.wal;
    this.#clock = options.env.clock;
    this.#log = options.log;
  }

  /** Bytes that went by trimming, about: what was appended meanwhile hides as much. */
  get trimmedBytes(): number {
    return this.#trimmedBytes;
  }

  start(positions: () => readonly (WalPosition | null)[]): void {
    this.#positions = positions;
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#running;
    await this.#trim();
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(trimIntervalMs, () => {
      this.#running = this.#trim();
      inBackground(this.#log, "trimming the log", this.#running.then(() => this.#schedule()));
    });
  }

  async #trim(): Promise<void> {
    const slowest = slowestPosition(this.#positions());
    if (slowest === null) return;
    const before = this.#wal.stats().bytes;
    try {
      await this.#wal.trim(slowest);
    } catch (error) {
      this.#log.warn({ err: error }, "log cannot be trimmed");
    }
    this.#trimmedBytes += Math.max(0, before - this.#wal.stats().bytes);
  }
}

/** The lowest position; null when there is none, or a sink has not settled anything yet. */
export function slowestPosition(positions: readonly (WalPosition | null)[]): WalPosition | null {
  let slowest: WalPosition | null = null;
  for (const position of positions) {
    if (position === null) return null;
    if (slowest === null || isBefore(position, slowest)) slowest = position;
  }
  return slowest;
}

function isBefore(a: WalPosition, b: WalPosition): boolean {
  return a.segment < b.segment || a.segment === b.segment && a.offset < b.offset;
}
