import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { identityKey, nextTick, offsetOf } from "./tick.ts";

const frequency = fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000);
const moment = fc.integer({ min: 0, max: 4_102_444_800_000 });

test("the next tick is the first congruent moment after now", () => {
  fc.assert(fc.property(fc.string(), frequency, moment, (key, frequencyMs, nowMs) => {
    const offsetMs = offsetOf(key, frequencyMs);
    const tick = nextTick(offsetMs, frequencyMs, nowMs);
    assert.ok(offsetMs >= 0 && offsetMs < frequencyMs);
    assert.ok(tick > nowMs && tick - frequencyMs <= nowMs);
    assert.equal((tick - offsetMs) % frequencyMs, 0);
  }));
});

test("ticks that follow each other are one period apart", () => {
  fc.assert(fc.property(fc.string(), frequency, moment, (key, frequencyMs, nowMs) => {
    const offsetMs = offsetOf(key, frequencyMs);
    const tick = nextTick(offsetMs, frequencyMs, nowMs);
    assert.equal(nextTick(offsetMs, frequencyMs, tick), tick + frequencyMs);
    assert.equal(nextTick(offsetMs, frequencyMs, tick - 1), tick);
  }));
});

test("a moment with a fraction of a millisecond has the same next tick", () => {
  assert.equal(nextTick(10, 1000, 9.5), 10);
  assert.equal(nextTick(10, 1000, 10.5), 1010);
});

test("the scrape times of a target never change between releases", () => {
  const identity = { cluster: "BCS-K8S-00001", namespace: "shop", metric: "cart", address: "10.0.0.7:9100", pod: "a" };
  assert.equal(identityKey(identity), "BCS-K8S-00001/shop/cart/10.0.0.7:9100/a");
  assert.equal(offsetOf(identityKey(identity), 60_000), 5885);
  const probe = { ...identity, endpoint: "10.0.0.7:9100/probe?target=x" };
  assert.equal(identityKey(probe), "BCS-K8S-00001/shop/cart/10.0.0.7:9100/a 10.0.0.7:9100/probe?target=x");
});

test("neighbouring targets spread over the period", () => {
  const buckets = Array.from({ length: 12 }, () => 0);
  for (let host = 0; host < 1200; host++) {
    const offsetMs = offsetOf(`c/ns/metric/10.0.${host >> 8}.${host & 255}:9100/`, 60_000);
    const bucket = Math.floor(offsetMs / 5000);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(count > 60 && count < 140, `uneven spread: ${buckets.join(" ")}`);
});
