import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  makeStorageWatchState,
  pollMs,
  relistMs,
  requeryMs,
  step,
  type StorageWatchEffect,
  type StorageWatchEvent,
  type StorageWatchState,
  type StoredItem,
} from "./storage_watch.ts";

const at = { nowMs: 0, chance: 1 };

function item(id: string, updated: number, value: string | null = `${id}${updated}`): StoredItem<string> {
  return { id, updated: String(updated), value, text: value ?? "" };
}

function run(state: StorageWatchState<string>, ...events: StorageWatchEvent<string>[]): StorageWatchEffect[] {
  return events.flatMap((event) => step(state, event, at));
}

function valuesOf({ items }: StorageWatchState<string>): (string | null)[] {
  return sorted([...items.values()].map(({ value }) => value));
}

function sorted(values: readonly (string | null)[]): (string | null)[] {
  return values.toSorted((a, b) => (a ?? "") < (b ?? "") ? -1 : 1);
}

test("the watch comes first, and the list when it is open", () => {
  const state = makeStorageWatchState<string>();
  assert.deepEqual(run(state, { type: "wake" }), [{ type: "watch" }]);
  assert.deepEqual(run(state, { type: "opened" }), [{ type: "list" }]);
  assert.equal(state.synced, false);
  assert.deepEqual(run(state, { type: "listed", items: [item("a", 1)] }), [
    { type: "changed" },
    { type: "wait", ms: relistMs },
  ]);
  assert.deepEqual(run(state, { type: "put", item: item("a", 2) }), [{ type: "changed" }]);
  assert.deepEqual(run(state, { type: "put", item: item("a", 3, "a2") }), [], "only its time is another");
  assert.deepEqual(run(state, { type: "gone", id: "a" }), [{ type: "changed" }]);
  assert.deepEqual(valuesOf(state), []);
});

test("what is told during a list is laid over it, unless the list is newer", () => {
  const state = makeStorageWatchState<string>();
  run(
    state,
    { type: "wake" },
    { type: "opened" },
    { type: "put", item: item("new", 5) },
    { type: "put", item: item("old", 1) },
    { type: "gone", id: "gone" },
    { type: "listed", items: [item("new", 4), item("old", 2), item("gone", 1), item("kept", 1)] },
  );
  assert.deepEqual(valuesOf(state), ["kept1", "new5", "old2"]);
});

test("a delete that nobody understands lists anew, once for several", () => {
  const state = makeStorageWatchState<string>();
  run(state, { type: "wake" }, { type: "opened" }, { type: "listed", items: [item("a", 1), item("b", 1, null)] });
  assert.deepEqual(run(state, { type: "gone", id: "b" }), [], "one that does not matter is known all the same");
  const unknown = [{ type: "gone", id: "x" }, { type: "gone", id: "y" }] as const;
  assert.deepEqual(run(state, ...unknown), [{ type: "wait", ms: requeryMs }]);
  assert.deepEqual(run(state, { type: "wake" }), [{ type: "list" }]);
  assert.deepEqual(valuesOf(state), ["a1"], "nothing is gone before the list is there");
  run(state, { type: "listed", items: [] });
  assert.deepEqual(valuesOf(state), []);
});

test("storage that cannot be watched is listed again and again", () => {
  const state = makeStorageWatchState<string>();
  let waits: number[] = [];
  for (let round = 0; round < 10; round++) {
    const effects = run(state, { type: "wake" }, { type: "watch-ended" }, {
      type: "listed",
      items: [item("a", round)],
    });
    waits = [...waits, ...effects.flatMap((effect) => effect.type === "wait" ? [effect.ms] : [])];
  }
  assert.deepEqual([waits[0], waits[1], waits.at(-1)], [500, 1000, pollMs]);
  assert.deepEqual([valuesOf(state), state.problem], [["a9"], ""]);
});

test("a list that fails is tried again, and what is known stays", () => {
  const state = makeStorageWatchState<string>();
  run(state, { type: "wake" }, { type: "opened" }, { type: "listed", items: [item("a", 1)] });
  run(state, { type: "wake" });
  assert.deepEqual(run(state, { type: "list-failed", reason: "away" }), [
    { type: "changed" },
    { type: "wait", ms: 500 },
  ]);
  assert.deepEqual([valuesOf(state), state.problem], [["a1"], "away"]);
  assert.deepEqual(run(state, { type: "wake" }), [{ type: "list" }]);
  assert.deepEqual(run(state, { type: "list-failed", reason: "away" }), [{ type: "wait", ms: 1000 }]);
});

/** Storage, and the copy's only view of it: lists that take their time, and a watch that may break. */
class World {
  readonly state = makeStorageWatchState<string>();
  readonly truth = new Map<string, StoredItem<string>>();
  watching = false;
  listing: StoredItem<string>[] | null = null;
  opening = false;
  waiting = true;
  #time = 10;

  take(event: StorageWatchEvent<string>): void {
    for (const effect of step(this.state, event, at)) {
      if (effect.type === "watch") this.opening = true;
      if (effect.type === "list") this.listing = [...this.truth.values()];
      if (effect.type === "wait") this.waiting = true;
    }
  }

  act(choice: number, id: string): void {
    switch (choice) {
      case 0:
        this.truth.set(id, item(id, this.#time++));
        if (this.watching) this.take({ type: "put", item: this.truth.get(id) ?? item(id, 0) });
        return;
      case 1:
        if (this.truth.delete(id) && this.watching) this.take({ type: "gone", id });
        return;
      case 2:
        if (this.waiting) {
          this.waiting = false;
          this.take({ type: "wake" });
        }
        return;
      case 3:
        return this.open(true);
      case 4:
        return this.open(false);
      case 5:
        if (this.watching) {
          this.watching = false;
          this.take({ type: "watch-ended" });
        }
        return;
      default:
        return this.list(choice === 7);
    }
  }

  open(succeeds: boolean): void {
    if (!this.opening) return;
    this.opening = false;
    this.watching = succeeds;
    this.take(succeeds ? { type: "opened" } : { type: "watch-ended" });
  }

  list(fails: boolean): void {
    const { listing } = this;
    if (listing === null) return;
    this.listing = null;
    this.take(fails ? { type: "list-failed", reason: "away" } : { type: "listed", items: listing });
  }
}

test("whatever happens, the copy is what storage has once things have settled", () => {
  const moves = fc.array(fc.tuple(fc.nat({ max: 8 }), fc.constantFrom("a", "b", "c")), { maxLength: 60 });
  fc.assert(
    fc.property(moves, (chosen) => {
      const world = new World();
      for (const [choice, id] of chosen) world.act(choice, id);
      for (let round = 0; round < 4; round++) {
        world.act(2, "");
        world.open(true);
        world.list(false);
      }
      assert.ok(world.watching && world.waiting && world.listing === null, "it goes on");
      assert.deepEqual(valuesOf(world.state), sorted([...world.truth.values()].map(({ value }) => value)));
      assert.equal(world.state.problem, "");
    }),
    { numRuns: 2000 },
  );
});
