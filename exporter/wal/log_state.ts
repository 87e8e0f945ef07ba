/**
 * The log as a pure state machine: {@link step} takes what happened and says what to do next, without doing it.
 *
 * At most one operation on the disk is under way for writing, and while it is, the next group gathers:
 *
 * ```
 * append -> wait (coalesce) -> [open] -> write -> sync -> [sync dir] -> durable -> next group
 *                                          | disk full                      (brackets: first group of a segment)
 *                                          +-> cut -> release -> wait (retry) -> reserve -> write …
 * any other failure -> failed: nothing is taken or acknowledged any more
 * ```
 */

import { errorCode, messageOf } from "../../core/errors.ts";
import type { ByteWriter } from "../../core/protocol/bytes.ts";
import { frameBodyBytesMax } from "../../core/protocol/frame.ts";
import { segmentHeaderBytes } from "./format.ts";
import type { LogEffect, LogEvent, LogLimits, LogStart, Operation } from "./log_events.ts";
import type { ResumePoint } from "./payloads.ts";
import { originKey, ResumePoints } from "./resume_points.ts";
import type { Segment } from "./segment.ts";
import { checkRecord, SegmentEncoder } from "./segment_encoder.ts";
import type { HeldShapes } from "./shape_table.ts";
import { Tail } from "./tail.ts";
import { WalClosedError, type WalPosition, type WalRecord } from "./wal.ts";

/** A write that found the disk full is tried again after this time. */
export const diskFullRetryMs = 1000;

/** A group with so many bytes is worth its fsync. */
const pacedBytesMax = 1024 * 1024;

/** A segment ends when it is this many times as large as the data for which it is meant, because of its shapes. */
const segmentBytesFactor = 4;

/** Records that are written and fsynced together, all in one segment. */
interface Group {
  readonly encoder: SegmentEncoder;
  /** The group carries the header of its segment. */
  readonly begins: boolean;
  readonly bytes: ByteWriter;
  readonly sinceMs: number;
  isUrgent: boolean;
  lastIndex: number;
  /** Entries before its end, and when its newest record came. */
  endEntry: number;
  newestMs: number;
  readonly points: Map<string, ResumePoint>;
}

export interface LogState {
  readonly limits: LogLimits;
  readonly shapes: HeldShapes;
  /** Those with something durable in them, in order of number. */
  readonly segments: Segment[];
  nextSegment: number;
  /** Entries that are durable, over the log's whole life. */
  entries: number;
  /** Of the segment to which records are appended now; null before the first. */
  encoder: SegmentEncoder | null;
  lastIndex: number;
  /** Of all that was appended, and of what is durable. */
  readonly appendedPoints: ResumePoints;
  readonly durablePoints: ResumePoints;
  readonly queue: Group[];
  readonly tail: Tail;
  /** The group that is being written. */
  writing: Group | null;
  /** When the last one was taken from the queue. */
  begunMs: number;
  /** When the wait that is under way ends. */
  waitEndMs: number;
  operation: Operation | null;
  /** The file of the segment that is being written exists. */
  opened: boolean;
  /** The reserve is held, or none is wanted. */
  reserved: boolean;
  diskFull: boolean;
  diskFullFailures: number;
  closing: boolean;
  /** Why the log takes nothing any more, or null. */
  failure: string | null;
}

export function startLog(start: LogStart, limits: LogLimits): LogState {
  const appendedPoints = new ResumePoints();
  const durablePoints = new ResumePoints();
  appendedPoints.raiseAll(start.points);
  durablePoints.raiseAll(start.points);
  return {
    limits,
    shapes: start.shapes,
    segments: start.segments,
    nextSegment: start.nextSegment,
    entries: start.entries,
    encoder: null,
    lastIndex: 0,
    appendedPoints,
    durablePoints,
    queue: [],
    tail: new Tail(limits.tailBytes),
    writing: null,
    begunMs: -Infinity,
    waitEndMs: 0,
    operation: null,
    opened: false,
    reserved: limits.reserveBytes === 0,
    diskFull: false,
    diskFullFailures: 0,
    closing: false,
    failure: null,
  };
}

/**
 * Takes an event at the monotonic time `nowMs`.
 * @throws what `Wal.append` throws, for an append; the state is as before then.
 */
export function step(state: LogState, event: LogEvent, nowMs: number): LogEffect[] {
  switch (event.kind) {
    case "append":
      return append(state, event.record, event.wallMs, nowMs);
    case "done":
      finish(state, event.operation);
      return done(state, event.operation, nowMs);
    case "failed":
      finish(state, event.operation);
      return failed(state, event.operation, event.error, nowMs);
    case "trim":
      return trim(state, event.segment);
    case "close":
      break;
  }
  return close(state, nowMs);
}

/** Bytes that are queued or written but not durable. */
export function pendingBytes(state: LogState): number {
  return state.queue.reduce((sum, group) => sum + group.bytes.length, state.writing?.bytes.length ?? 0);
}

