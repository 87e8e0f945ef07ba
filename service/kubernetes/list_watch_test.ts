import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Failure,
  type Item,
  type ListWatchEffect,
  type ListWatchEvent,
  makeListWatchState,
  pauseMsMax,
  pauseMsMin,
  pollMs,
  pollsBetweenWatches,
  soundWatchMs,
  step,
} from "./list_watch.ts";

type Event = ListWatchEvent<string>;

const away: Failure = { reason: "away", status: 0, retryAfterMs: null };

function item(key: string, version: string): Item<string> {
  return { key, version, value: `${key} of ${version}` };
}

function page(version: string, items: readonly Item<string>[], continuation = ""): Event {
  return { type: "page", items, continuation, version };
}

function machine() {
  const state = makeListWatchState<string>();
  let nowMs = 0;
  /** Effects as text, those of several events together; the chance makes pauses their longest. */
  const send = (...events: Event[]): string[] =>
    events.flatMap((event) => step(state, event, { nowMs, chance: 1 }).map(textOf));
  return { state, send, pass: (ms: number) => nowMs += ms };
}

function textOf(effect: ListWatchEffect): string {
  if (effect.type === "list") return `list ${effect.continuation}`.trim();
  if (effect.type === "watch") return `watch ${effect.version}`;
  return effect.type === "wait" ? `wait ${effect.ms}` : "changed";
}

/** A machine that watches behind version 5, with items a and b. */
function watching() {
  const running = machine();
  running.send({ type: "start" }, page("5", [item("a", "1"), item("b", "2")]), { type: "watching" });
  return running;
}

test("chunks are one list, which is believed only when it is complete, and then watched from its version", () => {
  const { send, state } = machine();
  assert.deepEqual(send({ type: "start" }), ["list"]);
  assert.deepEqual(send(page("5", [item("a", "1")], "next")), ["list next"]);
  assert.deepEqual([state.synced, state.items.size], [false, 0]);
  assert.deepEqual(send(page("5", [item("b", "2")])), ["changed", "watch 5"]);
  assert.deepEqual([state.synced, [...state.items.keys()]], [true, ["a", "b"]]);
});

test("an empty collection is news, too: it is known to be empty", () => {
  const { send } = machine();
  send({ type: "start" });
  assert.deepEqual(send(page("5", [])), ["changed", "watch 5"]);
});

test("a continuation that has expired begins the list anew, without what was read", () => {
  const { send, state } = machine();
  send({ type: "start" }, page("5", [item("gone", "1")], "next"));
  assert.deepEqual(send({ type: "list-failed", failure: { ...away, status: 410 } }), ["list"]);
  send(page("9", [item("a", "8")]));
  assert.deepEqual([...state.items.keys()], ["a"]);
});

test("a watch is resumed behind the last thing seen, be it a bookmark", () => {
  const { send, pass, state } = watching();
  assert.deepEqual(send({ type: "put", item: item("c", "7") }), ["changed"]);
  assert.deepEqual(send({ type: "gone", key: "a", version: "8" }), ["changed"]);
  assert.deepEqual(send({ type: "bookmark", version: "20" }), []);
  assert.deepEqual([...state.items.keys()], ["b", "c"]);
  pass(soundWatchMs);
  assert.deepEqual(send({ type: "watch-ended" }), ["watch 20"]);
});

test("a watch that breaks is resumed after a pause that doubles; meanwhile the items stay, and the problem shows", () => {
  const { send, state } = watching();
  assert.deepEqual(send({ type: "watch-failed", failure: away }), ["changed", `wait ${pauseMsMin}`]);
  assert.deepEqual([state.items.size, state.problem?.reason], [2, "away"]);
  assert.deepEqual(send({ type: "wake" }), ["watch 5"]);
  assert.deepEqual(send({ type: "watch-failed", failure: away }), [`wait ${2 * pauseMsMin}`]);
  for (let failures = 0; failures < 20; failures++) send({ type: "wake" }, { type: "watch-failed", failure: away });
  assert.deepEqual(send({ type: "wake" }, { type: "watch-failed", failure: away }), ["watch 5", `wait ${pauseMsMax}`]);
  assert.deepEqual(send({ type: "wake" }, { type: "watching" }), ["watch 5", "changed"]);
  assert.equal(state.problem, null);
});

test("a server that asks to be left in peace is, however short our own pause would be", () => {
  const { send } = watching();
  const busy = { reason: "busy", status: 429, retryAfterMs: 7000 };
  assert.deepEqual(send({ type: "watch-failed", failure: busy }), ["changed", "wait 7000"]);
});

test("a forgotten version lists anew and tells only of what is another", () => {
  const { send, state } = watching();
  assert.deepEqual(send({ type: "watch-failed", failure: { ...away, status: 410 } }), ["list"]);
  assert.equal(state.items.size, 2);
  assert.deepEqual(send(page("30", [item("a", "1"), item("b", "2")])), ["watch 30"]);
  assert.deepEqual(send({ type: "watch-failed", failure: { ...away, status: 410 } }), [`wait ${2 * pauseMsMin}`]);
  assert.deepEqual(send({ type: "wake" }), ["list"]);
  assert.deepEqual(send(page("40", [item("a", "1")])), ["changed", "watch 40"]);
  assert.deepEqual([...state.items.keys()], ["a"]);
});

test("a watch that ends as soon as it begins is no busy circle", () => {
  const { send } = watching();
  assert.deepEqual(send({ type: "watch-ended" }), [`wait ${pauseMsMin}`]);
  assert.deepEqual(send({ type: "wake" }, { type: "watching" }, { type: "watch-ended" }), [
    "watch 5",
    `wait ${2 * pauseMsMin}`,
  ]);
});

test("where watching is forbidden the collection is polled, and the watch tried again now and then", () => {
  const { send } = watching();
  const forbidden: Event = { type: "watch-failed", failure: { reason: "no", status: 403, retryAfterMs: null } };
  send(forbidden);
  for (let poll = 1; poll < pollsBetweenWatches; poll++) {
    assert.deepEqual(send({ type: "wake" }), ["list"]);
    assert.deepEqual(send(page("1", [item("a", String(poll))])), ["changed", `wait ${pollMs}`]);
  }
  assert.deepEqual(send({ type: "wake" }), ["list"]);
  send(page("99", []));
  assert.deepEqual(send({ type: "wake" }), ["watch 99"]);
  assert.deepEqual(send(forbidden).slice(-1), [`wait ${pauseMsMin}`]);
});

test("a list that fails is tried again from its beginning, and what was known stays", () => {
  const { send, state } = watching();
  send({ type: "watch-failed", failure: { ...away, status: 410 } }, page("9", [item("x", "9")], "next"));
  send({ type: "list-failed", failure: away });
  assert.deepEqual([...state.items.keys()], ["a", "b"]);
  assert.deepEqual(send({ type: "wake" }), ["list"]);
});
