/**
 * Keeps a copy of a collection of an API server: lists it in chunks, then watches from the version of that list. It
 * only decides; a shell carries out the effects and reports what came of them.
 *
 * - A list whose continuation has expired begins anew; what it had read is dropped. Nothing is taken for gone before a
 *   list is complete.
 * - A watch that ends is resumed behind the last version seen, be it of an event or a bookmark. Only when the server has
 *   forgotten that version (410, as HTTP status or as an ERROR event) is everything listed anew, and compared.
 * - Where watching is not allowed the collection is listed again and again, and the watch tried again now and then.
 * - Whatever fails is tried again after a pause that doubles, with jitter, and is no shorter than the server asks.
 */

export const pauseMsMin = 500;
export const pauseMsMax = 30_000;
/** Between two lists where watching is not allowed. */
export const pollMs = 15_000;
/** So many polls later the watch is tried again. */
export const pollsBetweenWatches = 20;
/** A watch that lasted this long was sound, whether or not something happened. */
export const soundWatchMs = 10_000;

export interface Item<T> {
  /** Unique in the collection. */
  readonly key: string;
  /** Its `resourceVersion`. */
  readonly version: string;
  readonly value: T;
}

export interface Failure {
  readonly reason: string;
  /** HTTP status; 0 when nothing was answered. */
  readonly status: number;
  readonly retryAfterMs: number | null;
}

export interface ListWatchState<T> {
  items: Map<string, Item<T>>;
  /** Of a list that is not complete; null while none is under way. */
  listed: Map<string, Item<T>> | null;
  /** Behind which a watch is to begin; "" for where a complete list is needed first. */
  version: string;
  /** Whether the collection has been read completely once. */
  synced: boolean;
  /** Why it may be out of date, or has never been read; null when it is as good as it can be. */
  problem: Failure | null;
  /** In a row. */
  failures: number;
  watchedSinceMs: number;
  /** Polls to come before the watch is tried again; 0 where watching is allowed. */
  pollsLeft: number;
  /** Complete lists, for the metrics. */
  lists: number;
}

export type ListWatchEvent<T> =
  | { readonly type: "start" }
  | {
    readonly type: "page";
    readonly items: readonly Item<T>[];
    /** "" on the last page. */
    readonly continuation: string;
    readonly version: string;
  }
  | { readonly type: "list-failed"; readonly failure: Failure }
  | { readonly type: "watching" }
  | { readonly type: "put"; readonly item: Item<T> }
  | { readonly type: "gone"; readonly key: string; readonly version: string }
  | { readonly type: "bookmark"; readonly version: string }
  | { readonly type: "watch-failed"; readonly failure: Failure }
  /** The server has ended it in order. */
  | { readonly type: "watch-ended" }
  | { readonly type: "wake" };

export type ListWatchEffect =
  | { readonly type: "list"; readonly continuation: string }
  | { readonly type: "watch"; readonly version: string }
  /** Send `wake` after this time. */
  | { readonly type: "wait"; readonly ms: number }
  /** Items or problem are others than before. */
  | { readonly type: "changed" };

export interface Moment {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly chance: number;
}

export function makeListWatchState<T>(): ListWatchState<T> {
  return {
    items: new Map(),
    listed: null,
    version: "",
    synced: false,
    problem: null,
    failures: 0,
    watchedSinceMs: 0,
    pollsLeft: 0,
    lists: 0,
  };
}

/** Changes the state; the effects are to be carried out in their order. */
export function step<T>(state: ListWatchState<T>, event: ListWatchEvent<T>, at: Moment): ListWatchEffect[] {
  switch (event.type) {
    case "start":
    case "wake":
      return resume(state, at);
    case "page":
      return takePage(state, event, at);
    case "list-failed":
      return listFailed(state, event.failure, at);
    case "watching":
      state.watchedSinceMs = at.nowMs;
      return solve(state);
    case "put":
      return put(state, event.item);
    case "gone":
      see(state, event.version);
      return state.items.delete(event.key) ? [{ type: "changed" }] : [];
    case "bookmark":
      see(state, event.version);
      return [];
    case "watch-failed":
      return watchFailed(state, event.failure, at);
    case "watch-ended":
      return watchEnded(state, at);
    default:
      return event satisfies never;
  }
}

function resume<T>(state: ListWatchState<T>, { nowMs }: Moment): ListWatchEffect[] {
  if (state.version === "") {
    state.listed = new Map();
    return [{ type: "list", continuation: "" }];
  }
  state.watchedSinceMs = nowMs;
  return [{ type: "watch", version: state.version }];
}

