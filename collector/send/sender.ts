import { messageOf } from "../../core/errors.ts";
import { type Frame, FrameError } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import type { CollectorIdentity } from "../../core/protocol/session.ts";
import type { ClientTls, Connection, Env } from "../../core/runtime/env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { AddressSource } from "./addresses.ts";
import { type DiskCondition, DiskKeeper, type OpenedDisk, stretchOf } from "./disk/keeper.ts";
import type { OutboundRecord, Outbox } from "./outbox.ts";
import { reconnects, registerSenderMetrics } from "./sender_metrics.ts";
import {
  type Effect,
  isAllAcknowledged,
  makeSenderState,
  type SenderEvent,
  type SenderState,
  sendingRun,
} from "./sender_state.ts";
import { step } from "./step.ts";

export interface SenderOptions {
  readonly identity: CollectorIdentity;
  /** Number of this start of the collector: greater than that of any earlier one. */
  readonly epoch: bigint;
  /** Shown to the exporter; a function is asked for each connection. */
  readonly token: string | (() => string);
  /** Asked for each connection; without it, or when it gives undefined, there is no TLS. */
  readonly tls?: () => ClientTls | undefined;
  readonly addresses: AddressSource;
  readonly env: Pick<Env, "clock" | "net" | "random">;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Memory for what is not acknowledged, in bytes; beyond it the disk has it, or else the oldest goes. Default 64 MiB. */
  readonly budgetBytes?: number;
  /** The spool on disk, which is the sender's from now on. Without it, what is not acknowledged ends with the process. */
  readonly disk?: OpenedDisk;
}

export interface Sender extends Outbox {
  stats(): SenderStats;
  /** True once everything is acknowledged, false when that takes longer than `timeoutMs` or the sender is closed. */
  flush(timeoutMs: number): Promise<boolean>;
  /** Ends the session at once; what is not acknowledged stays on disk, if there is one. Call `flush` before. */
  close(): Promise<void>;
}

/** Recovered + made = acknowledged + lost + unacknowledged, at every moment, for records. */
export interface SenderStats {
  /** In a session, that is, welcomed by an exporter. */
  readonly connected: boolean;
  /** The id of the session's exporter; "" without a session. */
  readonly exporter: string;
  /** Held, in memory or on disk. */
  readonly unacknowledgedRecords: number;
  /** Held on disk only. */
  readonly onDiskRecords: number;
  /** Memory held: records, and the shapes that they share once. */
  readonly unacknowledgedBytes: number;
  readonly unacknowledgedSamples: number;
  /** Left by earlier starts, and found at this one. */
  readonly recoveredRecords: number;
  /** Numbered by this start. */
  readonly madeRecords: number;
  readonly acknowledgedRecords: number;
  readonly acknowledgedSamples: number;
  readonly lostRecords: number;
  readonly lostSamples: number;
  readonly lostByReason: Readonly<Record<string, number>>;
  /** `none` without one; `full` and `failed`: records are in memory only until it takes them again. */
  readonly disk: DiskCondition | "none";
  /** Of the files of the spool. */
  readonly diskBytes: number;
  /** Sessions that were opened after the first. */
  readonly reconnects: number;
}

export const defaultBudgetBytes: number = 64 * 1024 * 1024;

/** How long to wait before asking an address source again that failed. */
const resubscribeMs = 5_000;

/** Starts sending what is pushed to the exporter that `addresses` leads to, until the sender is closed. */
export function startSender(options: SenderOptions): Sender {
  const sender = new SocketSender(options);
  sender.start();
  return sender;
}

