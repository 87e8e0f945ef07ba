import { encodeFrame, FrameType, toNanoseconds } from "../../core/protocol/frame.ts";
import { type Effect, type Instant, type SenderState, sendingRun, type Session } from "./sender_state.ts";

/** A write ends with the frame that takes it past this: large enough to be cheap, small enough to notice a slow peer. */
export const writeBytesMax = 256 * 1024;

/** Writes one frame of the session's own: HELLO or a heartbeat. */
export function writeControl(type: number, body: Uint8Array, now: Instant, effects: Effect[]): void {
  const bytes = encodeFrame({ type, id: 0n, timestampNs: toNanoseconds(now.wallMs), body });
  effects.push({ type: "write", bytes });
}

/**
 * Writes as many entries as window and size of a write allow, each after the shapes that this connection has not
 * seen. Nothing while the connection is blocked: it says when it takes more.
 */
export function transmit(state: SenderState, session: Session, now: Instant, effects: Effect[]): void {
  if (session.blockedSinceMs !== null) return;
  session.flushAtMs = null;
  if (session.isEnding) return;
  const { spool } = sendingRun(state);
  const { batch, coding } = session;
  while (batch.bytes < writeBytesMax && spool.mayTake(session.windowBytes)) {
    const entry = spool.take();
    for (const shape of entry.shapes) {
      if (!session.seen.add(shape)) continue;
      batch.add({ type: shape.frameType, id: 0n, timestampNs: toNanoseconds(now.wallMs), body: shape.body });
    }
    const { frameType, id, body, shapes } = entry;
    const timestampNs = toNanoseconds(entry.timestampMs);
    // What is coded changes what the next is coded against, so that it happens here, where it is certain to be sent.
    if (frameType === FrameType.scrapes && coding?.takes(body) === true) {
      batch.addCoded({ id, timestampNs, body }, (into) => coding.encode(body, shapes, into));
    } else batch.add({ type: frameType, id, timestampNs, body });
  }
  if (batch.frameCount === 0) return;
  state.sentFrames += batch.frameCount;
  session.lastSentMs = now.monotonicMs;
  session.blockedSinceMs = now.monotonicMs;
  const bytes = batch.take();
  state.sentBytes += bytes.length;
  effects.push({ type: "write", bytes });
}

/** Sends a heartbeat, which also blocks the connection until it says that it takes more. */
export function transmitHeartbeat(session: Session, now: Instant, effects: Effect[]): void {
  session.lastSentMs = now.monotonicMs;
  session.blockedSinceMs = now.monotonicMs;
  writeControl(FrameType.heartbeat, new Uint8Array(0), now, effects);
}
