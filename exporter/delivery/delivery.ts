import { join } from "node:path";
import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { SinkBooks } from "../ledger/ledger.ts";
import { LossFile } from "../ledger/loss_file.ts";
import { makeRouter } from "../routing/router.ts";
import type { Route } from "../routing/routes.ts";
import type { Sink } from "../sink.ts";
import type { Origin, Wal, WalPosition } from "../wal/wal.ts";
import { CursorFile } from "./cursor_file.ts";
import { currentBooks } from "./cursor_state.ts";
import type { DeadLetter } from "./dead_letter.ts";
import { DeadLetters } from "./dead_letters.ts";
import { Keeper } from "./keeper.ts";
import type { ResendResult } from "./resend.ts";
import { retentionDefault, type RetentionLimits } from "./retention.ts";
import { SinkLoop } from "./sink_loop.ts";
import { registerRetentionMetrics, registerSinkMetrics, type SinkMeasures } from "./sink_metrics.ts";

export interface DeliveryOptions {
  readonly wal: Pick<Wal, "reader" | "resumePoint" | "segmentList" | "shapes" | "stats" | "trim">;
  /** At least one; their names differ. Delivery closes them when it stops. */
  readonly sinks: readonly Sink[];
  /** What goes to which sink; null, the default, for everything to all of them. */
  readonly routes?: readonly Route[] | null;
  /** Default: 10 GiB and 7 days. */
  readonly retention?: RetentionLimits;
  /** Cursors go to `cursors` in it, dead letters to `dead-letter`, declared losses to `losses`. */
  readonly dataDir: string;
  readonly env: Pick<Env, "clock" | "fs" | "random">;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** Brings the records of the WAL to every sink, each at its own pace. */
export interface Delivery {
  stats(): SinkStats[];
  /** The books, all of one moment. */
  books(): SinkBooks[];
  /** The dead letters of a sink, oldest first; null when there is no such sink. */
  deadLetters(sink: string): Promise<DeadLetter[]> | null;
  /** Sends them again; null when there is no such sink. */
  resend(sink: string): Promise<ResendResult> | null;
  /**
   * Delivers what is durable in the WAL, for `graceMs` at most, saves the cursors and closes the sinks; the WAL must
   * stay open until it resolves. A sink whose destination does not take anything now is not waited for.
   */
  stop(graceMs: number): Promise<void>;
}

/** Counts are since the books were begun, which outlive the process; `retries` are since its start. */
export interface SinkStats {
  readonly name: string;
  readonly type: string;
  readonly deliveredSamples: number;
  /** Scrapes and opaque records. */
  readonly deliveredRecords: number;
  /** Scrapes and opaque records that this kind of sink cannot carry. */
  readonly notCarriedRecords: number;
  readonly retries: number;
  readonly rejectedSamples: number;
  readonly rejectedRecords: number;
  /** Rejected scrapes and records for which the dead-letter file had no room. */
  readonly deadLettersDropped: number;
  /** Records that collectors declared lost. */
  readonly lostRecords: number;
  /** Records and scrapes left out because of a defect. */
  readonly unresolvedRecords: number;
  /** Scrapes and opaque records in the log that are not settled. */
  readonly heldRecords: number;
  /** Bytes of the WAL that are not settled, about; exactly 0 when there are none. */
  readonly lagBytes: number;
  /** How long the oldest held one has waited, about; 0 when there is none. */
  readonly oldestHeldAgeMs: number;
  /** The trouble the sink is in, or null once it delivers again. */
  readonly lastError: string | null;
  /** A human has to mend something, such as credentials, before the destination takes anything. */
  readonly alarm: boolean;
  /** The next record. */
  readonly position: WalPosition;
}

/** Begins to deliver at once, each sink from its saved cursor, or from the oldest record when it has none. */
export function startDelivery(options: DeliveryOptions): Delivery {
  const { wal, sinks, env, log, metrics, retention = retentionDefault } = options;
  const loops: SinkLoop[] = [];
  const keeper = new Keeper({ wal, clock: env.clock, log, retention, loops });
  const appendedBytes = () => wal.stats().bytes + keeper.trimmedBytes;
  for (const sink of sinks) loops.push(startLoop(sink, options, appendedBytes));
  keeper.start();
  registerSinkMetrics(metrics, () => loops.map((loop) => measuresOf(loop, env.clock.wallMs())));
  registerRetentionMetrics(metrics, retention);
  const loopOf = (sink: string) => loops.find((loop) => loop.sink.name === sink);
  let stopping: Promise<void> | null = null;
  return {
    stats: () => loops.map((loop) => statsOf(loop, env.clock.wallMs())),
    books: () => loops.map(booksOf),
    deadLetters: (sink) => loopOf(sink)?.deadLetters.list() ?? null,
    resend: (sink) => loopOf(sink)?.resend() ?? null,
    stop(graceMs) {
      stopping ??= (async () => {
        await Promise.all(loops.map((loop) => loop.stop(graceMs)));
        await keeper.stop();
        log.info({ sinks: sinks.length }, "delivery stopped");
      })();
      return stopping;
    },
  };
}

function startLoop(sink: Sink, options: DeliveryOptions, appendedBytes: () => number): SinkLoop {
  const { wal, dataDir, env, log, routes = null } = options;
  const { name } = sink;
  const cursorFile = new CursorFile(join(dataDir, "cursors"), name, env.fs);
  const lossFile = new LossFile(join(dataDir, "losses"), name, env.fs);
  const directory = join(dataDir, "dead-letter");
  const deadLetters = new DeadLetters({ directory, sink: name, clock: env.clock, fs: env.fs });
  const router = makeRouter(routes, name);
  return new SinkLoop({ sink, wal, router, cursorFile, lossFile, deadLetters, env, log, appendedBytes });
}

function measuresOf(loop: SinkLoop, wallMs: number): SinkMeasures {
  return { ...booksOf(loop), ...statsOf(loop, wallMs), booksAtStart: loop.booksAtStart };
}

function booksOf(loop: SinkLoop): SinkBooks {
  const { sink, state, heldEntries, oldestHeldMs, lossFile } = loop;
  const { name, type } = sink;
  const { lastError, alarm, progress } = state;
  return {
    name,
    type,
    books: currentBooks(state),
    heldEntries,
    oldestHeldMs,
    lastError,
    alarm,
    losses: lossFile.recent,
    settledSequence: (origin: Origin) => loop.settledSequence(origin),
    origins: () => progress.list().map(({ origin }) => origin),
  };
}

function statsOf(loop: SinkLoop, wallMs: number): SinkStats {
  const { sink, state, lagBytes, heldEntries, oldestHeldMs } = loop;
  const { lastError, alarm, position, retries } = state;
  const { settled, notes } = currentBooks(state);
  return {
    name: sink.name,
    type: sink.type,
    deliveredSamples: settled.delivered.samples,
    deliveredRecords: settled.delivered.entries,
    notCarriedRecords: settled.notCarried.entries,
    retries,
    rejectedSamples: settled.rejected.samples,
    rejectedRecords: settled.rejected.entries,
    deadLettersDropped: notes.deadLettersDropped.entries,
    lostRecords: notes.declared.entries,
    unresolvedRecords: settled.lostUnresolved.entries,
    heldRecords: heldEntries,
    lagBytes,
    oldestHeldAgeMs: oldestHeldMs === null ? 0 : Math.max(0, wallMs - oldestHeldMs),
    lastError,
    alarm,
    position,
  };
}