/** The shell of the state machine: turns socket callbacks and timers into events, and effects into deeds. */
class SocketSender implements Sender {
  readonly #options: SenderOptions;
  readonly #state: SenderState;
  readonly #queue: SenderEvent[] = [];
  readonly #flushes = new Set<(everything: boolean) => void>();
  readonly #openConnections = new Set<object>();
  readonly #keeper: DiskKeeper | null;
  #connection: Connection | null = null;
  #running = false;
  #cancelTimer = () => {};
  #unsubscribe = () => {};
  #cancelResubscribe = () => {};
  #isDiskClosed = false;
  #closed: PromiseWithResolvers<void> | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { identity, epoch, token, env, disk, log, budgetBytes = defaultBudgetBytes } = options;
    this.#state = makeSenderState({
      identity,
      epoch,
      token: typeof token === "string" ? () => token : token,
      budgetBytes,
      random: env.random,
      hasDisk: disk !== undefined,
      recovered: disk?.runs.map(stretchOf) ?? [],
    });
    const onStored = () => this.#dispatch({ type: "stored" });
    const { runs } = this.#state;
    const sending = () => sendingRun(this.#state);
    this.#keeper = disk === undefined ? null : new DiskKeeper({ disk, clock: env.clock, log, runs, sending, onStored });
    registerSenderMetrics(options.metrics, this.#state, this.#keeper);
  }

  start(): void {
    this.#unsubscribe = this.#options.addresses.subscribe(
      (addresses) => this.#dispatch({ type: "addresses", addresses }),
      (error) => this.#resubscribe(error),
    );
  }

  push(record: OutboundRecord): number {
    this.#dispatch({ type: "push", record });
    return this.#state.spool.lastSequence;
  }

  stats(): SenderStats {
    const { link, spool, runs } = this.#state;
    const { books } = spool;
    const lostByReason: Record<string, number> = {};
    let lostRecords = 0;
    let lostSamples = 0;
    for (const [reason, { records, samples }] of books.lost) {
      lostByReason[reason] = records;
      lostRecords += records;
      lostSamples += samples;
    }
    return {
      connected: link.phase === "streaming",
      exporter: link.phase === "streaming" ? link.exporter : "",
      unacknowledgedRecords: spool.books.unacknowledged.records,
      onDiskRecords: runs.reduce((sum, run) => sum + run.spool.onDisk.records, 0),
      unacknowledgedBytes: runs.reduce((sum, run) => sum + run.spool.bytes, 0),
      unacknowledgedSamples: spool.books.unacknowledged.samples,
      recoveredRecords: books.recovered.records,
      madeRecords: books.made.records,
      acknowledgedRecords: spool.books.acknowledged.records,
      acknowledgedSamples: spool.books.acknowledged.samples,
      lostRecords,
      lostSamples,
      lostByReason,
      disk: this.#keeper?.condition ?? "none",
      diskBytes: this.#keeper?.bytes ?? 0,
      reconnects: reconnects(this.#state),
    };
  }

  flush(timeoutMs: number): Promise<boolean> {
    if (isAllAcknowledged(this.#state)) return Promise.resolve(true);
    if (this.#closed !== null) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (everything: boolean) => {
        cancel();
        this.#flushes.delete(finish);
        resolve(everything);
      };
      const cancel = this.#options.env.clock.after(timeoutMs, () => finish(false));
      this.#flushes.add(finish);
    });
  }

  close(): Promise<void> {
    if (this.#closed !== null) return this.#closed.promise;
    this.#closed = Promise.withResolvers();
    const { records, samples } = this.#state.spool.books.unacknowledged;
    if (records > 0 && this.#keeper !== null) {
      this.#options.log.info({ records, samples }, "unacknowledged records stay in the spool for the next start");
    } else if (records > 0) {
      this.#options.log.warn({ records, samples }, "closing the sender with unacknowledged records");
    }
    this.#unsubscribe();
    this.#cancelResubscribe();
    this.#dispatch({ type: "stop" });
    for (const finish of this.#flushes) finish(false);
    const closingDisk = this.#keeper?.close() ?? Promise.resolve();
    void closingDisk.then(() => {
      this.#isDiskClosed = true;
      this.#settleClose();
    });
    return this.#closed.promise;
  }

  /** Steps through the event and those that its effects bring about, one after the other. */
  #dispatch(event: SenderEvent): void {
    this.#queue.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      const { clock } = this.#options.env;
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
        for (const effect of step(this.#state, next, now)) this.#perform(effect);
      }
    } finally {
      this.#running = false;
    }
    this.#keeper?.poke();
    if (this.#flushes.size > 0 && isAllAcknowledged(this.#state)) { for (const finish of this.#flushes) finish(true); }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        this.#connect(effect.address);
        break;
      case "write":
        if (this.#connection?.write(effect.bytes) === true) this.#queue.push({ type: "writable" });
        break;
      case "close":
        this.#drop();
        break;
      case "timer":
        this.#setTimer(effect.atMs);
        break;
      case "runEnded":
        this.#keeper?.endRun(effect.epoch);
        break;
      case "note":
        this.#options.log[effect.level](effect.fields, effect.message);
        break;
    }
  }

  #connect(address: string): void {
    const key = {};
    const reader = new FrameReader();
    // After a close effect the socket may still call back: those calls concern nobody.
    const isCurrent = () => this.#connection !== null && this.#connection === connection;
    let connection: Connection | null = null;
    try {
      connection = this.#options.env.net.connect(parseAddress(address), {
        open: () => {
          if (isCurrent()) this.#dispatch({ type: "connected" });
        },
        data: (bytes) => this.#receive(reader, bytes, isCurrent),
        drain: () => {
          if (isCurrent()) this.#dispatch({ type: "writable" });
        },
        close: (error) => {
          this.#openConnections.delete(key);
          if (isCurrent()) this.#fail(error === null ? "closed by the exporter" : error.message);
          this.#settleClose();
        },
      }, this.#options.tls?.());
      this.#connection = connection;
      this.#openConnections.add(key);
    } catch (error) {
      this.#queue.push({ type: "disconnected", reason: messageOf(error) });
    }
  }

  #receive(reader: FrameReader, bytes: Uint8Array, isCurrent: () => boolean): void {
    const take = (frame: Frame) => {
      // The queue may hold it beyond this call, after which its body is no longer valid.
      if (isCurrent()) this.#dispatch({ type: "frame", frame: { ...frame, body: frame.body.slice() } });
    };
    try {
      if (isCurrent()) reader.push(bytes, take);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      if (isCurrent()) this.#fail(error.message);
    }
  }

  #fail(reason: string): void {
    this.#drop();
    this.#dispatch({ type: "disconnected", reason });
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy();
  }

  #setTimer(atMs: number | null): void {
    const { clock } = this.#options.env;
    this.#cancelTimer();
    this.#cancelTimer = atMs === null
      ? () => {}
      : clock.after(Math.max(0, atMs - clock.monotonicMs()), () => this.#dispatch({ type: "tick" }));
  }

  #resubscribe(error: unknown): void {
    this.#options.log.error({ err: error, againMs: resubscribeMs }, "cannot watch the addresses of exporters");
    if (this.#closed !== null) return;
    this.#cancelResubscribe();
    this.#cancelResubscribe = this.#options.env.clock.after(resubscribeMs, () => {
      this.#unsubscribe();
      this.start();
    });
  }

  #settleClose(): void {
    if (this.#openConnections.size === 0 && this.#isDiskClosed) this.#closed?.resolve();
  }
}