export function isAccepting(state: LogState): boolean {
  return state.failure === null && !state.closing && pendingBytes(state) < state.limits.pendingBytesMax;
}

/** Where the oldest segment begins; without one, where the first will. */
export function oldestPosition(state: LogState): WalPosition {
  const first = state.segments[0] ?? (state.writing ?? state.queue[0])?.encoder.segment;
  const segment = first?.number ?? state.nextSegment;
  return { segment, offset: segmentHeaderBytes, entry: first?.startEntry ?? state.entries };
}

function append(state: LogState, record: WalRecord, wallMs: number, nowMs: number): LogEffect[] {
  if (state.failure !== null) throw new WalClosedError(`Cannot append to WAL: ${state.failure}`);
  if (state.closing) throw new WalClosedError("Cannot append to WAL: it is closed");
  if (record.kind !== "lost" && record.body.length > frameBodyBytesMax) {
    throw new RangeError(`Cannot append record of ${record.body.length} bytes: at most ${frameBodyBytesMax} fit`);
  }
  const scrapes = checkRecord(record, state.shapes);
  const group = openGroup(state, wallMs, nowMs);
  group.encoder.append(group.bytes, record, scrapes);
  group.lastIndex = ++state.lastIndex;
  group.endEntry = group.encoder.entry;
  group.newestMs = wallMs;
  if (record.origin === null) {
    // Its sender gets no acknowledgement later, but an answer now.
    group.isUrgent = true;
  } else {
    const { origin } = record;
    const sequence = record.kind === "lost" ? record.lost.lastSequence : record.sequence;
    state.appendedPoints.raise(origin, sequence, wallMs);
    const key = originKey(origin);
    const before = group.points.get(key)?.sequence ?? 0;
    group.points.set(key, { origin, sequence: Math.max(before, sequence), seenMs: wallMs });
  }
  return state.operation === null ? next(state, nowMs) : hurry(state, nowMs);
}

/** Ends the wait for more when the group is due earlier now. */
function hurry(state: LogState, nowMs: number): LogEffect[] {
  const group = state.queue[0];
  if (state.operation !== "wait" || state.diskFull || group === undefined) return [];
  if (dueMs(state, group) >= state.waitEndMs) return [];
  state.operation = null;
  return [{ kind: "cancel wait" }, ...next(state, nowMs)];
}

/** When a group is written at the latest, if nothing else is. */
function dueMs({ limits, begunMs, queue }: LogState, { sinceMs, isUrgent, bytes }: Group): number {
  const coalescedMs = sinceMs + limits.coalesceMs;
  const isHeldBack = !isUrgent && bytes.length < pacedBytesMax && queue.length === 1;
  return isHeldBack ? Math.max(coalescedMs, begunMs + limits.paceMs) : coalescedMs;
}

/** The group that takes the next record; a full segment is ended and a new one begun. */
function openGroup(state: LogState, wallMs: number, nowMs: number): Group {
  const last = state.queue.at(-1);
  const { encoder } = state;
  if (encoder !== null && !isFull(encoder, state.limits)) {
    return last ?? addGroup(state, encoder, false, nowMs);
  }
  // Behind this the old segment gets nothing more, so its last group is complete.
  if (last !== undefined) last.encoder.endGroup(last.bytes);
  state.appendedPoints.prune(wallMs);
  state.durablePoints.prune(wallMs);
  state.encoder = new SegmentEncoder(state.nextSegment++, encoder?.entry ?? state.entries, state.shapes);
  const group = addGroup(state, state.encoder, true, nowMs);
  state.encoder.begin(group.bytes, wallMs, state.appendedPoints.list());
  return group;
}

function isFull(encoder: SegmentEncoder, limits: LogLimits): boolean {
  return encoder.dataBytes >= limits.segmentBytes || encoder.bytes >= limits.segmentBytes * segmentBytesFactor;
}

function addGroup(state: LogState, encoder: SegmentEncoder, begins: boolean, nowMs: number): Group {
  const bytes = state.tail.takeWriter();
  const group: Group = {
    encoder,
    begins,
    bytes,
    sinceMs: nowMs,
    isUrgent: false,
    lastIndex: state.lastIndex,
    endEntry: encoder.entry,
    newestMs: 0,
    points: new Map(),
  };
  state.queue.push(group);
  return group;
}

function finish(state: LogState, operation: Operation): void {
  if (state.operation !== operation) {
    throw new Error(`Cannot end WAL operation "${operation}": "${state.operation ?? "none"}" is under way`);
  }
  state.operation = null;
}

function begin(state: LogState, effect: LogEffect & { readonly kind: Operation }): LogEffect[] {
  state.operation = effect.kind;
  return [effect];
}