function takePage<T>(
  state: ListWatchState<T>,
  page: Extract<ListWatchEvent<T>, { type: "page" }>,
  at: Moment,
): ListWatchEffect[] {
  const listed = state.listed ??= new Map();
  for (const item of page.items) listed.set(item.key, item);
  if (page.continuation !== "") return [{ type: "list", continuation: page.continuation }];
  const changed = !state.synced || differ(state.items, listed);
  state.items = listed;
  state.listed = null;
  state.synced = true;
  state.lists++;
  state.version = page.version;
  const effects: ListWatchEffect[] = [...solve(state)];
  if (changed && effects.length === 0) effects.push({ type: "changed" });
  return [...effects, ...(state.pollsLeft > 0 ? poll(state) : resume(state, at))];
}

/** The next list, or, when it is time for that, the next attempt to watch. */
function poll<T>(state: ListWatchState<T>): ListWatchEffect[] {
  state.failures = 0;
  state.pollsLeft--;
  if (state.pollsLeft > 0) state.version = "";
  return [{ type: "wait", ms: pollMs }];
}

function listFailed<T>(state: ListWatchState<T>, failure: Failure, at: Moment): ListWatchEffect[] {
  const expired = failure.status === 410 && state.listed !== null && state.listed.size > 0;
  state.listed = null;
  state.version = "";
  // Where the first chunk was read already, expiry says only that the rest took too long.
  if (expired && state.failures === 0) {
    state.failures++;
    return resume(state, at);
  }
  return fail(state, failure, at);
}

function watchFailed<T>(state: ListWatchState<T>, failure: Failure, at: Moment): ListWatchEffect[] {
  const sound = at.nowMs - state.watchedSinceMs >= soundWatchMs;
  if (sound) state.failures = 0;
  if (failure.status === 410) {
    state.version = "";
    // Once at once; were the list's own version forgotten as fast again, that would be a busy circle.
    if (state.failures++ === 0) return resume(state, at);
    return [{ type: "wait", ms: pauseMs(state, failure, at) }];
  }
  if (failure.status === 403 || failure.status === 405 || failure.status === 404) {
    state.pollsLeft = pollsBetweenWatches;
    state.version = "";
    return [{ type: "wait", ms: pauseMs(state, failure, at) }];
  }
  return fail(state, failure, at);
}

function watchEnded<T>(state: ListWatchState<T>, at: Moment): ListWatchEffect[] {
  if (at.nowMs - state.watchedSinceMs >= soundWatchMs) {
    state.failures = 0;
    return resume(state, at);
  }
  // Ended as soon as begun, as by a proxy that does not know streams: no reason for alarm, nor to hurry.
  state.failures++;
  return [{ type: "wait", ms: pauseMs(state, { reason: "", status: 200, retryAfterMs: null }, at) }];
}

function put<T>(state: ListWatchState<T>, item: Item<T>): ListWatchEffect[] {
  see(state, item.version);
  const known = state.items.get(item.key);
  state.items.set(item.key, item);
  return known?.version === item.version ? [] : [{ type: "changed" }];
}

/** Each thing seen proves the watch sound, and moves on where it is to be resumed. */
function see<T>(state: ListWatchState<T>, version: string): void {
  if (version !== "") state.version = version;
  state.failures = 0;
}

function solve<T>(state: ListWatchState<T>): ListWatchEffect[] {
  if (state.problem === null) return [];
  state.problem = null;
  return [{ type: "changed" }];
}

function fail<T>(state: ListWatchState<T>, failure: Failure, at: Moment): ListWatchEffect[] {
  state.failures++;
  const wait: ListWatchEffect = { type: "wait", ms: pauseMs(state, failure, at) };
  const isNew = state.problem?.reason !== failure.reason;
  state.problem = failure;
  if (!isNew) return [wait];
  return [{ type: "changed" }, wait];
}

function pauseMs<T>(state: ListWatchState<T>, failure: Failure, { chance }: Moment): number {
  const full = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, Math.max(0, state.failures - 1)));
  return Math.max(failure.retryAfterMs ?? 0, full * (0.5 + chance / 2));
}

function differ<T>(before: ReadonlyMap<string, Item<T>>, now: ReadonlyMap<string, Item<T>>): boolean {
  if (before.size !== now.size) return true;
  for (const [key, item] of now) if (before.get(key)?.version !== item.version) return true;
  return false;
}
