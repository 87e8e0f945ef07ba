/**
 * The cursor of one sink: which record is next for it, and what happens to a batch. Pure: it is told events, changes
 * the state that it is given, and returns the effects to be carried out; each effect ends in one event.
 *
 * ```
 *            start            waited               something new
 *  idle -----------> reading <------ gathering <------------------ awaiting
 *                     |  ^  \_____________ nothing new _______________^
 *                     |  |
 *    chunk of batches |  | last batch settled: the cursor moves behind the chunk
 *                     v  |                                                 retry
 *                   delivering <----------------- waited ----- backingOff <------ (from delivering)
 *                     |  ^
 *            rejected |  | buried, or two halves to be tried
 *                     v  |
 *                    burying
 * ```
 *
 * A position is saved at most every second, and at the end: after a crash the records of that second come again.
 */

import type { Batch, Delivered, Rejected, Retry } from "../sink.ts";
import type { WalPosition } from "../wal/wal.ts";
import { backoffMs } from "./backoff.ts";
import { halveBatch } from "./batch.ts";

/** What one read of the WAL gave, cut into batches. */
export interface Chunk {
  readonly batches: readonly Batch[];
  readonly lostRecords: number;
  /** Scrapes and records that could not be resolved. */
  readonly unresolvedRecords: number;
  readonly next: WalPosition;
}

export type CursorEvent =
  | { readonly type: "start" }
  /** `chunk` is null when there is nothing new. */
  | { readonly type: "read"; readonly chunk: Chunk | null }
  | { readonly type: "readFailed"; readonly reason: string }
  | { readonly type: "changed" }
  | { readonly type: "answered"; readonly answer: Delivered | Retry | Rejected }
  | { readonly type: "buried"; readonly droppedLines: number }
  | { readonly type: "waited" }
  /** The sink broke its contract. */
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "saveDue" }
  | { readonly type: "saved" }
  | { readonly type: "saveFailed"; readonly reason: string }
  /** Deliver what is there, without waiting for anything, then end. */
  | { readonly type: "stop" }
  /** End after what is under way; the second time, at once. */
  | { readonly type: "abort" };

export type CursorEffect =
  | { readonly type: "read" }
  | { readonly type: "awaitChange" }
  | { readonly type: "deliver"; readonly batch: Batch }
  /** Keep the batch as dead letters. */
  | { readonly type: "bury"; readonly batch: Batch; readonly reason: string }
  | { readonly type: "wait"; readonly delayMs: number }
  | { readonly type: "save"; readonly position: WalPosition }
  | { readonly type: "saveLater"; readonly delayMs: number }
  | { readonly type: "stopped" };

export type CursorPhase =
  | "idle"
  | "reading"
  | "awaiting"
  | "gathering"
  | "delivering"
  | "backingOff"
  | "burying"
  | "failed"
  | "closing"
  | "stopped";

/** Counts since the start of the process. */
export interface CursorCounts {
  deliveredSamples: number;
  deliveredRecords: number;
  notCarriedRecords: number;
  retries: number;
  rejectedSamples: number;
  rejectedRecords: number;
  /** Samples and records that were rejected and are not even in the dead-letter file. */
  deadLettersDropped: number;
  lostRecords: number;
  unresolvedRecords: number;
}

export interface CursorState {
  phase: CursorPhase;
  /** Everything before it is settled for this sink; null begins at the oldest record. */
  position: WalPosition | null;
  chunk: Chunk | null;
  /** The batches of the chunk that are not settled. */
  queue: { readonly batch: Batch; readonly halvings: number }[];
  /** Failed attempts since the last success. */
  attempts: number;
  stopping: "no" | "draining" | "now";
  lastError: string | null;
  readonly counts: CursorCounts;
  readonly saving: { dirty: boolean; running: boolean; timer: boolean; lastMs: number };
}

