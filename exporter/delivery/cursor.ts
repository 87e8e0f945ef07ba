/**
 * The cursor of one sink: which record is next for it, and what happens to a batch. Pure: it is told events, changes
 * the state that it is given, and returns the effects to be carried out; each effect ends in one event.
 *
 * ```
 *            start            waited               something new
 *  idle -----------> reading <------ gathering <------------------ awaiting
 *                     |  ^  \_____________ nothing new _______________^
 *                     |  |
 *    chunk of batches |  | last batch settled, losses declared: the cursor moves behind the chunk
 *                     v  |                                                 retry
 *                   delivering <----------------- waited ----- backingOff <------ (from delivering)
 *                     |  ^
 *            rejected |  | buried, or two halves to be tried
 *                     v  |
 *                    burying
 * ```
 *
 * What the sink will never get is declared (phase `declaring`) before the cursor moves behind it. Position and books
 * are saved together, at most every second, and at the end: after a crash the records of that second come again, and
 * are not counted twice, since the counts go back with the position.
 */

import { addNotes, addSettled, addTally, copyBooks, newNotes, newSettled, type Tally } from "../ledger/books.ts";
import { contentOf } from "../ledger/loss.ts";
import type { Delivered, Rejected, Retry } from "../sink.ts";
import type { WalPosition } from "../wal/wal.ts";
import { backoffMs } from "./backoff.ts";
import { halveBatch } from "./batch.ts";
import { type Chunk, entriesOf, tallyOf } from "./chunk.ts";
import type { CursorContext, CursorEffect, CursorEvent, CursorState } from "./cursor_state.ts";
import { isBefore } from "./position.ts";

const saveIntervalMs = 1000;
const gatherMs = 200;
/** A rejected batch is cut in halves at most so often: at most 2^10 pieces, and fewer than 2^11 deliveries. */
const halvingsMax = 10;

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
      return state.phase === "burying" ? onBuried(state, event.dropped, context) : [];
    case "declared":
      return state.phase === "declaring" ? onDeclared(state, context) : [];
    case "declareFailed":
      return state.phase === "declaring" ? onRetry(state, event, context) : [];
    case "waited":
      return state.phase === "backingOff" || state.phase === "gathering" ? proceed(state, context) : [];
    case "failed":
      return state.phase === "delivering" ? onAnswer(state, { outcome: "retry", ...event }, context) : [];
    case "skip":
      return onSkip(state, event.to, context);
    case "resent":
      return onResent(state, event.tally, context);
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
  const effects: CursorEffect[] = [];
  if (state.chunk !== null && mustDrop(state, state.chunk)) dropQueue(state, state.chunk);
  const [queued] = state.queue;
  if (queued === undefined && state.chunk !== null) {
    if (state.losses.length > 0) {
      state.phase = "declaring";
      return [{ type: "declare", losses: state.losses }];
    }
    effects.push(...settleChunk(state, state.chunk, context));
  }
  if (state.stopping === "now") return [...effects, ...finish(state)];
  if (queued !== undefined) {
    state.phase = "delivering";
    return [{ type: "deliver", batch: queued.batch }];
  }
  state.phase = "reading";
  return [...effects, { type: "read" }];
}

function settleChunk(state: CursorState, chunk: Chunk, context: CursorContext): CursorEffect[] {
  const { books, partial } = state;
  addSettled(books.settled, partial.settled);
  addSettled(books.settled, chunk.settled);
  addNotes(books.notes, partial.notes);
  addTally(books.notes.declared, chunk.declared);
  books.notes.leftOut.samples += chunk.leftOutSamples;
  books.firstEntry += chunk.renumberedEntries;
  state.partial = { settled: newSettled(), notes: newNotes() };
  for (const one of chunk.progress) state.progress.raise(one);
  state.chunk = null;
  moveTo(state, chunk.next);
  return scheduleSave(state, context);
}

function moveTo(state: CursorState, position: WalPosition): void {
  state.position = position;
  state.saving.dirty = true;
  if (state.skipTo === null || isBefore(position, state.skipTo)) return;
  state.skipTo = null;
  // The log waits for it.
  state.saving.lastMs = -Infinity;
}

/** Whether the log lets go of the chunk. */
function mustDrop(state: CursorState, chunk: Chunk): boolean {
  const { skipTo, position } = state;
  if (skipTo === null || !isBefore(position, skipTo)) return false;
  if (!isBefore(skipTo, chunk.next)) return true;
  // The chunk reaches beyond: nothing of it is lost when the segments that go hold no entries for it. Else, as where
  // the old segment ends in damage, all of it is, which happens once in a blue moon and is declared.
  if (position.entry !== skipTo.entry) return true;
  moveTo(state, skipTo);
  return false;
}

function dropQueue(state: CursorState, chunk: Chunk): void {
  const lost = contentOf(entriesOf(state.queue.map(({ batch }) => batch)));
  state.queue = [];
  if (lost.entries === 0) return;
  addTally(state.partial.settled.lostRetention, lost);
  state.losses = [...state.losses, {
    reason: "retention",
    detail: state.lastError ?? "",
    firstSegment: state.position.segment,
    lastSegment: chunk.next.segment,
    fromEntry: state.position.entry,
    toEntry: chunk.next.entry,
    ...lost,
  }];
}

