/**
 * Keeps a copy of a collection of BCS storage. Storage has no versions: a watch tells only of what changes after it has
 * begun. So the watch comes first, and the list when it is open. It only decides; a shell carries out the effects.
 *
 * - What the watch tells while a list is under way is kept, and laid over the list: of an item that both have, the one
 *   that was updated later counts, and of one that the watch has deleted, nothing.
 * - A delete names only the `_id`. One that is not known may stand for anything: everything is listed anew.
 * - A watch that ends is opened anew after a pause, and everything is listed again, since what has happened in between
 *   is not told. Where watching does not work at all the list alone is repeated.
 * - A watch can miss events: the list is repeated now and then, too. Nothing is gone before a list is complete.
 */

export const pauseMsMin = 500;
export const pauseMsMax = 30_000;
/** At most between two lists while no watch is open. */
export const pollMs = 15_000;
/** Between two lists while one is. */
export const relistMs = 300_000;
/** Between a delete that cannot be understood and the list that it asks for: more of them may come. */
export const requeryMs = 1000;
/** A watch that lasted this long was sound. */
export const soundWatchMs = 10_000;

export interface StoredItem<T> {
  /** Its `_id`. */
  readonly id: string;
  /** Its `updateTime`, which can be compared as text; "" where there is none. */
  readonly updated: string;
  /** Null for one that does not matter: known all the same, so that its delete is understood. */
  readonly value: T | null;
  /** Tells two values apart: storage renews its items every few seconds, mostly with times that are nothing to us. */
  readonly text: string;
}

export interface StorageWatchState<T> {
  items: Map<string, StoredItem<T>>;
  /** What the watch has told while a list is under way, null for what it has deleted; null while there is none. */
  told: Map<string, StoredItem<T> | null> | null;
  watch: "closed" | "opening" | "open";
  /** Whether the collection has been read completely once. */
  synced: boolean;
  /** Whether the list that is under way is to be followed by another, since it may have begun too early. */
  again: boolean;
  /** Whether a list is on its way because of a delete that was not understood. */
  requerying: boolean;
  /** Why the copy may be out of date, or is not there; "" when it is as good as it can be. */
  problem: string;
  /** In a row. */
  failures: number;
  /** Of watches in a row. */
  watchFailures: number;
  openedMs: number;
  lists: number;
}

export type StorageWatchEvent<T> =
  | { readonly type: "wake" }
  | { readonly type: "opened" }
  | { readonly type: "put"; readonly item: StoredItem<T> }
  | { readonly type: "gone"; readonly id: string }
  | { readonly type: "watch-ended" }
  | { readonly type: "listed"; readonly items: readonly StoredItem<T>[] }
  | { readonly type: "list-failed"; readonly reason: string };

export type StorageWatchEffect =
  | { readonly type: "watch" }
  | { readonly type: "list" }
  /** Send `wake` after this time, in place of what was asked for before. */
  | { readonly type: "wait"; readonly ms: number }
  /** Items or problem are others than before. */
  | { readonly type: "changed" };

export interface Moment {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly chance: number;
}

export function makeStorageWatchState<T>(): StorageWatchState<T> {
  return {
    items: new Map(),
    told: null,
    watch: "closed",
    synced: false,
    again: false,
    requerying: false,
    problem: "",
    failures: 0,
    watchFailures: 0,
    openedMs: 0,
    lists: 0,
  };
}

/** Changes the state; the effects are to be carried out in their order. `wake` begins. */
export function step<T>(
  state: StorageWatchState<T>,
  event: StorageWatchEvent<T>,
  at: Moment,
): StorageWatchEffect[] {
  switch (event.type) {
    case "wake":
      return wake(state);
    case "opened":
      state.watch = "open";
      state.openedMs = at.nowMs;
      return list(state);
    case "put":
      return put(state, event.item);
    case "gone":
      return gone(state, event.id);
    case "watch-ended":
      return watchEnded(state, at);
    case "listed":
      return listed(state, event.items, at);
    case "list-failed":
      return listFailed(state, event.reason, at);
    default:
      return event satisfies never;
  }
}

