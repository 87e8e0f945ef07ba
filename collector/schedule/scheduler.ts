import { DueQueue } from "./due_queue.ts";
import { nextTick, offsetOf } from "./tick.ts";

/**
 * When each target is scraped, as a state machine without a clock or a timer of its own.
 *
 * A target's ticks are the moments of the wall clock that `tick.ts` fixes. Ticks are gathered into slots: all that
 * fall into one start together at its end, since waking the process costs more than a scrape does. A target never
 * overlaps itself: a tick that comes while its scrape runs or waits is missed, and counted.
 *
 * A target that is new, or whose definition changed, is scraped once besides its ticks, at once, unless a tick comes
 * soon anyway. No tick is missed for that: one that comes meanwhile waits for its end.
 */

/** Length of the shortest slots. Those of longer ones are multiples of it, so that slots end together. */
export const slotMs = 50;

/**
 * Length of the slots of targets of a frequency: the most that their scrapes are late by design, at most a twentieth of
 * the frequency, and the same for every owner. Longer ones cost less: see docs/performance.md.
 */
export function slotMsOf(frequencyMs: number): number {
  if (frequencyMs < 40 * slotMs) return slotMs;
  return frequencyMs < 200 * slotMs ? 2 * slotMs : 4 * slotMs;
}

/** A wall clock that moves by more than this against the monotonic one, between two steps, has jumped. */
export const clockJumpMs = 500;

/** Longest sleep, which bounds how long a jump of the wall clock stays unseen. */
export const wakeMsMax = 5000;

/** Scrapes besides the ticks are spread over so long, by a hash of the target. */
export const atOnceSpreadMs = 300;
/** A tick that is no further away than this comes soon enough. */
const soonMs = 500;

