import type { InstanceState } from "../workload.ts";

/**
 * Keeps a set of child processes as wanted: starts what is missing, stops what is not wanted any more, and starts
 * again what ended by itself, after a pause that doubles with each failure. It only decides; the effects that it
 * returns are carried out by the shell, which reports back what came of them.
 */

export const firstPauseMs = 1000;
export const pauseMsMax = 60_000;
/** A child that ran this long was sound: the next failure counts as the first. */
export const stableMs = 60_000;

export interface SupervisorState {
  readonly children: Map<string, SupervisedChild>;
}

export interface SupervisedChild {
  state: InstanceState;
  /** What it runs with; a child whose wish has another is stopped and started anew. */
  recipe: string;
  /** The recipe that is wanted; null when the child is to go. */
  wanted: string | null;
  startedMs: number;
  /** When a waiting child is started again. */
  resumeMs: number;
  /** Ends by itself since it last ran stably. */
  failures: number;
  restarts: number;
  lastEnd: string;
}

export type SupervisorEvent =
  /** The whole wish: recipe by name. */
  | { readonly type: "want"; readonly recipes: ReadonlyMap<string, string> }
  | { readonly type: "ended"; readonly name: string; readonly how: string }
  /** Time has passed; see {@link nextWakeMs}. */
  | { readonly type: "wake" };

export type SupervisorEffect =
  | { readonly type: "start"; readonly name: string; readonly restart: boolean }
  | { readonly type: "stop"; readonly name: string };

export function makeSupervisorState(): SupervisorState {
  return { children: new Map() };
}

/** @param nowMs monotonic milliseconds. */
export function step(state: SupervisorState, event: SupervisorEvent, nowMs: number): SupervisorEffect[] {
  switch (event.type) {
    case "want":
      return want(state, event.recipes, nowMs);
    case "ended":
      return ended(state, event.name, event.how, nowMs);
    case "wake":
      return wake(state, nowMs);
    default:
      return event satisfies never;
  }
}

/** Whether a child ends by itself again and again: one that was started a moment ago has proved nothing yet. */
export function isFailing({ failures, state, startedMs }: SupervisedChild, nowMs: number): boolean {
  return failures > 1 && (state === "waiting" || nowMs - startedMs < stableMs);
}

/** Monotonic time at which `wake` has something to do, or null when nothing waits. */
export function nextWakeMs(state: SupervisorState): number | null {
  const waiting = [...state.children.values()].filter((child) => child.state === "waiting");
  return waiting.length === 0 ? null : Math.min(...waiting.map((child) => child.resumeMs));
}

function want(state: SupervisorState, recipes: ReadonlyMap<string, string>, nowMs: number): SupervisorEffect[] {
  const effects: SupervisorEffect[] = [];
  for (const [name, child] of state.children) {
    child.wanted = recipes.get(name) ?? null;
    if (child.state === "running" && child.wanted !== child.recipe) {
      child.state = "stopping";
      effects.push({ type: "stop", name });
    } else if (child.state === "waiting" && child.wanted === null) {
      state.children.delete(name);
    }
  }
  for (const [name, recipe] of recipes) {
    if (state.children.has(name)) continue;
    state.children.set(name, newChild(recipe, nowMs));
    effects.push({ type: "start", name, restart: false });
  }
  return effects;
}

function newChild(recipe: string, nowMs: number): SupervisedChild {
  return {
    state: "running",
    recipe,
    wanted: recipe,
    startedMs: nowMs,
    resumeMs: 0,
    failures: 0,
    restarts: 0,
    lastEnd: "",
  };
}

function ended(state: SupervisorState, name: string, how: string, nowMs: number): SupervisorEffect[] {
  const child = state.children.get(name);
  if (child === undefined) return [];
  if (child.wanted === null) {
    state.children.delete(name);
    return [];
  }
  child.lastEnd = how;
  // We ended it ourselves to run it otherwise: no failure, so no pause.
  if (child.state === "stopping") return [start(name, child, child.wanted, nowMs)];
  const stable = nowMs - child.startedMs >= stableMs;
  child.failures = stable ? 1 : child.failures + 1;
  child.state = "waiting";
  child.resumeMs = nowMs + Math.min(pauseMsMax, firstPauseMs * 2 ** (child.failures - 1));
  return [];
}

function wake(state: SupervisorState, nowMs: number): SupervisorEffect[] {
  return [...state.children].flatMap(([name, child]) =>
    child.state === "waiting" && child.resumeMs <= nowMs && child.wanted !== null
      ? [start(name, child, child.wanted, nowMs)]
      : []
  );
}

function start(name: string, child: SupervisedChild, recipe: string, nowMs: number): SupervisorEffect {
  child.state = "running";
  child.recipe = recipe;
  child.startedMs = nowMs;
  child.restarts += 1;
  return { type: "start", name, restart: true };
}