export interface CursorContext {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const saveIntervalMs = 1000;
const gatherMs = 100;
/** A rejected batch is cut in halves at most so often: at most 2^10 pieces, and fewer than 2^11 deliveries. */
const halvingsMax = 10;

export function newCursor(position: WalPosition | null): CursorState {
  return {
    phase: "idle",
    position,
    chunk: null,
    queue: [],
    attempts: 0,
    stopping: "no",
    lastError: null,
    counts: {
      deliveredSamples: 0,
      deliveredRecords: 0,
      notCarriedRecords: 0,
      retries: 0,
      rejectedSamples: 0,
      rejectedRecords: 0,
      deadLettersDropped: 0,
      lostRecords: 0,
      unresolvedRecords: 0,
    },
    saving: { dirty: false, running: false, timer: false, lastMs: -Infinity },
  };
}

/** Events that come too late for the phase, such as the answer to a delivery that was given up, change nothing. */
export function step(state: CursorState, event: CursorEvent, context: CursorContext): CursorEffect[] {
  switch (event.type) {
    case "start":
      return state.phase === "idle" ? proceed(state, context) : [];
    case "read":
      return state.phase === "reading" ? onRead(state, event.chunk, context) : [];
    case "readFailed":
      return state.phase === "reading" || state.phase === "awaiting" ? onRetry(state, event, context) : [];
    case "changed":
      return state.phase === "awaiting" ? onChanged(state, context) : [];
    case "answered":
      return state.phase === "delivering" ? onAnswer(state, event.answer, context) : [];
    case "buried":
      return state.phase === "burying" ? onBuried(state, event.droppedLines, context) : [];
    case "waited":
      return state.phase === "backingOff" || state.phase === "gathering" ? proceed(state, context) : [];
    case "failed":
      return state.phase === "delivering" || state.phase === "burying" ? onFailed(state, event.reason) : [];
    case "saveDue":
      state.saving.timer = false;
      return scheduleSave(state, context);
    case "saved":
    case "saveFailed":
      return onSaveEnded(state, event, context);
    case "stop":
      return onStop(state, context);
    case "abort":
      break;
  }
  return onAbort(state);
}

/** Does the next thing: deliver a batch, or settle the chunk and read on. */
function proceed(state: CursorState, context: CursorContext): CursorEffect[] {
  const [queued] = state.queue;
  const effects: CursorEffect[] = [];
  if (queued === undefined && state.chunk !== null) effects.push(...settleChunk(state, state.chunk, context));
  if (state.stopping === "now") return [...effects, ...finish(state)];
  if (queued !== undefined) {
    state.phase = "delivering";
    return [{ type: "deliver", batch: queued.batch }];
  }
  state.phase = "reading";
  return [...effects, { type: "read" }];
}

function settleChunk(state: CursorState, chunk: Chunk, context: CursorContext): CursorEffect[] {
  state.chunk = null;
  state.position = chunk.next;
  state.counts.lostRecords += chunk.lostRecords;
  state.counts.unresolvedRecords += chunk.unresolvedRecords;
  state.saving.dirty = true;
  return scheduleSave(state, context);
}

function onRead(state: CursorState, chunk: Chunk | null, context: CursorContext): CursorEffect[] {
  if (chunk !== null) {
    state.chunk = chunk;
    state.queue = chunk.batches.map((batch) => ({ batch, halvings: 0 }));
    return proceed(state, context);
  }
  if (state.stopping !== "no") return finish(state);
  state.phase = "awaiting";
  return [{ type: "awaitChange" }];
}

/** Waits a little for more, since one large batch costs the destination and us less than many small ones. */
function onChanged(state: CursorState, context: CursorContext): CursorEffect[] {
  if (state.stopping !== "no") return proceed(state, context);
  state.phase = "gathering";
  return [{ type: "wait", delayMs: gatherMs }];
}

function onAnswer(
  state: CursorState,
  answer: Delivered | Retry | Rejected,
  context: CursorContext,
): CursorEffect[] {
  switch (answer.outcome) {
    case "delivered":
      state.counts.deliveredSamples += answer.samples;
      state.counts.deliveredRecords += answer.records;
      state.counts.notCarriedRecords += answer.notCarriedRecords ?? 0;
      state.attempts = 0;
      state.lastError = null;
      state.queue.shift();
      return proceed(state, context);
    case "retry":
      state.counts.retries++;
      return onRetry(state, answer, context);
    case "rejected":
      break;
  }
  return onRejected(state, answer.reason, context);
}

function onRetry(
  state: CursorState,
  failure: { readonly reason: string; readonly afterMs?: number },
  context: CursorContext,
): CursorEffect[] {
  if (state.stopping !== "no") return finish(state);
  state.lastError = failure.reason;
  state.attempts++;
  state.phase = "backingOff";
  return [{ type: "wait", delayMs: backoffMs(state.attempts, context.random(), failure.afterMs) }];
}

function onRejected(state: CursorState, reason: string, context: CursorContext): CursorEffect[] {
  const [refused] = state.queue;
  if (refused === undefined) throw new Error("Cannot reject: no batch is being delivered");
  state.lastError = reason;
  state.attempts = 0;
  const halves = refused.halvings < halvingsMax ? halveBatch(refused.batch) : null;
  if (halves !== null) {
    state.queue.splice(0, 1, ...halves.map((batch) => ({ batch, halvings: refused.halvings + 1 })));
    return proceed(state, context);
  }
  state.phase = "burying";
  return [{ type: "bury", batch: refused.batch, reason }];
}

function onBuried(state: CursorState, droppedLines: number, context: CursorContext): CursorEffect[] {
  const buried = state.queue.shift();
  if (buried === undefined) throw new Error("Cannot settle dead letters: no batch was rejected");
  state.counts.rejectedSamples += buried.batch.sampleCount;
  state.counts.rejectedRecords += buried.batch.scrapes.length + buried.batch.opaque.length;
  state.counts.deadLettersDropped += droppedLines;
  return proceed(state, context);
}

function onFailed(state: CursorState, reason: string): CursorEffect[] {
  state.lastError = reason;
  if (state.stopping !== "no") return finish(state);
  state.phase = "failed";
  return [];
}

function onStop(state: CursorState, context: CursorContext): CursorEffect[] {
  if (state.stopping !== "no") return [];
  state.stopping = "draining";
  if (state.phase === "gathering") return proceed(state, context);
  return state.phase === "backingOff" || isStill(state) ? finish(state) : [];
}

function onAbort(state: CursorState): CursorEffect[] {
  const second = state.stopping === "now";
  state.stopping = "now";
  return second || isWaiting(state) || isStill(state) ? finish(state) : [];
}

/** What would end it is only time, or something new. */
function isWaiting({ phase }: CursorState): boolean {
  return phase === "backingOff" || phase === "awaiting" || phase === "gathering";
}

/** Nothing is under way that would end in an event. */
function isStill({ phase }: CursorState): boolean {
  return phase === "idle" || phase === "failed";
}

function scheduleSave(state: CursorState, context: CursorContext): CursorEffect[] {
  const { saving, position } = state;
  if (!saving.dirty || saving.running || saving.timer || position === null || isClosing(state)) return [];
  const delayMs = saving.lastMs + saveIntervalMs - context.nowMs;
  if (delayMs > 0) {
    saving.timer = true;
    return [{ type: "saveLater", delayMs }];
  }
  saving.lastMs = context.nowMs;
  return [save(state, position)];
}

function save(state: CursorState, position: WalPosition): CursorEffect {
  state.saving.dirty = false;
  state.saving.running = true;
  return { type: "save", position };
}

function onSaveEnded(
  state: CursorState,
  event: { readonly type: "saved" } | { readonly type: "saveFailed"; readonly reason: string },
  context: CursorContext,
): CursorEffect[] {
  state.saving.running = false;
  if (event.type === "saved") return isClosing(state) ? finish(state) : scheduleSave(state, context);
  state.lastError = event.reason;
  // At the end a failed save is left: the records come again after the next start.
  if (isClosing(state)) return stopped(state);
  state.saving.dirty = true;
  return scheduleSave(state, context);
}

function isClosing(state: CursorState): boolean {
  return state.phase === "closing" || state.phase === "stopped";
}

/** Saves what is not saved yet, then stops. */
function finish(state: CursorState): CursorEffect[] {
  if (state.phase === "stopped") return [];
  state.phase = "closing";
  if (state.saving.running) return [];
  if (state.saving.dirty && state.position !== null) return [save(state, state.position)];
  return stopped(state);
}

function stopped(state: CursorState): CursorEffect[] {
  if (state.phase === "stopped") return [];
  state.phase = "stopped";
  return [{ type: "stopped" }];
}
