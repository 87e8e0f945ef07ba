import type { AutoscaleRule } from "../../../core/config/autoscale.ts";
import { type CollectorUsage, type Dimension, dimensions, figureOf, units } from "../usage/usage.ts";

/**
 * Whether a namespace has too few collectors or too many: remembers since when, and proposes when it has been so for
 * long enough. It does no I/O.
 *
 * Missing is not zero: as long as a figure of one collector is missing, the figure decides nothing. Fewer collectors
 * are proposed only when every figure of the rule is known and low, and what is left would not come near to `above`.
 */
export interface ScaleMemory {
  /** Monotonic milliseconds since when it has been so without a break; null while it is not. */
  highSinceMs: number | null;
  lowSinceMs: number | null;
  /** Monotonic milliseconds of the last observation that decided something. */
  seenMs: number;
}

export function makeScaleMemory(): ScaleMemory {
  return { highSinceMs: null, lowSinceMs: null, seenMs: -Infinity };
}

export interface Observation {
  readonly rule: AutoscaleRule;
  /** Collectors that the namespace is to have now. */
  readonly replicas: number;
  /** Targets of the namespace: more collectors than these relieve nobody. */
  readonly targets: number;
  /** Of each of them. */
  readonly usages: readonly CollectorUsage[];
  /** Nothing is proposed while something is decided, or was a moment ago: why; "" when something may be. */
  readonly blocked: string;
}

export const scaleStates = ["enough", "high", "low", "no data", "waiting", "proposed"] as const;
export type ScaleState = (typeof scaleStates)[number];

export interface Decision {
  readonly state: ScaleState;
  /** In a few words. */
  readonly detail: string;
  /** How many collectors are proposed; null for nothing. */
  readonly proposal: { readonly to: number; readonly reasons: readonly string[] } | null;
}

/** Observations further apart than this are no continuous ones. */
export const gapMsMax = 120_000;

/** What is left after scaling in may reach this share of `above`, or it would soon be scaled out again. */
const roomShare = 0.9;

export function step(memory: ScaleMemory, observation: Observation, nowMs: number): Decision {
  const { rule, replicas, targets, blocked } = observation;
  if (nowMs - memory.seenMs > gapMsMax) forget(memory);
  const figures = figuresOf(observation);
  const outside = outsideOf(rule, replicas);
  const missing = figures.filter(({ value }) => value === null);
  const high = figures.filter(({ value, above }) => value !== null && value > above);
  const low = isLow(figures, replicas, rule);
  if (high.length === 0 && missing.length > 0 && outside === null) {
    // The time that it has been so goes on: whether it ended nobody knows, and a long gap forgets it.
    return { state: "no data", detail: missing.map(({ detail }) => detail).join("; "), proposal: null };
  }
  memory.seenMs = nowMs;
  memory.highSinceMs = high.length > 0 ? memory.highSinceMs ?? nowMs : null;
  memory.lowSinceMs = low ? memory.lowSinceMs ?? nowMs : null;
  const state = high.length > 0 ? "high" : low ? "low" : "enough";
  const to = outside?.to ?? wantedReplicas(state, rule, replicas, targets);
  const detail = outside?.reason ?? (state === "high" ? high : figures).map((one) => one.detail).join("; ");
  if (to === replicas) return { state, detail: atBound(state, rule, replicas, detail), proposal: null };
  if (blocked !== "") return { state, detail: `${detail}; ${blocked}`, proposal: null };
  const sinceMs = outside !== null ? -Infinity : (state === "high" ? memory.highSinceMs : memory.lowSinceMs) ?? nowMs;
  const waitMs = sinceMs + rule.forSeconds * 1000 - nowMs;
  if (waitMs > 0) {
    return { state: "waiting", detail: `${detail}; for another ${Math.ceil(waitMs / 1000)} s`, proposal: null };
  }
  const reasons = outside !== null ? [outside.reason] : (state === "high" ? high : figures).map((one) => one.detail);
  return { state: "proposed", detail, proposal: { to, reasons: withDuration(reasons, outside === null, rule) } };
}

/** It has to be so anew: something was proposed, or what it was about is another one. */
export function forget(memory: ScaleMemory): void {
  memory.highSinceMs = null;
  memory.lowSinceMs = null;
}

interface Figure {
  /** Over the collectors: the mean, of lag the greatest. Null while it is not known of all. */
  readonly value: number | null;
  readonly above: number;
  readonly below: number | undefined;
  readonly isShared: boolean;
  readonly detail: string;
}

function figuresOf({ rule, replicas, usages }: Observation): Figure[] {
  return dimensions.flatMap((dimension): Figure[] => {
    const band = rule[dimension];
    if (band === undefined) return [];
    const values = usages.map((usage) => figureOf(usage, dimension));
    const known = values.filter((value) => value !== null);
    const isComplete = known.length === usages.length && usages.length >= replicas && known.length > 0;
    const value = isComplete ? combined(dimension, known) : null;
    const name = dimension === "lag" ? "greatest lag" : `mean ${dimension}`;
    const unit = units[dimension];
    const count = Math.max(replicas, usages.length);
    const detail = value === null
      ? `${dimension}: no data of ${count - known.length} of ${count} collectors`
      : `${name} ${shown(value)} ${unit}, ${comparedWith(value, band)}`;
    return [{ value, ...band, below: band.below, isShared: dimension !== "lag", detail }];
  });
}

function comparedWith(value: number, { above, below }: { above: number; below?: number | undefined }): string {
  if (value > above) return `above ${above}`;
  if (below === undefined) return `not above ${above}`;
  return value < below ? `below ${below}` : `from ${below} to ${above}`;
}

function combined(dimension: Dimension, values: readonly number[]): number {
  if (dimension === "lag") return Math.max(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Whether every figure that says when there are too many says so, one at least, and the others leave room. */
function isLow(figures: readonly Figure[], replicas: number, rule: AutoscaleRule): boolean {
  const after = Math.max(rule.min, replicas - rule.step);
  if (after >= replicas || !figures.some(({ below }) => below !== undefined)) return false;
  return figures.every(({ value, above, below, isShared }) => {
    if (value === null || (below !== undefined && value >= below)) return false;
    return value * (isShared ? replicas / after : 1) <= above * roomShare;
  });
}

function wantedReplicas(
  state: "high" | "low" | "enough",
  rule: AutoscaleRule,
  replicas: number,
  targets: number,
): number {
  if (state === "high") return Math.max(replicas, Math.min(rule.max, replicas + rule.step, targets));
  if (state === "low") return Math.min(replicas, Math.max(rule.min, replicas - rule.step));
  return replicas;
}

/** A namespace that is outside of its bounds, but for one that is to have no collector at all. */
function outsideOf({ min, max }: AutoscaleRule, replicas: number): { to: number; reason: string } | null {
  if (replicas === 0) return null;
  if (replicas < min) return { to: min, reason: `${replicas} collectors are fewer than the least, ${min}` };
  if (replicas > max) return { to: max, reason: `${replicas} collectors are more than the most, ${max}` };
  return null;
}

function atBound(state: ScaleState, { min, max }: AutoscaleRule, replicas: number, detail: string): string {
  if (state === "high" && replicas < max) return `${detail}; another collector would have no target`;
  if (state === "high") return `${detail}; there are the most already, ${max}`;
  return state === "low" ? `${detail}; there are the fewest already, ${min}` : detail;
}

function withDuration(reasons: readonly string[], lasted: boolean, { forSeconds }: AutoscaleRule): readonly string[] {
  return lasted && forSeconds > 0 ? reasons.map((reason) => `${reason}; for ${forSeconds} s at least`) : reasons;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)));
}