export interface Moment {
  /** Unix milliseconds. */
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export interface ScheduledTarget {
  /** `identityKey` of the target. */
  readonly key: string;
  readonly frequencyMs: number;
  /** First moment, and first moment no more, at which the target is ours; null means no bound. */
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  /** Scrape it once without waiting for its tick: it is new, or its definition changed. */
  readonly atOnce?: boolean;
}

export type ScheduleEvent =
  /** These are the targets from now on; keys are unique. Those known before keep their ticks. */
  | { readonly type: "assigned"; readonly targets: readonly ScheduledTarget[] }
  | { readonly type: "timer" }
  | { readonly type: "finished"; readonly key: string };

export type ScheduleEffect =
  /** `latenessMs` counts from the end of the tick's slot. */
  | { readonly type: "start"; readonly key: string; readonly scheduledMs: number; readonly latenessMs: number }
  /** Replaces the timer that was armed before. */
  | { readonly type: "arm"; readonly delayMs: number };

interface Entry {
  readonly target: ScheduledTarget;
  readonly offsetMs: number;
  /** The next tick that was not looked at yet, whether or not it lies within the target's bounds. */
  tickMs: number;
  /** When it is to be scraped besides its ticks; null for not. */
  atOnceMs: number | null;
}

interface QueuedTick {
  /** End of the slot. */
  readonly dueMs: number;
  readonly entry: Entry;
}

export interface ScheduleState {
  readonly concurrencyMax: number;
  entries: Map<string, Entry>;
  readonly queue: DueQueue<QueuedTick>;
  /** Due, but without a free place: key to scheduled moment, first come first served. */
  readonly waiting: Map<string, number>;
  readonly running: Set<string>;
  /** Those of the waiting and running ones that are scraped besides their ticks. */
  readonly besides: Set<string>;
  /** Ticks that came while such a scrape ran: key to scheduled moment. */
  readonly heldUp: Map<string, number>;
  /** Ticks at which a target was not scraped, since start. */
  missedTicks: number;
  clockJumps: number;
  /** Wall minus monotonic clock at the last step. */
  skewMs: number | null;
  /** Monotonic moment of the armed timer. */
  wakeMs: number;
}

/** `concurrencyMax` bounds how many scrapes run at once; more wait in order. */
export function makeSchedule(concurrencyMax: number): ScheduleState {
  return {
    concurrencyMax,
    entries: new Map(),
    queue: new DueQueue(),
    waiting: new Map(),
    running: new Set(),
    besides: new Set(),
    heldUp: new Map(),
    missedTicks: 0,
    clockJumps: 0,
    skewMs: null,
    wakeMs: Infinity,
  };
}

/** Takes an event at a moment, changes `state` and returns what must be done, in order. */
export function stepSchedule(state: ScheduleState, event: ScheduleEvent, now: Moment): ScheduleEffect[] {
  followClock(state, now);
  switch (event.type) {
    case "assigned":
      assign(state, event.targets, now);
      break;
    case "timer":
      state.wakeMs = Infinity;
      break;
    case "finished":
      finish(state, event.key);
      break;
  }
  takeDue(state, now);
  const effects = startWaiting(state, now);
  const delayMs = armDelay(state, now);
  if (delayMs !== null) effects.push({ type: "arm", delayMs });
  return effects;
}

/** After a jump of the wall clock the ticks are those of the new time; none counts as missed. */
function followClock(state: ScheduleState, now: Moment): void {
  const skewMs = now.wallMs - now.monotonicMs;
  const jumped = state.skewMs !== null && Math.abs(skewMs - state.skewMs) > clockJumpMs;
  state.skewMs = skewMs;
  if (!jumped) return;
  state.clockJumps++;
  for (const entry of state.entries.values()) {
    entry.tickMs = nextTick(entry.offsetMs, entry.target.frequencyMs, now.wallMs);
    if (entry.atOnceMs !== null) entry.atOnceMs = now.wallMs;
  }
  for (const key of state.waiting.keys()) state.waiting.set(key, now.wallMs);
  refillQueue(state);
}

function assign(state: ScheduleState, targets: readonly ScheduledTarget[], now: Moment): void {
  const entries = new Map<string, Entry>();
  for (const target of targets) {
    const known = state.entries.get(target.key);
    const offsetMs = offsetOf(target.key, target.frequencyMs);
    const tickMs = known !== undefined && hasBegun(known, now) && known.target.frequencyMs === target.frequencyMs
      ? known.tickMs
      : nextTick(offsetMs, target.frequencyMs, now.wallMs);
    const due = now.wallMs + offsetMs % atOnceSpreadMs;
    const isSoon = slotEnd(tickMs, slotMsOf(target.frequencyMs)) <= now.wallMs + soonMs;
    const atOnceMs = target.atOnce === true && !isSoon ? due : known?.atOnceMs ?? null;
    entries.set(target.key, { target, offsetMs, tickMs, atOnceMs });
  }
  state.entries = entries;
  for (const key of state.waiting.keys()) {
    if (entries.has(key)) continue;
    state.waiting.delete(key);
    state.besides.delete(key);
  }
  for (const key of state.heldUp.keys()) if (!entries.has(key)) state.heldUp.delete(key);
  refillQueue(state);
}

/** One whose first moment has not come may be given an earlier one; the ticks that it passed over come again. */
function hasBegun({ target: { fromMs } }: Entry, now: Moment): boolean {
  return fromMs === null || fromMs <= now.wallMs;
}

function refillQueue(state: ScheduleState): void {
  state.queue.clear();
  for (const entry of state.entries.values()) enqueue(state, entry);
}

/** Queues what comes first of the entry: a scrape at once, or its first tick within its bounds, if there is one. */
function enqueue(state: ScheduleState, entry: Entry): void {
  if (entry.atOnceMs !== null) {
    state.queue.push({ dueMs: slotEnd(entry.atOnceMs, slotMs), entry });
    return;
  }
  const { fromMs, untilMs, frequencyMs } = entry.target;
  if (fromMs !== null && entry.tickMs < fromMs) entry.tickMs = nextTick(entry.offsetMs, frequencyMs, fromMs - 1);
  if (untilMs !== null && entry.tickMs >= untilMs) return;
  state.queue.push({ dueMs: slotEnd(entry.tickMs, slotMsOf(frequencyMs)), entry });
}

/** Moves every tick whose slot has ended from the queue to those that wait. */
function takeDue(state: ScheduleState, now: Moment): void {
  for (;;) {
    const first = state.queue.peek();
    if (first === undefined || first.dueMs > now.wallMs) return;
    state.queue.pop();
    const slot = slotMsOf(first.entry.target.frequencyMs);
    if (first.entry.atOnceMs === null) takeTick(state, first.entry, Math.floor(now.wallMs / slot) * slot);
    else takeAtOnce(state, first.entry, first.entry.atOnceMs, now);
    enqueue(state, first.entry);
  }
}

/** Makes a scrape besides the ticks wait for a place, unless it is not ours to make now, or another one does as well. */
function takeAtOnce(state: ScheduleState, entry: Entry, atOnceMs: number, now: Moment): void {
  const { key, fromMs, untilMs } = entry.target;
  entry.atOnceMs = null;
  if (atOnceMs < (fromMs ?? -Infinity) || atOnceMs >= (untilMs ?? Infinity)) return;
  if (state.waiting.has(key) || entry.tickMs <= atOnceMs) return;
  if (state.running.has(key)) {
    // What runs began under the definition of before: look again in a moment.
    entry.atOnceMs = now.wallMs + slotMs;
    return;
  }
  state.waiting.set(key, atOnceMs);
  state.besides.add(key);
}

function finish(state: ScheduleState, key: string): void {
  state.running.delete(key);
  state.besides.delete(key);
  const heldUpMs = state.heldUp.get(key);
  if (heldUpMs === undefined) return;
  state.heldUp.delete(key);
  state.waiting.set(key, heldUpMs);
}

/** Makes the latest of an entry's due ticks wait; earlier ones, after a stall of the process, are missed. */
function takeTick(state: ScheduleState, entry: Entry, endedMs: number): void {
  const { key, frequencyMs, untilMs } = entry.target;
  const lastMs = untilMs === null ? endedMs : Math.min(endedMs, untilMs - 1);
  const skipped = Math.floor((lastMs - entry.tickMs) / frequencyMs);
  const scheduledMs = entry.tickMs + skipped * frequencyMs;
  state.missedTicks += skipped;
  if (state.besides.has(key) && !state.heldUp.has(key)) waitBesides(state, key, scheduledMs);
  else if (state.running.has(key) || state.waiting.has(key)) state.missedTicks++;
  else state.waiting.set(key, scheduledMs);
  entry.tickMs = scheduledMs + frequencyMs;
}

/** A tick that meets a scrape besides the ticks takes its place, or follows it. */
function waitBesides(state: ScheduleState, key: string, scheduledMs: number): void {
  if (state.running.has(key)) {
    state.heldUp.set(key, scheduledMs);
    return;
  }
  state.waiting.set(key, scheduledMs);
  state.besides.delete(key);
}

function startWaiting(state: ScheduleState, now: Moment): ScheduleEffect[] {
  const effects: ScheduleEffect[] = [];
  for (const [key, scheduledMs] of state.waiting) {
    if (state.running.size >= state.concurrencyMax) break;
    state.waiting.delete(key);
    state.running.add(key);
    const slot = state.besides.has(key) ? slotMs : slotMsOf(state.entries.get(key)?.target.frequencyMs ?? 0);
    effects.push({ type: "start", key, scheduledMs, latenessMs: Math.max(0, now.wallMs - slotEnd(scheduledMs, slot)) });
  }
  return effects;
}

/** Milliseconds to sleep, or null when the timer that is armed comes early enough. */
function armDelay(state: ScheduleState, now: Moment): number | null {
  const first = state.queue.peek();
  const untilDueMs = first === undefined ? Infinity : first.dueMs - now.wallMs;
  const delayMs = Math.max(0, Math.min(untilDueMs, wakeMsMax));
  const wakeMs = now.monotonicMs + delayMs;
  if (wakeMs >= state.wakeMs) return null;
  state.wakeMs = wakeMs;
  return delayMs;
}

function slotEnd(momentMs: number, slot: number): number {
  return Math.ceil(momentMs / slot) * slot;
}
