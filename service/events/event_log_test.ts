import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLog, type Happening } from "./event_log.ts";

const happening: Happening = { type: "leader", cluster: "", namespace: "", name: "a", detail: "" };

function logOf(count: number, eventsMax = 3): EventLog {
  const log = new EventLog({ epoch: "e1", wallMs: () => 5, eventsMax });
  for (let index = 0; index < count; index++) log.add([happening]);
  return log;
}

function idsSince(log: EventLog, id: string): [readonly string[], boolean] {
  const { events, missed } = log.since(id);
  return [events.map((event) => event.id), missed];
}

test("events are numbered, and those after a given one are told", () => {
  const log = logOf(2);
  assert.deepEqual(log.all()[0], { ...happening, id: "e1-1", timeMs: 5 });
  assert.deepEqual(idsSince(log, "e1-0"), [["e1-1", "e1-2"], false]);
  assert.deepEqual(idsSince(log, "e1-1"), [["e1-2"], false]);
  assert.deepEqual(idsSince(log, log.lastId), [[], false]);
});

test("the oldest go, and who has not seen them is told so", () => {
  const log = logOf(5);
  assert.deepEqual(idsSince(log, "e1-2"), [["e1-3", "e1-4", "e1-5"], false]);
  assert.deepEqual(idsSince(log, "e1-1"), [["e1-3", "e1-4", "e1-5"], true]);
});

test("an id of another run, of the future, or that is none leads to everything", () => {
  for (const id of ["e2-1", "e1-9", "", "e1-x", "e1--1"]) {
    assert.deepEqual(idsSince(logOf(1), id), [["e1-1"], true], id);
  }
});

test("listeners hear of additions until they end it", () => {
  const log = logOf(0);
  let heard = 0;
  const stop = log.onAdd(() => heard++);
  log.add([happening, happening]);
  log.add([]);
  stop();
  log.add([happening]);
  assert.equal(heard, 1);
});
