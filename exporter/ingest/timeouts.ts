import { FrameType } from "../../core/protocol/frame.ts";
import { blockedMaxMs, heartbeatAfterMs, helloMaxMs, otherSilenceMaxMs, sessionSilenceMaxMs } from "./limits.ts";
import { isThrottled, noEffects, type SessionEffect, type SessionState } from "./session_state.ts";

/** Heartbeats and silence (docs/protocol.md, section 7). Called about every second. */
export function onTick(state: SessionState, nowMs: number): readonly SessionEffect[] {
  const { blockedSinceMs } = state;
  if (blockedSinceMs !== null) {
    return nowMs - blockedSinceMs < blockedMaxMs ? noEffects : silent("blocked", "takes nothing", blockedMaxMs);
  }
  const inSession = state.phase === "greeting" || state.phase === "open";
  const silenceMaxMs = inSession ? sessionSilenceMaxMs : otherSilenceMaxMs;
  const idle = !state.paused && !isThrottled(state);
  if (idle && state.phase === "opening" && state.context.access.required && nowMs - state.openedMs >= helloMaxMs) {
    return silent("silent", "says no HELLO", helloMaxMs);
  }
  if (idle && nowMs - state.lastReceivedMs >= silenceMaxMs) return silent("silent", "is silent", silenceMaxMs);
  // An old client expects a heartbeat only as an answer; while its own are not read, this is it.
  const owesHeartbeat = inSession || (state.phase === "old" && state.paused);
  if (!owesHeartbeat || nowMs - state.lastSentMs < heartbeatAfterMs) return noEffects;
  return [{ type: "send", frameType: FrameType.heartbeat, id: 0n, body: new Uint8Array(0) }];
}

/** Time in which nothing is read is no silence of the peer. */
export function setPaused(state: SessionState, paused: boolean, nowMs: number): void {
  state.paused = paused;
  if (!paused) state.lastReceivedMs = nowMs;
}

/** A peer that takes nothing is not read from either, or the answers to it would pile up. */
export function setBlocked(state: SessionState, blocked: boolean, nowMs: number): void {
  state.blockedSinceMs = blocked ? state.blockedSinceMs ?? nowMs : null;
  if (!blocked) state.lastReceivedMs = nowMs;
}

function silent(reason: "blocked" | "silent", what: string, maxMs: number): readonly SessionEffect[] {
  return [{ type: "close", reason, message: `the peer ${what} for ${maxMs / 1000} s`, errorCode: null }];
}
