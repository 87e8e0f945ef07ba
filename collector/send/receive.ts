import { MalformedError } from "../../core/protocol/bytes.ts";
import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import {
  decodeCredit,
  decodeSessionError,
  decodeUnknown,
  decodeWelcome,
  SessionErrorCode,
} from "../../core/protocol/session.ts";
import { leave, note, type Return } from "./link.ts";
import { lossReasons } from "./loss_reasons.ts";
import {
  type Effect,
  type Greeting,
  type Instant,
  makeSession,
  type SenderState,
  sendingRun,
  type Session,
} from "./sender_state.ts";
import { transmit } from "./transmit.ts";
import { beginTurn, endEmptyRuns } from "./turns.ts";

/** As many UNKNOWNs in a row for one sequence as the exporter may send (docs/protocol.md, section 6). */
const unknownsMax = 4;

/** Takes a frame from the exporter. One that it must not send ends the connection. */
export function receive(state: SenderState, frame: Frame, now: Instant, effects: Effect[]): void {
  const { link } = state;
  if (!("address" in link)) return;
  try {
    if (frame.type === FrameType.error) refuse(state, frame, now, effects);
    else if (link.phase === "streaming") receiveInSession(state, link, frame, now, effects);
    else if (link.phase === "greeting") receiveInGreeting(state, link, frame, now, effects);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    leave(state, error.message, "late", now, effects);
  }
}

function receiveInGreeting(
  state: SenderState,
  greeting: Greeting,
  frame: Frame,
  now: Instant,
  effects: Effect[],
): void {
  if (frame.type === FrameType.heartbeat) return;
  if (frame.type !== FrameType.welcome) throw new MalformedError(`Cannot take frame of type ${frame.type} as WELCOME`);
  const welcome = decodeWelcome(frame.body);
  const { address } = greeting;
  const { exporter } = welcome;
  const resumeAfter = Number(frame.id);
  // Dropping records which this collector never sent as acknowledged would lose them in silence.
  const { spool } = sendingRun(state);
  if (resumeAfter > spool.highestSent) {
    const message = "another collector uses this identity and epoch: give each collector a name of its own";
    effects.push(note("error", message, { address, exporter, sequence: resumeAfter, sent: spool.highestSent }));
    leave(state, `WELCOME of sequence ${resumeAfter}, which was never sent`, "late", now, effects);
    return;
  }
  spool.acknowledge(resumeAfter);
  const session = makeSession(greeting, welcome, now.monotonicMs);
  state.link = session;
  state.attempt = 0;
  state.avoided.clear();
  state.notedLosses.clear();
  beginTurn(state, now);
  if (!state.isChangingRuns) {
    state.sessions++;
    const { records } = state.spool.books.unacknowledged;
    effects.push(note("info", "session with exporter opened", { address, exporter, resumeAfter, records }));
  }
  state.isChangingRuns = false;
  transmit(state, session, now, effects);
  endEmptyRuns(state, now, effects);
}

function receiveInSession(state: SenderState, session: Session, frame: Frame, now: Instant, effects: Effect[]): void {
  session.lastReceivedMs = now.monotonicMs;
  switch (frame.type) {
    case FrameType.heartbeat:
      // Not answered: the exporter answers ours, and the two would never stop.
      return;
    case FrameType.ack:
      acknowledge(state, Number(frame.id));
      break;
    case FrameType.unknown:
      sendAgain(state, session, frame, effects);
      break;
    case FrameType.credit:
      session.windowBytes = decodeCredit(frame.body);
      break;
    default:
      throw new MalformedError(`Cannot take frame of type ${frame.type} from an exporter`);
  }
  transmit(state, session, now, effects);
  endEmptyRuns(state, now, effects);
}

function acknowledge(state: SenderState, sequence: number): void {
  const { spool } = sendingRun(state);
  const { highestInFlight } = spool;
  if (sequence > highestInFlight) {
    throw new MalformedError(`Cannot take ACK of sequence ${sequence}: only ${highestInFlight} was sent`);
  }
  spool.acknowledge(sequence);
}

/** UNKNOWN: the exporter has discarded everything from a sequence on, since it lacks shapes. */
function sendAgain(state: SenderState, session: Session, frame: Frame, effects: Effect[]): void {
  const sequence = Number(frame.id);
  const count = session.unknown.sequence === sequence ? session.unknown.count + 1 : 1;
  session.unknown = { sequence, count };
  const missing = decodeUnknown(frame.body);
  const { spool } = sendingRun(state);
  const record = spool.goBack(sequence);
  if (record === null) {
    throw new MalformedError(`Cannot go back to sequence ${sequence}: no scrapes are in flight there`);
  }
  if (count > unknownsMax) throw new MalformedError(`Cannot satisfy UNKNOWN of sequence ${sequence}: asked too often`);
  const shapes = new Map(record.shapes.map((shape) => [shape.id, shape]));
  for (const id of missing) {
    const shape = shapes.get(id);
    if (shape !== undefined) {
      session.seen.forget(shape);
      continue;
    }
    // Nobody will ever be able to decode the record, and it would hold up all that follow.
    spool.giveUp(record, lossReasons.shapeMissing);
    effects.push(note("error", "record lost: it lacks a shape that its body refers to", { sequence, shape: id }));
    return;
  }
}

function refuse(state: SenderState, frame: Frame, now: Instant, effects: Effect[]): void {
  const { code, message } = decodeSessionError(frame.body);
  leave(state, `exporter says: ${message} (code ${code})`, returnAfter(code), now, effects);
}

function returnAfter(code: number): Return {
  switch (code) {
    case SessionErrorCode.draining:
    case SessionErrorCode.overloaded:
      return "now";
    case SessionErrorCode.version:
      return "soon";
    default:
      return "late";
  }
}
