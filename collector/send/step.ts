import { FrameType } from "../../core/protocol/frame.ts";
import { encodeHello } from "../../core/protocol/session.ts";
import { changeAddresses, connect, leave, lostConnection, note } from "./link.ts";
import type { OutboundRecord } from "./outbox.ts";
import { receive } from "./receive.ts";
import {
  type Effect,
  type Instant,
  nextDeadlineMs,
  type SenderEvent,
  type SenderState,
  sendingRun,
  type Session,
  timings,
} from "./sender_state.ts";
import { transmit, transmitHeartbeat, writeBytesMax, writeControl } from "./transmit.ts";
import { changeTurns, endEmptyRuns } from "./turns.ts";

/** Takes the state forward by one event, in place, and returns what is to be done, in order. */
export function step(state: SenderState, event: SenderEvent, now: Instant): Effect[] {
  const effects: Effect[] = [];
  handle(state, event, now, effects);
  changeTurns(state, now, effects);
  // Deadlines move away with each frame. A timer that is set too early ticks once for nothing, which is cheaper.
  const deadlineMs = nextDeadlineMs(state, now.monotonicMs);
  if (deadlineMs !== null && deadlineMs < (state.timerAtMs ?? Infinity)) {
    state.timerAtMs = deadlineMs;
    effects.push({ type: "timer", atMs: deadlineMs });
  }
  return effects;
}

function handle(state: SenderState, event: SenderEvent, now: Instant, effects: Effect[]): void {
  const { link } = state;
  switch (event.type) {
    case "push":
      push(state, event.record, now, effects);
      break;
    case "addresses":
      changeAddresses(state, event.addresses, now, effects);
      break;
    case "connected":
      if (link.phase === "connecting") greet(state, link.address, now, effects);
      break;
    case "frame":
      receive(state, event.frame, now, effects);
      break;
    case "writable":
      if (link.phase === "greeting") link.isBlocked = false;
      if (link.phase !== "streaming") break;
      link.blockedSinceMs = null;
      transmit(state, link, now, effects);
      break;
    case "disconnected":
      if ("address" in link) lostConnection(state, event.reason, "soon", now, effects);
      break;
    case "stored":
      if (link.phase === "streaming") transmit(state, link, now, effects);
      endEmptyRuns(state, now, effects);
      break;
    case "tick":
      // It may be early for the deadline, which is then set once more.
      state.timerAtMs = null;
      tick(state, now, effects);
      break;
    case "stop":
      if ("address" in link) effects.push({ type: "close", reason: "the collector stops" });
      sendingRun(state).spool.rewind();
      state.link = { phase: "stopped" };
      state.timerAtMs = null;
      effects.push({ type: "timer", atMs: null });
      break;
  }
}

function push(state: SenderState, record: OutboundRecord, now: Instant, effects: Effect[]): void {
  const lost = state.spool.push(record);
  if (lost !== null && !state.notedLosses.has(lost)) {
    state.notedLosses.add(lost);
    const { budgetBytes } = state.config;
    effects.push(note("warn", "records are being lost", { reason: lost, heldBytes: state.spool.bytes, budgetBytes }));
  }
  const { link } = state;
  if (link.phase !== "streaming" || !sendingRun(state).spool.mayTake(link.windowBytes)) return;
  if (record.body.length >= writeBytesMax) transmit(state, link, now, effects);
  else link.flushAtMs ??= now.monotonicMs + timings.flushMs;
}

function greet(state: SenderState, address: string, now: Instant, effects: Effect[]): void {
  const { identity, token } = state.config;
  const { epoch, spool } = sendingRun(state);
  state.link = { phase: "greeting", address, deadlineMs: now.monotonicMs + timings.greetingMs, isBlocked: true };
  const hello = encodeHello({
    ...identity,
    epoch,
    token: token(),
    nextSequence: spool.firstSequence,
    wantsCoding: true,
  });
  writeControl(FrameType.hello, hello, now, effects);
}

function tick(state: SenderState, now: Instant, effects: Effect[]): void {
  const { link } = state;
  switch (link.phase) {
    case "waiting":
      if (now.monotonicMs >= link.untilMs) connect(state, now, effects);
      break;
    case "connecting":
    case "greeting":
      if (now.monotonicMs < link.deadlineMs) break;
      leave(state, link.phase === "connecting" ? "connecting took too long" : "no WELCOME", "soon", now, effects);
      break;
    case "streaming":
      tickSession(state, link, now, effects);
      break;
    case "idle":
    case "stopped":
      break;
  }
}

function tickSession(state: SenderState, session: Session, now: Instant, effects: Effect[]): void {
  const passed = (sinceMs: number | null, limitMs: number) => sinceMs !== null && now.monotonicMs >= sinceMs + limitMs;
  const silenceSeconds = timings.silenceMs / 1000;
  if (passed(session.lastReceivedMs, timings.silenceMs)) {
    leave(state, `silent for ${silenceSeconds} s`, "soon", now, effects);
  } else if (passed(session.blockedSinceMs, timings.silenceMs)) {
    leave(state, `took nothing for ${silenceSeconds} s`, "soon", now, effects);
  } else if (passed(session.absentSinceMs, timings.absenceMs)) {
    leave(state, "it left the registry", "now", now, effects);
  } else {
    if (passed(session.flushAtMs, 0)) transmit(state, session, now, effects);
    if (passed(session.lastSentMs, timings.heartbeatMs) && session.blockedSinceMs === null) {
      transmitHeartbeat(session, now, effects);
    }
  }
}
