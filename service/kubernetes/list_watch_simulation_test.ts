import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../core/runtime/env.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { type Item, type ListWatchEffect, type ListWatchEvent, makeListWatchState, step } from "./list_watch.ts";

/** An API server without a network: objects by key, one version for all, and a memory that forgets. */
class ModelServer {
  readonly objects = new Map<string, number>();
  readonly #random: Random;
  readonly #history: { readonly version: number; readonly key: string; readonly gone: boolean }[] = [];
  version = 1;
  forgotten = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  change(): void {
    const key = `pod-${Math.floor(this.#random.float() * 30)}`;
    const gone = this.objects.has(key) && this.#random.float() < 0.4;
    this.version++;
    if (gone) this.objects.delete(key);
    else this.objects.set(key, this.version);
    this.#history.push({ version: this.version, key, gone });
    if (this.#random.float() < 0.05) this.forgotten = this.version;
  }

  /** A chunk of what there is now, after a key; the version is that of the first chunk. */
  page(continuation: string): { items: Item<number>[]; continuation: string; version: string } | null {
    const [version, after] = continuation === ""
      ? [this.version, ""]
      : JSON.parse(continuation) as [number, string];
    if (version < this.forgotten) return null;
    const keys = [...this.objects.keys()].toSorted().filter((key) => key > after);
    const some = keys.slice(0, 7);
    const items = some.map((key) => {
      const at = this.objects.get(key) ?? 0;
      return { key, version: String(at), value: at };
    });
    const more = keys.length > some.length;
    return { items, version: String(version), continuation: more ? JSON.stringify([version, some.at(-1)]) : "" };
  }

  /** Null when it has forgotten what was behind the version. */
  since(version: number): ListWatchEvent<number>[] | null {
    if (version < this.forgotten) return null;
    return this.#history.filter((one) => one.version > version).map(({ version: at, key, gone }) =>
      gone
        ? { type: "gone", key, version: String(at) }
        : { type: "put", item: { key, version: String(at), value: at } }
    );
  }
}

class Simulation {
  readonly random: Random;
  readonly server: ModelServer;
  readonly state = makeListWatchState<number>();
  nowMs = 0;
  /** Behind which the open watch has told everything; null while none is open. */
  #watched: number | null = null;
  #due: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.server = new ModelServer(this.random);
  }

  send(event: ListWatchEvent<number>): void {
    const known = new Set(this.state.items.keys());
    for (const effect of step(this.state, event, { nowMs: this.nowMs, chance: this.random.float() })) {
      this.#take(effect);
    }
    // Missing is not empty: only what a complete list lacks, or an event says so, is gone.
    const lost = [...known].filter((key) => !this.state.items.has(key));
    if (event.type !== "page" && event.type !== "gone") assert.deepEqual(lost, []);
  }

  /** @param calm whether nothing fails and nothing changes. */
  tick(calm: boolean): void {
    this.nowMs += 200;
    if (!calm && this.random.float() < 0.7) this.server.change();
    const due = this.#due.filter((one) => one.atMs <= this.nowMs);
    this.#due = this.#due.filter((one) => one.atMs > this.nowMs);
    for (const { run } of due) run();
    if (this.#watched !== null) this.#tellWatch(calm);
  }

  /** Whether something is under way that will go on: else it has stopped for good. */
  get isAlive(): boolean {
    return this.#watched !== null || this.#due.length > 0;
  }

  #tellWatch(calm: boolean): void {
    const from = this.#watched ?? 0;
    if (!calm && this.random.float() < 0.1) {
      this.#watched = null;
      const fate = this.random.float();
      const failure = { reason: "broken", status: fate < 0.2 ? 403 : 0, retryAfterMs: fate > 0.9 ? 2000 : null };
      this.send(fate < 0.5 ? { type: "watch-failed", failure } : { type: "watch-ended" });
      return;
    }
    const events = this.server.since(from);
    if (events === null) {
      this.#watched = null;
      this.send({ type: "watch-failed", failure: { reason: "expired", status: 410, retryAfterMs: null } });
      return;
    }
    for (const event of events) this.send(event);
    this.#watched = this.server.version;
  }

  #take(effect: ListWatchEffect): void {
    const later = (ms: number, run: () => void) => this.#due.push({ atMs: this.nowMs + ms, run });
    if (effect.type === "wait") later(effect.ms, () => this.send({ type: "wake" }));
    if (effect.type === "list") later(this.random.float() * 500, () => this.#list(effect.continuation));
    if (effect.type === "watch") {
      later(this.random.float() * 100, () => {
        this.#watched = Number(effect.version);
        this.send({ type: "watching" });
      });
    }
  }

  #list(continuation: string): void {
    if (this.random.float() < 0.1) {
      this.send({ type: "list-failed", failure: { reason: "broken", status: 503, retryAfterMs: null } });
      return;
    }
    const page = this.server.page(continuation);
    if (page === null) this.send({ type: "list-failed", failure: { reason: "old", status: 410, retryAfterMs: null } });
    else this.send({ type: "page", ...page });
  }
}

test("whatever breaks on the way, the copy is the original in the end", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const simulation = new Simulation(seed);
    simulation.send({ type: "start" });
    for (let tick = 0; tick < 400; tick++) {
      simulation.tick(false);
      assert.ok(simulation.isAlive, `seed ${seed} stopped`);
    }
    // Long enough for the watch to be tried again where it was forbidden.
    for (let tick = 0; tick < 3000; tick++) simulation.tick(true);
    const copy = new Map([...simulation.state.items].map(([key, { value }]) => [key, value]));
    assert.deepEqual(Object.fromEntries(copy), Object.fromEntries(simulation.server.objects), `seed ${seed}`);
    assert.equal(simulation.state.problem, null, `seed ${seed}`);
  }
});