function onDeclared(state: CursorState, context: CursorContext): CursorEffect[] {
  state.losses = [];
  return proceed(state, context);
}

function onSkip(state: CursorState, to: WalPosition, context: CursorContext): CursorEffect[] {
  if (!isBefore(state.position, to)) return [];
  if (state.skipTo === null || isBefore(state.skipTo, to)) state.skipTo = to;
  return state.phase === "backingOff" && state.queue.length > 0 ? proceed(state, context) : [];
}

function onResent(state: CursorState, tally: Readonly<Tally>, context: CursorContext): CursorEffect[] {
  addTally(state.books.notes.resent, tally);
  state.saving.dirty = true;
  return scheduleSave(state, context);
}

function onRead(state: CursorState, chunk: Chunk | null, context: CursorContext): CursorEffect[] {
  if (chunk !== null) {
    state.chunk = chunk;
    state.queue = chunk.batches.map((batch) => ({ batch, halvings: 0, tried: false }));
    state.losses = [...chunk.losses];
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
      countDelivered(state, answer);
      state.attempts = 0;
      state.lastError = null;
      state.alarm = false;
      return proceed(state, context);
    case "retry":
      state.retries++;
      state.alarm = answer.alarm === true;
      markTried(state);
      return onRetry(state, answer, context);
    case "rejected":
      break;
  }
  return onRejected(state, answer.reason, context);
}

/** How many entries there were is known here; of the samples the sink tells. */
function countDelivered(state: CursorState, answer: Delivered): void {
  const delivered = state.queue.shift();
  if (delivered === undefined) throw new Error("Cannot count delivery: no batch is being delivered");
  const { settled, notes } = state.partial;
  const { entries } = tallyOf(delivered.batch);
  const notCarried = Math.min(entries, Math.max(0, answer.notCarriedRecords ?? 0));
  const taken = { entries: entries - notCarried, samples: answer.samples };
  addTally(settled.delivered, taken);
  settled.notCarried.entries += notCarried;
  notes.leftOut.samples += (answer.rejectedSamples ?? 0) + (answer.notCarriedSamples ?? 0);
  if (delivered.tried) addTally(notes.redelivered, taken);
}

/** Nobody knows whether the destination took it before the attempt failed. */
function markTried(state: CursorState): void {
  const [first] = state.queue;
  if (first !== undefined && !first.tried) state.queue[0] = { ...first, tried: true };
}

function onRetry(
  state: CursorState,
  failure: { readonly reason: string; readonly afterMs?: number },
  context: CursorContext,
): CursorEffect[] {
  state.lastError = failure.reason;
  if (state.stopping !== "no") return finish(state);
  state.attempts++;
  if (state.queue.length > 0 && state.skipTo !== null) return proceed(state, context);
  state.phase = "backingOff";
  return [{ type: "wait", delayMs: backoffMs(state.attempts, context.random(), failure.afterMs) }];
}

function onRejected(state: CursorState, reason: string, context: CursorContext): CursorEffect[] {
  const [refused] = state.queue;
  if (refused === undefined) throw new Error("Cannot reject: no batch is being delivered");
  state.lastError = reason;
  state.attempts = 0;
  state.alarm = false;
  const halves = refused.halvings < halvingsMax ? halveBatch(refused.batch) : null;
  if (halves !== null) {
    const { tried } = refused;
    state.queue.splice(0, 1, ...halves.map((batch) => ({ batch, halvings: refused.halvings + 1, tried })));
    return proceed(state, context);
  }
  state.phase = "burying";
  return [{ type: "bury", batch: refused.batch, reason }];
}

function onBuried(state: CursorState, dropped: Readonly<Tally>, context: CursorContext): CursorEffect[] {
  const buried = state.queue.shift();
  if (buried === undefined) throw new Error("Cannot settle dead letters: no batch was rejected");
  addTally(state.partial.settled.rejected, tallyOf(buried.batch));
  addTally(state.partial.notes.deadLettersDropped, dropped);
  return proceed(state, context);
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
  return phase === "idle";
}

function scheduleSave(state: CursorState, context: CursorContext): CursorEffect[] {
  const { saving } = state;
  if (!saving.dirty || saving.running || isClosing(state)) return [];
  const delayMs = saving.lastMs + saveIntervalMs - context.nowMs;
  if (delayMs > 0) {
    if (saving.timer) return [];
    saving.timer = true;
    return [{ type: "saveLater", delayMs }];
  }
  saving.lastMs = context.nowMs;
  return [save(state)];
}

function save(state: CursorState): CursorEffect {
  state.saving.dirty = false;
  state.saving.running = true;
  const { position, books, progress } = state;
  return { type: "save", account: { position, books: copyBooks(books), origins: progress.list() } };
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
  if (state.saving.dirty) return [save(state)];
  return stopped(state);
}

function stopped(state: CursorState): CursorEffect[] {
  if (state.phase === "stopped") return [];
  state.phase = "stopped";
  return [{ type: "stopped" }];
}
