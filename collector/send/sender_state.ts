/**
 * The collector's end of the protocol of docs/protocol.md as a state machine without input and output: what it
 * knows, what can happen to it and what it wants done. `step` (step.ts) takes it forward.
 *
 *             addresses            connected, HELLO written          WELCOME
 *      idle ------------> connecting ----------------> greeting ---------------> streaming
 *                          ^      |                       |                         |
 *                          |      v  failed, refused      v  refused, silent 10 s   v  ended, silent 60 s, stalled
 *                        waiting <--------------------------------------------------+     (stop: stopped, from any)
 */

import type { Frame } from "../../core/protocol/frame.ts";
import type { CollectorIdentity, Welcome } from "../../core/protocol/session.ts";
import type { Random } from "../../core/runtime/env.ts";
import type { ExporterAddress } from "./addresses.ts";
import { makeBooks } from "./books.ts";
import type { StoredStretch } from "./disk_zone.ts";
import { FrameBatch } from "./frame_batch.ts";
import type { LossReason } from "./loss_reasons.ts";
import type { OutboundRecord } from "./outbox.ts";
import { SeenShapes } from "./seen_shapes.ts";
import { SessionCoding } from "./session_coding.ts";
import { Spool } from "./spool.ts";

export const timings = {
  /** Both for the connection itself and for the answer to HELLO. */
  greetingMs: 10_000,
  /** A heartbeat is sent after this long without sending anything. */
  heartbeatMs: 10_000,
  /** A peer that sends nothing, or takes nothing of what is sent to it, for so long is dead. */
  silenceMs: 60_000,
  /** How long a healthy session outlives its exporter's record in the registry, which may only be late. */
  absenceMs: 30_000,
  /** Records that come within this time of each other leave in one write. */
  flushMs: 10,
  /** How long what earlier starts have left has the exporter for itself; see turns.ts. */
  aloneMs: 30_000,
  /** The least length of each turn after that. */
  turnMs: 5_000,
  /** An exporter must have noticed the end of a session before it takes one of an older epoch. */
  pauseMs: 200,
} as const;

export interface SenderConfig {
  readonly identity: CollectorIdentity;
  readonly epoch: bigint;
  readonly token: () => string;
  /** Memory for what is not acknowledged. */
  readonly budgetBytes: number;
  /** Whether there is a disk that must have a record before it is sent. Default false. */
  readonly hasDisk?: boolean;
  /** What earlier starts have left, oldest first. */
  readonly recovered?: readonly RecoveredStretch[];
  /** In place of those of turns.ts. */
  readonly turns?: { readonly aloneMs: number; readonly turnMs: number };
  readonly random: Pick<Random, "float">;
}

export interface RecoveredStretch extends StoredStretch {
  readonly epoch: bigint;
  readonly bound: number;
}

/** One start of the collector, with its own sequence numbers. */
export interface Run {
  readonly epoch: bigint;
  readonly spool: Spool;
}

export interface SenderState {
  readonly config: SenderConfig;
  /** That of this start, into which records are pushed: the last of `runs`. */
  readonly spool: Spool;
  /** Those that are still to be sent, oldest first. A session is about one of them: see {@link sendingRun}. */
  readonly runs: Run[];
  readonly turn: Turn;
  /** The session was ended for that of another run, and not by a fault. */
  isChangingRuns: boolean;
  link: Link;
  addresses: readonly ExporterAddress[];
  /** Addresses that failed or refused us since the last WELCOME: others are tried first. */
  readonly avoided: Set<string>;
  /** Attempts since the last WELCOME. */
  attempt: number;
  /** What the shell's timer is set to. */
  timerAtMs: number | null;
  /** Losses that were logged since the last WELCOME: one line for each reason is enough. */
  readonly notedLosses: Set<LossReason>;
  /** Sequenced and shape frames written. */
  sentFrames: number;
  /** Bytes of these frames. */
  sentBytes: number;
  /** Sessions that were opened. */
  sessions: number;
}

/** Which run is sent while there is something of earlier starts: the oldest, or that of this start. See turns.ts. */
export interface Turn {
  isFresh: boolean;
  lengthMs: number;
  /** Null until a session has been opened in it. */
  endsAtMs: number | null;
  /** A fresh turn does not end before this sequence is acknowledged. */
  catchUpTo: number;
}

export type Link =
  | { readonly phase: "idle" }
  | { readonly phase: "waiting"; untilMs: number }
  | { readonly phase: "connecting"; readonly address: string; readonly deadlineMs: number }
  | Greeting
  | Session
  | { readonly phase: "stopped" };

export interface Greeting {
  readonly phase: "greeting";
  readonly address: string;
  readonly deadlineMs: number;
  /** The connection has not yet said that it takes more than the HELLO. */
  isBlocked: boolean;
}

export interface Session {
  readonly phase: "streaming";
  readonly address: string;
  /** Id that the exporter gave itself. */
  readonly exporter: string;
  /** Bytes of sequenced frames that the exporter lets be in flight. */
  windowBytes: number;
  readonly seen: SeenShapes;
  /** How scrapes are coded; null when the exporter takes them only as they are. */
  readonly coding: SessionCoding | null;
  /** Empty between two steps. */
  readonly batch: FrameBatch;
  lastReceivedMs: number;
  lastSentMs: number;
  /** Since when the connection has taken no more bytes; null when it takes some. */
  blockedSinceMs: number | null;
  /** When what was pushed is to be written; null when nothing waits for that. */
  flushAtMs: number | null;
  /** Since when the registry no longer has the exporter; null when it has. */
  absentSinceMs: number | null;
  /** The turn of another run has come: nothing more is sent, and it ends when all of it is acknowledged. */
  isEnding: boolean;
  /** The sequence that UNKNOWN last wanted, and how many times in a row. */
  unknown: { readonly sequence: number; readonly count: number };
}

