import { nameProblem } from "../../core/config/names.ts";
import { MalformedError } from "../../core/protocol/bytes.ts";
import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import { ScrapeDecoder } from "../../core/protocol/scrape_decoder.ts";
import {
  type CollectorIdentity,
  decodeHello,
  decodeSessionError,
  encodeCredit,
  encodeWelcome,
  protocolVersion,
  SessionErrorCode,
} from "../../core/protocol/session.ts";
import { maySend } from "../access/access.ts";
import type { Origin } from "../wal/wal.ts";
import { takeCoded, takeLost, takeOldRecord, takeOpaque, takeScrapes } from "./sequenced.ts";
import {
  type CloseReason,
  isThrottled,
  noEffects,
  ProtocolError,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from "./session_state.ts";
import { takeShape } from "./shapes.ts";
import { onTick, setBlocked, setPaused } from "./timeouts.ts";

const emptyBody = new Uint8Array(0);

/**
 * One step of a connection's conversation: changes `state` and returns what is to be done, in order. It does no I/O,
 * and after the step that closes it does nothing any more. `nowMs` is monotonic.
 */
export function step(state: SessionState, event: SessionEvent, nowMs: number): readonly SessionEffect[] {
  if (state.phase === "closed") return noEffects;
  const wasThrottled = isThrottled(state);
  let effects: readonly SessionEffect[];
  try {
    effects = handle(state, event, nowMs);
  } catch (error) {
    if (error instanceof ProtocolError) effects = protocolError(state, error.reason, error.message);
    else if (error instanceof MalformedError) effects = protocolError(state, "malformed", error.message);
    else throw error;
  }
  // Time in which nothing is read is no silence of the peer.
  if (wasThrottled && !isThrottled(state)) state.lastReceivedMs = nowMs;
  for (const effect of effects) {
    if (effect.type === "send") state.lastSentMs = nowMs;
    if (effect.type === "close") state.phase = "closed";
  }
  return effects;
}

function handle(state: SessionState, event: SessionEvent, nowMs: number): readonly SessionEffect[] {
  switch (event.type) {
    case "received":
      state.lastReceivedMs = nowMs;
      break;
    case "frame":
      return state.draining ? noEffects : onFrame(state, event.frame);
    case "broken":
      return close(event.reason, event.message, null);
    case "registered":
      state.barrierIndex = event.barrierIndex;
      if (state.wantsCoding && event.baseBytes > 0) state.decoder = new ScrapeDecoder(event.baseBytes);
      return onDurable(state, event.durableIndex);
    case "refused":
      return close("older_epoch", `epoch ${event.newerEpoch} is connected`, SessionErrorCode.protocol);
    case "replaced":
      return close("replaced", `epoch ${event.byEpoch} has connected anew`, SessionErrorCode.protocol);
    case "appended":
      state.pending.push(event.index, event.sequence, event.bytes);
      break;
    case "durable":
      return onDurable(state, event.index);
    case "paused":
    case "resumed":
      setPaused(state, event.type === "paused", nowMs);
      break;
    case "blocked":
    case "unblocked":
      setBlocked(state, event.type === "blocked", nowMs);
      return acknowledge(state);
    case "tick":
      return onTick(state, nowMs);
    case "overloaded":
      return close("overloaded", event.message, isSession(state) ? SessionErrorCode.overloaded : null);
    case "window":
      return setWindow(state, event.bytes);
    case "access_changed":
      return checkAccess(state);
    case "draining":
      state.draining = true;
      break;
    case "stopped":
      return close("draining", event.message, isSession(state) ? SessionErrorCode.draining : null);
    case "gone":
      state.phase = "closed";
      break;
  }
  return noEffects;
}

function onFrame(state: SessionState, frame: Frame): readonly SessionEffect[] {
  switch (state.phase) {
    case "opening":
      return frame.type === FrameType.hello ? onHello(state, frame) : onFirstOldFrame(state, frame);
    case "old":
      return onOldFrame(state, frame);
    case "greeting":
      if (frame.type === FrameType.heartbeat) return heartbeat();
      if (frame.type === FrameType.error) return onPeerError(frame);
      throw new ProtocolError("early_frame", `Cannot take a frame of type ${frame.type} before WELCOME`);
    case "open":
      return onSessionFrame(state, frame);
    case "closed":
      break;
  }
  return noEffects;
}

/** An old client has no token; the certificate of one that has one must allow it to send. */
function onFirstOldFrame(state: SessionState, frame: Frame): readonly SessionEffect[] {
  const problem = oldClientProblem(state);
  if (problem !== null) return close("unauthorized", problem, null);
  state.phase = "old";
  return onOldFrame(state, frame);
}

function oldClientProblem(state: SessionState): string | null {
  const { access } = state.context;
  if (!access.required) return null;
  state.grant = access.identify("", state.peer);
  if (state.grant === null) return access.oldClients ? null : "clients without HELLO are not served";
  return state.grant.role === "collector" ? null : "the certificate does not allow to send";
}

function onOldFrame(state: SessionState, frame: Frame): readonly SessionEffect[] {
  if (frame.type === FrameType.blueKing || frame.type === FrameType.record) return takeOldRecord(state, frame);
  if (frame.type === FrameType.heartbeat) return heartbeat();
  throw new ProtocolError("frame_type", `Cannot take a frame of type ${frame.type} without HELLO`);
}

function onSessionFrame(state: SessionState, frame: Frame): readonly SessionEffect[] {
  const origin = originOf(state);
  switch (frame.type) {
    case FrameType.scrapes:
      return takeScrapes(state, origin, frame);
    case FrameType.coded:
      return takeCoded(state, origin, frame);
    case FrameType.schema:
    case FrameType.target:
      takeShape(state, frame.type, frame.body);
      return noEffects;
    case FrameType.heartbeat:
      return heartbeat();
    case FrameType.blueKing:
    case FrameType.record:
      return takeOpaque(state, origin, frame);
    case FrameType.lost:
      return takeLost(state, origin, frame);
    case FrameType.error:
      return onPeerError(frame);
    default:
      throw new ProtocolError("frame_type", `Cannot take a frame of type ${frame.type} from a collector`);
  }
}

function onHello(state: SessionState, frame: Frame): readonly SessionEffect[] {
  const version = frame.body[0];
  if (version !== undefined && version !== protocolVersion) {
    const message = `version ${version} is not served, ${protocolVersion} is`;
    return close("version", message, SessionErrorCode.version);
  }
  // From here on the peer is one that understands ERROR.
  state.phase = "greeting";
  const hello = decodeHello(frame.body);
  for (const part of ["cluster", "namespace", "name"] as const) {
    const problem = nameProblem(hello[part]);
    if (problem !== null) throw new ProtocolError("identity", `Cannot accept ${part} "${hello[part]}": it ${problem}`);
  }
  if (!Number.isSafeInteger(hello.nextSequence) || hello.nextSequence < 1) {
    throw new ProtocolError("malformed", `Cannot begin at sequence ${hello.nextSequence}`);
  }
  const { cluster, namespace, name, epoch, nextSequence } = hello;
  state.token = hello.token;
  state.wantsCoding = hello.wantsCoding === true;
  const problem = accessProblem(state, hello);
  if (problem !== null) return close("unauthorized", problem, SessionErrorCode.unauthorized);
  state.origin = { cluster, namespace, name, epoch };
  state.helloSequence = nextSequence;
  state.barrierIndex = Infinity;
  return [{ type: "register", origin: state.origin }];
}

/** Why the peer may not be this collector; null, with the grant noted, when it may. */
function accessProblem(state: SessionState, { cluster, namespace }: CollectorIdentity): string | null {
  const { access } = state.context;
  const grant = access.identify(state.token, state.peer);
  if (grant === null) return state.token === "" ? "a token is needed" : "the token is not accepted";
  if (!maySend(grant, { cluster, namespace })) {
    return `"${grant.name}" does not allow to send for ${cluster}/${namespace}`;
  }
  state.grant = access.required ? grant : null;
  return null;
}

/** A token that was revoked, or allows something else now, ends the session at once. */
function checkAccess(state: SessionState): readonly SessionEffect[] {
  if (state.phase === "old") {
    const problem = oldClientProblem(state);
    return problem === null ? noEffects : close("unauthorized", problem, null);
  }
  if (state.origin === null) return noEffects;
  const problem = accessProblem(state, state.origin);
  state.judged = new WeakMap();
  return problem === null ? noEffects : close("unauthorized", problem, SessionErrorCode.unauthorized);
}

function setWindow(state: SessionState, bytes: number): readonly SessionEffect[] {
  state.windowBytes = bytes;
  if (state.phase !== "open" || state.draining) return noEffects;
  return [{ type: "send", frameType: FrameType.credit, id: 0n, body: encodeCredit(bytes) }];
}

/** The resume point is exact only now, when nothing of this identity is on its way to the disk any more. */
function welcome(state: SessionState): readonly SessionEffect[] {
  const { context } = state;
  const resumePoint = context.resumePoint(originOf(state));
  state.phase = "open";
  state.expected = Math.max(state.helloSequence, resumePoint + 1);
  state.durableSequence = resumePoint;
  state.ackedSequence = resumePoint;
  const { windowBytes, decoder } = state;
  const body = encodeWelcome({ windowBytes, exporter: context.exporter, baseBytes: decoder?.budgetBytes ?? 0 });
  return [
    { type: "send", frameType: FrameType.welcome, id: BigInt(resumePoint), body },
    { type: "welcomed", resumePoint, expected: state.expected },
  ];
}

function onDurable(state: SessionState, index: number): readonly SessionEffect[] {
  if (state.phase === "greeting") return index < state.barrierIndex || state.draining ? noEffects : welcome(state);
  state.durableSequence = state.pending.durable(index) ?? state.durableSequence;
  return acknowledge(state);
}

/** A peer that takes nothing gets one ACK when it does again, and not all those that it has missed. */
function acknowledge(state: SessionState): readonly SessionEffect[] {
  if (state.durableSequence <= state.ackedSequence || state.blockedSinceMs !== null) return noEffects;
  state.ackedSequence = state.durableSequence;
  return [{ type: "send", frameType: FrameType.ack, id: BigInt(state.ackedSequence), body: emptyBody }];
}

function heartbeat(): readonly SessionEffect[] {
  return [{ type: "send", frameType: FrameType.heartbeat, id: 0n, body: emptyBody }];
}

function onPeerError(frame: Frame): readonly SessionEffect[] {
  const { code, message } = decodeSessionError(frame.body);
  return close("peer_error", `the collector reports error ${code}: ${message}`, null);
}

function protocolError(state: SessionState, reason: CloseReason, message: string): readonly SessionEffect[] {
  return close(reason, message, isSession(state) ? SessionErrorCode.protocol : null);
}

function close(reason: CloseReason, message: string, errorCode: number | null): readonly SessionEffect[] {
  return [{ type: "close", reason, message, errorCode }];
}

/** Whether the peer has said HELLO, and so understands ERROR. */
function isSession(state: SessionState): boolean {
  return state.phase === "greeting" || state.phase === "open";
}

function originOf(state: SessionState): Origin {
  if (state.origin === null) throw new Error("A session has an origin from HELLO on");
  return state.origin;
}
