import assert from "node:assert/strict";
import { test } from "node:test";
import {
  absenceMs,
  makeSubscriptionState,
  restoredMs,
  silentMs,
  type SubscriptionEffect,
  type SubscriptionEvent,
} from "./state.ts";
import { stepSubscription } from "./step.ts";

const [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"];

/** A subscription whose time and chance the test decides; `chance` 0 picks the first candidate and waits for nothing. */
function subscribing(seeds: readonly string[] = [a], generation = 0) {
  const state = makeSubscriptionState(seeds);
  const reports: string[] = [];
  let nowMs = 1000;
  const send = (event: SubscriptionEvent): SubscriptionEffect[] => {
    const effects = stepSubscription(state, event, { nowMs, random: { float: () => 0 } });
    for (const effect of effects) {
      if (effect.type !== "report") continue;
      const { event: told } = effect;
      reports.push(told.type === "document" ? `document ${JSON.parse(told.text).spec.generation}` : told.type);
    }
    return effects;
  };
  const message = (event: string, value: object, id = "") =>
    send({ type: "message", message: { event, id, data: JSON.stringify(value) } });
  return {
    state,
    reports,
    send,
    start: () => send({ type: "start", generation }),
    services: (...urls: string[]) => send({ type: "services", urls }),
    fail: () => send({ type: "failed", reason: "broken" }),
    opened: () => send({ type: "opened" }),
    collection: (number: number, digest = `digest ${number}`) =>
      message("collection", { spec: { generation: number, digest } }, String(number)),
    unchanged: (number: number, digest = `digest ${number}`) =>
      message("unchanged", { generation: number, digest }, String(number)),
    absent: () => message("absent", {}),
    unavailable: () => message("unavailable", { reason: "no store" }),
    after: (ms: number) => {
      nowMs += ms;
      return send({ type: "woken" });
    },
  };
}

type Subscribing = ReturnType<typeof subscribing>;

/** Lets it follow a service that tells nothing yet. */
function followed(own: Subscribing, ...urls: string[]): Subscribing {
  own.start();
  own.services(...urls);
  own.opened();
  return own;
}

function opened(effects: readonly SubscriptionEffect[]) {
  return effects.flatMap((effect) => effect.type === "open" ? [[effect.url, effect.lastEventId]] : []);
}

function asked(effects: readonly SubscriptionEffect[]) {
  return effects.flatMap((effect) => effect.type === "ask" ? [effect.url] : []);
}

test("one of the services is asked for all, and one of all is followed", () => {
  const own = subscribing([a, b]);
  assert.deepEqual(asked(own.start()), [a]);
  assert.deepEqual(opened(own.services(c)), [[c, null]]);
  own.opened();
  own.collection(1);
  own.collection(2);
  assert.deepEqual(own.reports, ["document 1", "document 2"]);
});

test("a break is followed by another service, from where the first one was", () => {
  const own = followed(subscribing(), a, b);
  own.collection(3);
  own.fail();
  assert.deepEqual(asked(own.after(0)), [b]);
  assert.deepEqual(opened(own.services(a, b)), [[b, "3"]]);
  own.opened();
  own.unchanged(3);
  own.collection(4);
  assert.deepEqual(own.reports, ["document 3", "unavailable", "available", "document 4"]);
});

test("a service that knows an older generation is left for another", () => {
  const own = followed(subscribing(), a, b);
  own.collection(5);
  own.fail();
  own.after(0);
  own.services(a, b);
  own.opened();
  own.collection(4);
  assert.deepEqual(own.reports, ["document 5", "unavailable", "unavailable"]);
  assert.equal(own.state.phase.type, "waiting");
  own.after(0);
  own.services(a, b);
  own.opened();
  own.collection(6);
  assert.equal(own.reports.at(-1), "document 6");
});

test("what an earlier run kept outvotes an older generation, but not for ever", () => {
  const own = followed(subscribing([a], 50), a);
  own.collection(1);
  assert.deepEqual(own.reports, ["unavailable"]);
  own.after(restoredMs);
  own.services(a);
  own.opened();
  own.collection(1);
  assert.deepEqual(own.reports, ["unavailable", "document 1"]);
});

test("another history with the same generation is asked for whole", () => {
  const own = followed(subscribing(), a);
  own.collection(3);
  own.fail();
  own.after(0);
  own.services(a);
  own.opened();
  own.unchanged(3, "another");
  own.after(0);
  assert.deepEqual(opened(own.services(a)), [[a, null]]);
  own.opened();
  own.collection(3, "another");
  assert.equal(own.reports.at(-1), "document 3");
});

test("a silent stream is dead, and any byte keeps it alive", () => {
  const own = followed(subscribing(), a, b);
  own.after(silentMs - 1);
  own.send({ type: "heard" });
  assert.ok(own.after(silentMs - 1).some((effect) => effect.type === "wake" && effect.delayMs === 1));
  assert.deepEqual(own.reports, []);
  assert.ok(own.after(1).some((effect) => effect.type === "drop"));
  assert.deepEqual(own.reports, ["unavailable"]);
});

test("an absence on a stream that told otherwise is believed at once, a first one only when it lasts", () => {
  const own = followed(subscribing(), a);
  own.collection(3);
  own.absent();
  assert.deepEqual(own.reports, ["document 3", "absent"]);
  own.collection(4);
  own.fail();
  own.after(0);
  own.services(a);
  own.opened();
  own.absent();
  own.after(absenceMs - 1);
  assert.equal(own.reports.at(-1), "unavailable");
  own.after(1);
  assert.equal(own.reports.at(-1), "absent");
  own.collection(1);
  assert.equal(own.reports.at(-1), "document 1");
});

test("a service without its store is left, and comes back into question when all have failed", () => {
  const own = followed(subscribing([a]), a, b);
  own.unavailable();
  assert.deepEqual(asked(own.after(0)), [b]);
  own.fail();
  assert.deepEqual(asked(own.after(0)), [a]);
});

test("attempts come at growing intervals, and at once again after a good stream", () => {
  const state = makeSubscriptionState([a]);
  let nowMs = 0;
  const send = (event: SubscriptionEvent) =>
    stepSubscription(state, event, { nowMs, random: { float: () => 0.999 } })
      .flatMap((effect) => effect.type === "wake" ? [Math.round(effect.delayMs)] : []).at(-1);
  send({ type: "start", generation: 0 });
  const delays = Array.from({ length: 9 }, () => {
    const delayMs = send({ type: "failed", reason: "refused" });
    send({ type: "woken" });
    return delayMs;
  });
  assert.deepEqual(delays, [100, 200, 400, 799, 1598, 3197, 6394, 9990, 9990]);
  send({ type: "services", urls: [a] });
  send({ type: "opened" });
  nowMs += 5000;
  assert.equal(send({ type: "failed", reason: "it ended" }), 100);
});

test("after the end nothing happens", () => {
  const own = followed(subscribing(), a);
  assert.deepEqual(own.send({ type: "close" }), [{ type: "drop" }]);
  assert.deepEqual(own.collection(1), []);
  assert.deepEqual(own.after(silentMs), []);
});
