import type { Random } from "../../core/runtime/env.ts";
import { backoffMs } from "../send/backoff.ts";
import { pickService } from "./candidates.ts";
import { readMessage } from "./messages.ts";
import type { ServerSentEvent } from "./sse_reader.ts";
import {
  absenceMs,
  askMs,
  openMs,
  type Phase,
  restoredMs,
  servicesMax,
  silentMs,
  stableMs,
  type SubscriptionEffect,
  type SubscriptionEvent,
  type SubscriptionState,
} from "./state.ts";

/** Monotonic milliseconds, and chance. */
export interface StepContext {
  readonly nowMs: number;
  readonly random: Pick<Random, "float">;
}

type Following = Extract<Phase, { type: "following" }>;

/**
 * Follows one collection on the stream of a service: asks a service for all of them, picks one at random, subscribes,
 * and goes to another when it fails, falls silent, cannot read its store, or knows older generations than we do.
 * What was reported stays in force meanwhile.
 */
export function stepSubscription(
  state: SubscriptionState,
  event: SubscriptionEvent,
  context: StepContext,
): SubscriptionEffect[] {
  if (state.phase.type === "closed") return [];
  switch (event.type) {
    case "start":
      state.generation = event.generation;
      state.startedAtMs = context.nowMs;
      return ask(state, context);
    case "services":
      return choose(state, event.urls, context);
    case "failed":
      return fail(state, event.reason, context);
    case "opened":
      return follow(state, context);
    case "heard":
      if (state.phase.type === "following") state.phase.heardAtMs = context.nowMs;
      return [];
    case "message":
      return state.phase.type === "following" ? take(state, state.phase, event.message, context) : [];
    case "woken":
      return wake(state, context);
    case "close":
      state.phase = { type: "closed" };
      return [{ type: "drop" }];
  }
  return event satisfies never;
}

function ask(state: SubscriptionState, { random }: StepContext): SubscriptionEffect[] {
  const url = pickService(state, random);
  state.phase = { type: "asking", url };
  return [{ type: "ask", url }, { type: "wake", delayMs: askMs }];
}

function choose(state: SubscriptionState, urls: readonly string[], { random }: StepContext): SubscriptionEffect[] {
  if (state.phase.type !== "asking") return [];
  // A service that is not registered itself, as while its store is out of reach, is still one that answers.
  state.known = urls.length === 0 ? [state.phase.url] : [...new Set(urls)].slice(0, servicesMax);
  const url = pickService(state, random);
  state.phase = { type: "opening", url };
  const lastEventId = state.generation > 0 && state.digest !== null ? String(state.generation) : null;
  return [{ type: "open", url, lastEventId }, { type: "wake", delayMs: openMs }];
}

function follow(state: SubscriptionState, { nowMs }: StepContext): SubscriptionEffect[] {
  if (state.phase.type !== "opening") return [];
  const { url } = state.phase;
  state.phase = {
    type: "following",
    url,
    openedAtMs: nowMs,
    heardAtMs: nowMs,
    isConfirmed: false,
    absentAtMs: null,
  };
  return [
    { type: "wake", delayMs: silentMs },
    { type: "note", level: "info", message: "following the assignment", fields: { service: url } },
  ];
}

function wake(state: SubscriptionState, context: StepContext): SubscriptionEffect[] {
  const { phase } = state;
  switch (phase.type) {
    case "waiting":
      return ask(state, context);
    case "asking":
    case "opening":
      return fail(state, "no answer in time", context);
    case "following":
      return watch(state, phase, context);
    case "idle":
    case "closed":
      return [];
  }
  return phase satisfies never;
}

/** Looks after the times that matter on an open stream. */
function watch(state: SubscriptionState, phase: Following, context: StepContext): SubscriptionEffect[] {
  const silence = context.nowMs - phase.heardAtMs;
  if (silence >= silentMs) return fail(state, `nothing was heard for ${silentMs / 1000} s`, context);
  const effects: SubscriptionEffect[] = [];
  let delayMs = silentMs - silence;
  if (phase.absentAtMs !== null) {
    const leftMs = phase.absentAtMs + absenceMs - context.nowMs;
    if (leftMs <= 0) effects.push(...believeAbsence(state, phase));
    else delayMs = Math.min(delayMs, leftMs);
  }
  return [...effects, { type: "wake", delayMs }];
}

function take(
  state: SubscriptionState,
  phase: Following,
  message: ServerSentEvent,
  context: StepContext,
): SubscriptionEffect[] {
  const read = readMessage(message);
  switch (read.type) {
    case "collection":
      if (read.generation < state.generation && !mayForget(state, context.nowMs)) {
        const reason = `its generation ${read.generation} is older than ${state.generation}, which is in force`;
        return fail(state, reason, context);
      }
      state.generation = read.generation;
      state.digest = read.digest;
      confirm(state, phase);
      return [{ type: "report", event: { type: "document", text: read.text } }];
    case "unchanged":
      if (read.generation !== state.generation || read.digest !== state.digest) {
        // Another history than ours has a generation of this number: the next attempt asks for the whole.
        state.digest = null;
        return fail(state, "its collection is another one than ours of the same generation", context);
      }
      confirm(state, phase);
      return [{ type: "report", event: { type: "available" } }];
    case "absent":
      if (phase.isConfirmed || state.generation === 0) return believeAbsence(state, phase);
      phase.absentAtMs ??= context.nowMs;
      return [{ type: "wake", delayMs: absenceMs }];
    case "unavailable":
      return fail(state, read.reason, context);
    case "bad":
      return fail(state, `it sends what cannot be read: ${read.reason}`, context);
    case "unknown":
      return [];
  }
  return read satisfies never;
}

/** What an earlier run kept may be of a history that is over, which only time can tell. */
function mayForget(state: SubscriptionState, nowMs: number): boolean {
  return state.digest === null && nowMs - state.startedAtMs >= restoredMs;
}

function believeAbsence(state: SubscriptionState, phase: Following): SubscriptionEffect[] {
  state.generation = 0;
  state.digest = null;
  confirm(state, phase);
  return [{ type: "report", event: { type: "absent" } }];
}

function confirm(state: SubscriptionState, phase: Following): void {
  phase.isConfirmed = true;
  phase.absentAtMs = null;
  state.avoided.clear();
}

function fail(state: SubscriptionState, reason: string, { nowMs, random }: StepContext): SubscriptionEffect[] {
  const { phase } = state;
  if (!("url" in phase)) return [];
  if (phase.type === "following" && nowMs - phase.openedAtMs >= stableMs) state.failures = 0;
  state.avoided.add(phase.url);
  state.phase = { type: "waiting" };
  const delayMs = backoffMs(state.failures, random);
  state.failures += 1;
  return [
    { type: "drop" },
    { type: "report", event: { type: "unavailable", reason: `${phase.url}: ${reason}` } },
    { type: "wake", delayMs },
  ];
}
