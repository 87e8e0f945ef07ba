import type { ExporterAddress } from "./addresses.ts";
import { backoffMs, lastGrowingAttempt } from "./backoff.ts";
import { chooseExporter } from "./choose_exporter.ts";
import { type Effect, type Instant, type Note, type SenderState, sendingRun, timings } from "./sender_state.ts";

/**
 * How soon the next attempt follows: `now` to an exporter that has not failed since the last WELCOME, if there is
 * one; `soon` with the growing backoff; `late` with the longest, after a defect that trying again does not mend.
 */
export type Return = "now" | "soon" | "late";

/** Connects to an exporter, or waits until one is known. */
export function connect(state: SenderState, now: Instant, effects: Effect[]): void {
  const { random } = state.config;
  let chosen = chooseExporter(state.addresses, state.avoided, random);
  if (chosen === null) {
    state.avoided.clear();
    chosen = chooseExporter(state.addresses, state.avoided, random);
  }
  if (chosen === null) {
    state.link = { phase: "idle" };
    return;
  }
  const deadlineMs = now.monotonicMs + timings.greetingMs;
  state.link = { phase: "connecting", address: chosen.address, deadlineMs };
  effects.push({ type: "connect", address: chosen.address });
}

/** Closes the connection that there is, and returns as `when` says. */
export function leave(state: SenderState, reason: string, when: Return, now: Instant, effects: Effect[]): void {
  effects.push({ type: "close", reason });
  lostConnection(state, reason, when, now, effects);
}

/** The connection has ended: nothing is in flight any more, and another one is due. */
export function lostConnection(
  state: SenderState,
  reason: string,
  when: Return,
  now: Instant,
  effects: Effect[],
): void {
  const { link } = state;
  if (!("address" in link)) throw new Error(`Cannot lose a connection in phase ${link.phase}`);
  sendingRun(state).spool.rewind();
  state.isChangingRuns = false;
  state.avoided.add(link.address);
  const message = link.phase === "streaming" ? "session with exporter ended" : "cannot reach exporter";
  effects.push(note(when === "late" ? "error" : "warn", message, { address: link.address, reason }));
  const attempt = state.attempt++;
  if (when === "now" && state.addresses.some(({ address }) => !state.avoided.has(address))) {
    connect(state, now, effects);
    return;
  }
  const delayMs = backoffMs(when === "late" ? lastGrowingAttempt : attempt, state.config.random);
  state.link = { phase: "waiting", untilMs: now.monotonicMs + delayMs };
}

/**
 * Takes a new list of exporters. A session stays where it is as long as it is healthy, whatever the load elsewhere;
 * an exporter that is no longer listed is left after a while, if there is another. An empty list means that the
 * registry could not tell, so the last one stays in force.
 */
export function changeAddresses(
  state: SenderState,
  addresses: readonly ExporterAddress[],
  now: Instant,
  effects: Effect[],
): void {
  if (addresses.length === 0) return;
  const before = new Set(state.addresses.map(({ address }) => address));
  state.addresses = addresses;
  const { link } = state;
  switch (link.phase) {
    case "idle":
      connect(state, now, effects);
      break;
    case "waiting":
      // Somebody new may take us, so there is no need to wait out what the others earned.
      if (addresses.every(({ address }) => before.has(address))) break;
      state.attempt = 0;
      link.untilMs = Math.min(link.untilMs, now.monotonicMs + backoffMs(0, state.config.random));
      break;
    case "streaming":
      if (addresses.some(({ address }) => address === link.address)) link.absentSinceMs = null;
      else link.absentSinceMs ??= now.monotonicMs;
      break;
    case "connecting":
    case "greeting":
    case "stopped":
      break;
  }
}

export function note(level: Note["level"], message: string, fields: Note["fields"]): Note {
  return { type: "note", level, message, fields };
}