export type SenderEvent =
  | { readonly type: "push"; readonly record: OutboundRecord }
  | { readonly type: "addresses"; readonly addresses: readonly ExporterAddress[] }
  /** The connection that was asked for is open. */
  | { readonly type: "connected" }
  /** The body need not outlive the step. */
  | { readonly type: "frame"; readonly frame: Frame }
  /** The connection takes bytes again: at once after a write, or when its buffer has drained. */
  | { readonly type: "writable" }
  /** The connection failed or ended, and not by a `close` effect. */
  | { readonly type: "disconnected"; readonly reason: string }
  /** The disk has something new: records are durable, or were read back. */
  | { readonly type: "stored" }
  | { readonly type: "tick" }
  | { readonly type: "stop" };

export type Effect =
  /** Connect; there is no connection now. */
  | { readonly type: "connect"; readonly address: string }
  /** Write; answered by `writable`. At most one in a step. */
  | { readonly type: "write"; readonly bytes: Uint8Array }
  /** Close the connection; no event of it may follow. */
  | { readonly type: "close"; readonly reason: string }
  /** Send `tick` then, in place of the time that was set before; null: not at all. */
  | { readonly type: "timer"; readonly atMs: number | null }
  /** All of a run of an earlier start is acknowledged: nobody needs it any more. */
  | { readonly type: "runEnded"; readonly epoch: bigint }
  | Note;

/** A line for the log. */
export interface Note {
  readonly type: "note";
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** The moment of a step: monotonic for intervals, Unix time for what is written into frames. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function makeSenderState(config: SenderConfig): SenderState {
  const books = makeBooks();
  const { budgetBytes, hasDisk = false } = config;
  const recovered = (config.recovered ?? []).map((stretch) => ({
    epoch: stretch.epoch,
    // Little of it is in memory at a time; the rest of the budget is for what comes new.
    spool: new Spool({ budgetBytes: budgetBytes / 4, books, hasDisk, recovered: stretch }),
  }));
  const share = recovered.length === 0 ? 1 : 0.75;
  const current = { epoch: config.epoch, spool: new Spool({ budgetBytes: budgetBytes * share, books, hasDisk }) };
  return {
    config,
    spool: current.spool,
    runs: [...recovered, current],
    turn: {
      isFresh: recovered.length === 0,
      lengthMs: config.turns?.aloneMs ?? timings.aloneMs,
      endsAtMs: null,
      catchUpTo: 0,
    },
    isChangingRuns: false,
    link: { phase: "idle" },
    addresses: [],
    avoided: new Set(),
    attempt: 0,
    timerAtMs: null,
    notedLosses: new Set(),
    sentFrames: 0,
    sentBytes: 0,
    sessions: 0,
  };
}

/** The run that is sent now. */
export function sendingRun(state: SenderState): Run {
  const run = state.turn.isFresh ? state.runs.at(-1) : state.runs[0];
  if (run === undefined) throw new Error("Cannot send: there is no run");
  return run;
}

/** Nothing is held any more, of no run. */
export function isAllAcknowledged({ runs }: Pick<SenderState, "runs">): boolean {
  return runs.every(({ spool }) => spool.isEmpty);
}

/** A session that begins now. */
export function makeSession(greeting: Greeting, welcome: Welcome, nowMs: number): Session {
  return {
    phase: "streaming",
    address: greeting.address,
    exporter: welcome.exporter,
    windowBytes: welcome.windowBytes,
    seen: new SeenShapes(),
    coding: welcome.baseBytes === undefined ? null : new SessionCoding(welcome.baseBytes),
    batch: new FrameBatch(),
    lastReceivedMs: nowMs,
    lastSentMs: nowMs,
    blockedSinceMs: greeting.isBlocked ? nowMs : null,
    flushAtMs: null,
    absentSinceMs: null,
    isEnding: false,
    unknown: { sequence: 0, count: 0 },
  };
}

/** When the state next needs a `tick`; null when it waits for something else. */
export function nextDeadlineMs({ link, turn }: SenderState, nowMs: number): number | null {
  if (link.phase === "waiting") return link.untilMs;
  if (link.phase === "connecting" || link.phase === "greeting") return link.deadlineMs;
  if (link.phase !== "streaming") return null;
  const deadlineMs = sessionDeadlineMs(link);
  return turn.endsAtMs !== null && turn.endsAtMs > nowMs ? Math.min(deadlineMs, turn.endsAtMs) : deadlineMs;
}

function sessionDeadlineMs(session: Session): number {
  const { blockedSinceMs, absentSinceMs, flushAtMs } = session;
  const deadlineMs = Math.min(
    session.lastReceivedMs + timings.silenceMs,
    absentSinceMs === null ? Infinity : absentSinceMs + timings.absenceMs,
  );
  // While it is blocked nothing is written, neither records nor heartbeats.
  if (blockedSinceMs !== null) return Math.min(deadlineMs, blockedSinceMs + timings.silenceMs);
  return Math.min(deadlineMs, session.lastSentMs + timings.heartbeatMs, flushAtMs ?? Infinity);
}