/** Begins whatever is due, when no operation is under way. */
function next(state: LogState, nowMs: number): LogEffect[] {
  if (state.writing === null) {
    const group = state.queue[0];
    if (group === undefined) return state.closing ? [{ kind: "closed" }] : [];
    state.waitEndMs = dueMs(state, group);
    const delayMs = state.waitEndMs - nowMs;
    if (delayMs > 0 && !state.closing) return begin(state, { kind: "wait", delayMs });
    state.queue.shift();
    state.begunMs = nowMs;
    group.encoder.endGroup(group.bytes);
    state.writing = group;
    if (group.begins) state.opened = false;
  }
  const { encoder, bytes } = state.writing;
  // What is left at the end may have the room of the reserve: nobody needs it longer than this.
  if (!state.reserved && !state.closing) return begin(state, { kind: "reserve" });
  if (!state.opened) return begin(state, { kind: "open", segment: encoder.segment.number });
  return begin(state, { kind: "write", bytes: bytes.view(), offset: encoder.segment.bytes });
}

function done(state: LogState, operation: Operation, nowMs: number): LogEffect[] {
  switch (operation) {
    case "reserve":
      state.reserved = true;
      return next(state, nowMs);
    case "open":
      state.opened = true;
      return next(state, nowMs);
    case "release":
      state.reserved = false;
      return waitForRoom(state, nowMs);
    case "wait":
      return next(state, nowMs);
    case "write":
      return begin(state, { kind: "sync" });
    case "sync":
      return state.writing?.begins === true ? begin(state, { kind: "sync dir" }) : settle(state, nowMs);
    case "cut":
      return waitForRoom(state, nowMs);
    case "sync dir":
      break;
  }
  return settle(state, nowMs);
}

/** Gives others the room that is kept for them, and then waits for more. */
function waitForRoom(state: LogState, nowMs: number): LogEffect[] {
  if (state.reserved && state.limits.reserveBytes > 0) return begin(state, { kind: "release" });
  return state.closing ? next(state, nowMs) : begin(state, { kind: "wait", delayMs: diskFullRetryMs });
}

/** The group is durable. */
function settle(state: LogState, nowMs: number): LogEffect[] {
  const group = state.writing;
  if (group === null) throw new Error("Cannot settle WAL group: none is being written");
  const { segment } = group.encoder;
  const offset = segment.bytes;
  segment.bytes += group.bytes.length;
  state.tail.add(segment.number, offset, group.bytes);
  segment.endEntry = group.endEntry;
  segment.newestAppendedMs = group.newestMs;
  state.entries = group.endEntry;
  if (group.begins) state.segments.push(segment);
  state.durablePoints.raiseAll(group.points.values());
  state.writing = null;
  const effects: LogEffect[] = [{ kind: "durable", index: group.lastIndex }, ...next(state, nowMs)];
  if (!state.diskFull) return effects;
  state.diskFull = false;
  return [{ kind: "disk has room" }, ...effects];
}

function failed(state: LogState, operation: Operation, error: unknown, nowMs: number): LogEffect[] {
  const segment = state.writing?.encoder.segment;
  const durableBytes = segment?.bytes ?? 0;
  const failure = `${operation} of segment ${segment?.number ?? 0} failed: ${messageOf(error)}`;
  // Only a write promises nothing before it succeeds; after a failed fsync nobody knows what the disk holds.
  const retry = (operation === "open" || operation === "write" || operation === "reserve") && isDiskFull(error);
  if (!retry || state.closing) {
    state.failure = `${failure}; restart the exporter when the disk is in order`;
    const effect: LogEffect = { kind: "failed", reason: state.failure, durableBytes };
    return state.closing ? [effect, { kind: "closed" }] : [effect];
  }
  const told: LogEffect[] = state.diskFull ? [] : [{ kind: "disk full", failure }];
  state.diskFull = true;
  state.diskFullFailures++;
  // A part of the reserve may have been written.
  if (operation === "reserve") state.reserved = true;
  const undo = operation === "write"
    ? begin(state, { kind: "cut", bytes: durableBytes })
    : waitForRoom(state, nowMs);
  return [...told, ...undo];
}

function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

function trim(state: LogState, segment: number): LogEffect[] {
  const newest = state.segments.at(-1)?.number ?? 0;
  const kept = state.segments.findIndex(({ number }) => number >= Math.min(segment, newest));
  const removed = state.segments.splice(0, Math.max(0, kept));
  for (const { shapeIds } of removed) {
    for (const id of shapeIds) state.shapes.release(id);
  }
  return removed.length === 0 ? [] : [{ kind: "remove", segments: removed }];
}

function close(state: LogState, nowMs: number): LogEffect[] {
  if (state.closing) return [];
  state.closing = true;
  if (state.failure !== null) return [{ kind: "closed" }];
  if (state.operation === null) return next(state, nowMs);
  if (state.operation !== "wait") return [];
  state.operation = null;
  return [{ kind: "cancel wait" }, ...next(state, nowMs)];
}
