/**
 * Whose turn it is while there is a backlog, that is, something that earlier starts have left. Each start has an epoch
 * of its own, and a session is about one epoch, so that changing turns means another session.
 *
 *      backlog alone, 30 s | fresh, 5 s and until it has caught up | backlog, 5 s | fresh | ... until there is no backlog
 *
 * A backlog that is gone within its first turn arrives in the order of time, which sinks such as Prometheus insist on.
 * A longer one may take hours: new records wait for it a few seconds at a time then, and it gets at most half of the time.
 */

import { type Effect, type Instant, type SenderState, sendingRun, timings } from "./sender_state.ts";

/** A session has been opened: its turn begins, if it has not before. */
export function beginTurn(state: SenderState, now: Instant): void {
  const { turn } = state;
  if (turn.endsAtMs !== null || !hasBacklog(state)) return;
  turn.endsAtMs = now.monotonicMs + turn.lengthMs;
  turn.catchUpTo = turn.isFresh ? state.spool.lastSequence : 0;
}

/** Ends the session of a turn that is over, once all that is in flight is acknowledged. */
export function changeTurns(state: SenderState, now: Instant, effects: Effect[]): void {
  const { link } = state;
  if (link.phase !== "streaming" || !hasBacklog(state)) return;
  link.isEnding ||= isOver(state, now);
  if (!link.isEnding || sendingRun(state).spool.inFlightBytes > 0) return;
  const { turn } = state;
  endSession(state, effects);
  turn.isFresh = !turn.isFresh;
  turn.endsAtMs = null;
  turn.lengthMs = state.config.turns?.turnMs ?? timings.turnMs;
  if (turn.isFresh) reconnect(state, link.address, now, effects);
  else state.link = { phase: "waiting", untilMs: now.monotonicMs + timings.pauseMs };
}

/** All of a run of an earlier start is acknowledged. Its session ends; that of another run goes on. */
export function endEmptyRuns(state: SenderState, now: Instant, effects: Effect[]): void {
  const sending = sendingRun(state);
  for (let run = state.runs[0]; hasBacklog(state) && run?.spool.isEmpty; run = state.runs[0]) {
    state.runs.shift();
    const fields = { epoch: String(run.epoch) };
    effects.push({ type: "note", level: "info", message: "what an earlier start had left is delivered", fields });
    effects.push({ type: "runEnded", epoch: run.epoch });
  }
  const { link, turn } = state;
  const isDone = !hasBacklog(state);
  if (isDone) turn.isFresh = true;
  if (sendingRun(state) === sending) {
    if (isDone && link.phase === "streaming") link.isEnding = false;
    return;
  }
  if (!("address" in link)) return;
  endSession(state, effects);
  reconnect(state, link.address, now, effects);
}

function hasBacklog({ runs }: SenderState): boolean {
  return runs.length > 1;
}

function isOver(state: SenderState, { monotonicMs }: Instant): boolean {
  const { turn, spool } = state;
  if (turn.endsAtMs === null || monotonicMs < turn.endsAtMs) return false;
  return turn.isFresh ? spool.highestAcknowledged >= turn.catchUpTo : !spool.isEmpty;
}

function endSession(state: SenderState, effects: Effect[]): void {
  sendingRun(state).spool.rewind();
  state.isChangingRuns = true;
  effects.push({ type: "close", reason: "the turn of another epoch" });
}

function reconnect(state: SenderState, address: string, now: Instant, effects: Effect[]): void {
  state.link = { phase: "connecting", address, deadlineMs: now.monotonicMs + timings.greetingMs };
  effects.push({ type: "connect", address });
}
