/** A subscription against three services that lag, break, fall silent and lose their store, over simulated hours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { makeSubscriptionState, type SubscriptionEffect, type SubscriptionEvent } from "./state.ts";
import { stepSubscription } from "./step.ts";

const urls = ["http://a:1", "http://b:1", "http://c:1"];

interface Service {
  isUp: boolean;
  hasStore: boolean;
  /** The newest generation that it has seen. */
  generation: number;
}

/** Returns the generations that were reported, and what the truth and the client's generation are at the end. */
function simulate(seed: number) {
  const random = seededRandom(seed);
  const chance = (share: number) => random.float() < share;
  const services = new Map<string, Service>(urls.map((url) => [url, { isUp: true, hasStore: true, generation: 1 }]));
  const state = makeSubscriptionState(urls);
  const reported: number[] = [];
  let [nowMs, truth, wakeAtMs, lastHeardMs] = [0, 1, Infinity, 0];
  let pending: SubscriptionEvent[] = [];
  let stream: { readonly url: string; told: number } | null = null;

  const carryOut = (effect: SubscriptionEffect) => {
    if (effect.type === "wake") wakeAtMs = nowMs + effect.delayMs;
    if (effect.type === "drop") [stream, pending] = [null, []];
    if (effect.type === "report" && effect.event.type === "document") {
      reported.push(JSON.parse(effect.event.text).spec.generation);
    }
    const service = "url" in effect ? services.get(effect.url) : undefined;
    if (effect.type === "ask") {
      pending = [service?.isUp === true ? { type: "services", urls } : { type: "failed", reason: "refused" }];
    }
    if (effect.type === "open") {
      if (service?.isUp !== true) pending = [{ type: "failed", reason: "refused" }];
      else [stream, pending] = [{ url: effect.url, told: Number(effect.lastEventId ?? 0) }, [{ type: "opened" }]];
    }
  };
  const send = (event: SubscriptionEvent) => {
    for (const effect of stepSubscription(state, event, { nowMs, random })) carryOut(effect);
  };
  const message = (event: string, generation: number, value: object) =>
    send({ type: "message", message: { event, id: String(generation), data: JSON.stringify(value) } });
  /** What the stream's service does in a step. */
  const serve = (open: { readonly url: string; told: number }) => {
    const service = services.get(open.url);
    if (service === undefined || !service.isUp) return send({ type: "failed", reason: "reset" });
    if (nowMs - lastHeardMs >= 10_000) {
      lastHeardMs = nowMs;
      send({ type: "heard" });
    }
    const { generation, hasStore } = service;
    if (!hasStore || generation < open.told) return message("unavailable", generation, { reason: "no store" });
    const seal = { generation, digest: `d${generation}` };
    if (generation > open.told) message("collection", generation, { spec: seal });
    else if (state.phase.type === "following" && !state.phase.isConfirmed) message("unchanged", generation, seal);
    open.told = generation;
  };
  const live = (disturbed: boolean) => {
    nowMs += 100;
    if (disturbed && chance(0.02)) truth++;
    for (const service of services.values()) {
      if (disturbed && chance(0.005)) service.isUp = !service.isUp;
      if (disturbed && chance(0.005)) service.hasStore = !service.hasStore;
      if (!disturbed) service.isUp = service.hasStore = true;
      if (service.hasStore && (!disturbed || chance(0.1))) service.generation = truth;
    }
    if (nowMs >= wakeAtMs) {
      wakeAtMs = Infinity;
      send({ type: "woken" });
    }
    for (const event of pending.splice(0)) send(event);
    if (stream !== null && state.phase.type === "following") serve(stream);
  };
  send({ type: "start", generation: 0 });
  for (let step = 0; step < 20_000; step++) live(true);
  for (let step = 0; step < 600; step++) live(false);
  return { reported, truth, generation: state.generation };
}

test("generations never go back, and once the services are well the newest one is there", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { reported, truth, generation } = simulate(seed);
    assert.ok(reported.length > 50, `seed ${seed}: only ${reported.length} collections were seen`);
    assert.ok(reported.every((one, index) => index === 0 || one > (reported[index - 1] ?? 0)), `seed ${seed}`);
    assert.equal(generation, truth, `seed ${seed}`);
  }
});