function wake<T>(state: StorageWatchState<T>): StorageWatchEffect[] {
  if (state.watch === "open") return list(state);
  if (state.watch === "opening") return [];
  state.watch = "opening";
  return [{ type: "watch" }];
}

function list<T>(state: StorageWatchState<T>): StorageWatchEffect[] {
  if (state.told !== null) {
    state.again = true;
    return [];
  }
  state.told = new Map();
  state.again = false;
  state.requerying = false;
  return [{ type: "list" }];
}

function put<T>(state: StorageWatchState<T>, item: StoredItem<T>): StorageWatchEffect[] {
  state.told?.set(item.id, item);
  const known = state.items.get(item.id);
  if (known !== undefined && known.updated > item.updated) return [];
  state.items.set(item.id, item);
  return textOf(known) === textOf(item) ? [] : [{ type: "changed" }];
}

function gone<T>(state: StorageWatchState<T>, id: string): StorageWatchEffect[] {
  state.told?.set(id, null);
  const known = state.items.get(id);
  if (state.items.delete(id)) return textOf(known) === "" ? [] : [{ type: "changed" }];
  if (state.told !== null || state.requerying) return [];
  state.requerying = true;
  return [{ type: "wait", ms: requeryMs }];
}

function watchEnded<T>(state: StorageWatchState<T>, at: Moment): StorageWatchEffect[] {
  const wasOpen = state.watch === "open";
  state.watch = "closed";
  state.watchFailures = wasOpen && at.nowMs - state.openedMs >= soundWatchMs ? 0 : state.watchFailures + 1;
  if (wasOpen) return [{ type: "wait", ms: pauseMs(state.watchFailures, at) }];
  // Storage that cannot be watched can perhaps be listed.
  return list(state);
}

function listed<T>(
  state: StorageWatchState<T>,
  items: readonly StoredItem<T>[],
  at: Moment,
): StorageWatchEffect[] {
  const now = new Map(items.map((item) => [item.id, item]));
  for (const [id, item] of state.told ?? []) {
    const other = now.get(id);
    if (item === null) now.delete(id);
    else if (other === undefined || other.updated <= item.updated) now.set(id, item);
  }
  const changed = !state.synced || state.problem !== "" || differ(state.items, now);
  Object.assign(state, { items: now, told: null, synced: true, problem: "", failures: 0 });
  state.lists++;
  const effects: StorageWatchEffect[] = changed ? [{ type: "changed" }] : [];
  if (state.again) return [...effects, ...list(state)];
  const closedMs = Math.min(pollMs, pauseMs(state.watchFailures, at));
  return [...effects, { type: "wait", ms: state.watch === "open" ? relistMs : closedMs }];
}

function listFailed<T>(state: StorageWatchState<T>, reason: string, at: Moment): StorageWatchEffect[] {
  state.told = null;
  state.again = false;
  state.failures++;
  const wait: StorageWatchEffect = { type: "wait", ms: pauseMs(state.failures, at) };
  const isNew = state.problem !== reason;
  state.problem = reason;
  return isNew ? [{ type: "changed" }, wait] : [wait];
}

function pauseMs(failures: number, { chance }: Moment): number {
  const full = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, Math.max(0, failures - 1)));
  return full * (0.5 + chance / 2);
}

function differ<T>(before: ReadonlyMap<string, StoredItem<T>>, now: ReadonlyMap<string, StoredItem<T>>): boolean {
  if (before.size !== now.size) return true;
  for (const [id, item] of now) {
    const known = before.get(id);
    if (known === undefined || textOf(known) !== textOf(item)) return true;
  }
  return false;
}

/** "" for what does not matter, or is not there. */
function textOf<T>(item: StoredItem<T> | undefined): string {
  return item === undefined || item.value === null ? "" : item.text;
}
