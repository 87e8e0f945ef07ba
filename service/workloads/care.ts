import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";
import {
  fingerprintOf,
  type Workload,
  type WorkloadKey,
  workloadPath,
  type WorkloadStatus,
} from "../orchestrator/workload.ts";
import type { ListedCluster } from "./listing.ts";
import { appliedOf, type Need, needOf, type Wish } from "./wish.ts";

/**
 * Looks after the workloads: tells, from what is wished for and what is found, what is to be done now, and when to look
 * again. It only decides; the shell carries out and reports back.
 *
 * A workload that was as wished for {@link stableMs} has a clean slate. Until then each further attempt waits longer
 * than the one before, whether the last one failed or somebody else undid it, so that two who disagree do not take
 * turns without end. A wish that changes is tried at once.
 */

export const stableMs = 60_000;

/** Milliseconds before the second attempt, and at most, after each kind of failure. */
const pauses: Readonly<Record<OrchestratorErrorKind | "undone", { readonly first: number; readonly max: number }>> = {
  conflict: { first: 100, max: 5000 },
  undone: { first: 500, max: 60_000 },
  unavailable: { first: 1000, max: 60_000 },
  forbidden: { first: 10_000, max: 300_000 },
  invalid: { first: 10_000, max: 300_000 },
};

export type Action =
  | { readonly type: "apply"; readonly path: string; readonly workload: Workload; readonly need: Need }
  | { readonly type: "delete"; readonly path: string; readonly key: WorkloadKey };

/** Why a workload is not as it is wished. */
export interface Failure {
  readonly kind: OrchestratorErrorKind;
  readonly reason: string;
  /** Unix milliseconds. */
  readonly sinceMs: number;
}

export interface Care {
  /** Of what is wished for; another one is a new wish. */
  wish: string;
  busy: boolean;
  /** Since it was last as wished for long enough. */
  attempts: number;
  /** Monotonic milliseconds before which nothing is tried. */
  nextTryMs: number;
  /** Monotonic milliseconds when the last action ended: what was listed before does not show it. */
  endedMs: number;
  /** Monotonic milliseconds since when it is as wished; null while it is not. */
  settledSinceMs: number | null;
  need: Need | "remove" | null;
  failure: Failure | null;
}

export interface CareState {
  /** By path of the workload. */
  readonly cares: Map<string, Care>;
}

export function makeCareState(): CareState {
  return { cares: new Map() };
}

export interface Look {
  /** By path. */
  readonly wishes: ReadonlyMap<string, Wish>;
  readonly found: readonly WorkloadStatus[];
  /** Of a cluster that could not be listed only new wishes are tried, and nothing where it never could (null). */
  listed(clusterId: string): ListedCluster | null;
  /** Whether what nobody wishes for may be removed. */
  mayRemove(found: WorkloadStatus): boolean;
}

/** What is to be done now. Each action ends in {@link actionEnded}. */
export function look(state: CareState, seen: Look, nowMs: number): Action[] {
  const found = new Map(seen.found.map((one) => [workloadPath(one), one]));
  const actions: Action[] = [];
  for (const path of new Set([...seen.wishes.keys(), ...found.keys(), ...state.cares.keys()])) {
    const wish = seen.wishes.get(path);
    const one = found.get(path);
    const care = careOf(state, path, wish);
    const listed = seen.listed(path.slice(0, path.indexOf("/")));
    if (care.busy || listed === null || listed.listedMs < care.endedMs) continue;
    care.need = neededNow(wish, one, listed.isStale, seen);
    if (care.need === null) settle(state, path, care, wish === undefined && one === undefined, nowMs);
    else unsettle(care, nowMs);
    if (care.need === null || nowMs < care.nextTryMs) continue;
    const action = actionFor(path, care.need, wish, one);
    if (action === null) continue;
    care.busy = true;
    care.attempts += 1;
    actions.push(action);
  }
  return actions;
}

/**
 * An action has ended.
 *
 * @param failure null when it succeeded.
 * @param random uniform in [0, 1): spreads the attempts of many.
 */
export function actionEnded(
  state: CareState,
  path: string,
  failure: Omit<Failure, "sinceMs"> | null,
  time: { readonly nowMs: number; readonly wallMs: number },
  random: number,
): void {
  const care = state.cares.get(path);
  if (care === undefined) return;
  const { first, max } = pauses[failure?.kind ?? "undone"];
  const pauseMs = Math.min(max, first * 2 ** Math.min(30, care.attempts - 1));
  care.busy = false;
  care.endedMs = time.nowMs;
  // A wish that came during the action is tried at once.
  care.nextTryMs = care.attempts === 0 ? 0 : time.nowMs + pauseMs * (0.8 + 0.4 * random);
  care.failure = failure === null ? null : {
    ...failure,
    sinceMs: care.failure?.kind === failure.kind ? care.failure.sinceMs : time.wallMs,
  };
}

/** Monotonic milliseconds when something is to be tried though nothing changes; Infinity for never. */
export function nextLookMs(state: CareState): number {
  let nextMs = Infinity;
  for (const care of state.cares.values()) {
    if (care.need !== null && !care.busy) nextMs = Math.min(nextMs, care.nextTryMs);
  }
  return nextMs;
}

function careOf(state: CareState, path: string, wish: Wish | undefined): Care {
  const text = wish === undefined ? "" : textOf(wish);
  let care = state.cares.get(path);
  if (care === undefined) {
    care = {
      wish: text,
      busy: false,
      attempts: 0,
      nextTryMs: 0,
      endedMs: -Infinity,
      settledSinceMs: null,
      need: null,
      failure: null,
    };
    state.cares.set(path, care);
  }
  if (care.wish !== text) Object.assign(care, { wish: text, attempts: 0, nextTryMs: 0 });
  return care;
}

function textOf(wish: Wish): string {
  const workload = appliedOf(wish);
  return `${fingerprintOf(workload)} ${workload.replicas}`;
}

function neededNow(
  wish: Wish | undefined,
  one: WorkloadStatus | undefined,
  isStale: boolean,
  seen: Look,
): Care["need"] {
  if (wish === undefined) return one !== undefined && !isStale && seen.mayRemove(one) ? "remove" : null;
  const need = needOf(wish, one);
  return isStale && (need === "repair" || need === "adopt") ? null : need;
}

function settle(state: CareState, path: string, care: Care, isGone: boolean, nowMs: number): void {
  care.failure = null;
  care.settledSinceMs ??= nowMs;
  // What was begun before may still show up for a while.
  if (isGone && nowMs >= care.settledSinceMs + stableMs) state.cares.delete(path);
}

function unsettle(care: Care, nowMs: number): void {
  const isForgiven = care.settledSinceMs !== null && nowMs >= care.settledSinceMs + stableMs;
  care.settledSinceMs = null;
  if (isForgiven) Object.assign(care, { attempts: 0, nextTryMs: 0 });
}

function actionFor(
  path: string,
  need: NonNullable<Care["need"]>,
  wish: Wish | undefined,
  one: WorkloadStatus | undefined,
): Action | null {
  if (need !== "remove") return wish === undefined ? null : { type: "apply", path, workload: appliedOf(wish), need };
  if (one === undefined) return null;
  return { type: "delete", path, key: { clusterId: one.clusterId, namespace: one.namespace, name: one.name } };
}
