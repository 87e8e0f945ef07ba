/** Scrapes besides the ticks: of targets that are new, or whose definition changed. */
import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnceSpreadMs, type ScheduledTarget, slotMs } from "./scheduler.ts";
import { ScheduleSimulation, startMs } from "./testing/simulation.ts";
import { nextTick, offsetOf } from "./tick.ts";

const frequencyMs = 60_000;

function target(key: string, over: Partial<ScheduledTarget> = {}): ScheduledTarget {
  return { key, frequencyMs, fromMs: null, untilMs: null, ...over };
}

function ticksOf(key: string, forMs: number): number[] {
  const first = nextTick(offsetOf(key, frequencyMs), frequencyMs, startMs);
  const ticks: number[] = [];
  for (let tick = first; tick <= startMs + forMs - slotMs; tick += frequencyMs) ticks.push(tick);
  return ticks;
}

/** A target whose first tick is so far away. */
function keyWithTickAfter(fromMs: number, toMs: number): string {
  for (let index = 0; index < 100_000; index++) {
    const key = `target-${index}`;
    const waitMs = nextTick(offsetOf(key, frequencyMs), frequencyMs, startMs) - startMs;
    if (waitMs >= fromMs && waitMs < toMs) return key;
  }
  return assert.fail("no such target");
}

test("what is to be scraped at once is, once, and at all of its ticks besides", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 50 });
  fc.assert(fc.property(names, (keys) => {
    const simulation = new ScheduleSimulation(200, () => 2000);
    simulation.assign(keys.map((key) => target(key, { atOnce: true })));
    simulation.advance(200_000);
    for (const key of keys) {
      const moments = simulation.starts.filter((start) => start.key === key).map((start) => start.scheduledMs);
      const ticks = ticksOf(key, 200_000);
      const besides = moments.filter((moment) => moment % frequencyMs !== offsetOf(key, frequencyMs));
      const atTicks = moments.filter((moment) => !besides.includes(moment));
      assert.deepEqual(atTicks.slice(0, ticks.length), ticks);
      assert.ok(atTicks.length <= ticks.length + 1);
      assert.ok(besides.length <= 1);
      const firstMs = Math.min(...simulation.starts.filter((start) => start.key === key).map(({ atMs }) => atMs));
      assert.ok(firstMs <= startMs + 500 + 2 * slotMs, `${key} after ${firstMs - startMs} ms`);
    }
    assert.equal(simulation.state.missedTicks, 0);
  }));
});

test("scrapes besides the ticks are spread", () => {
  const simulation = new ScheduleSimulation();
  simulation.assign(Array.from({ length: 300 }, (_, index) => target(`target-${index}`, { atOnce: true })));
  simulation.advance(atOnceSpreadMs + slotMs);
  const perSlot = [...Map.groupBy(simulation.starts, ({ atMs }) => atMs).values()].map((starts) => starts.length);
  assert.ok(perSlot.length >= atOnceSpreadMs / slotMs, `${perSlot.length} slots`);
  assert.ok(Math.max(...perSlot) < 120, `${Math.max(...perSlot)} in one slot`);
});

test("a tick that comes soon is enough", () => {
  const key = keyWithTickAfter(100, 450);
  const simulation = new ScheduleSimulation();
  simulation.assign([target(key, { atOnce: true })]);
  simulation.advance(10_000);
  assert.deepEqual(simulation.starts.map((start) => start.scheduledMs), ticksOf(key, 10_000));
});

test("a tick that comes while a scrape besides it runs waits for its end", () => {
  const key = keyWithTickAfter(600, 1000);
  const simulation = new ScheduleSimulation(200, () => 5000);
  simulation.assign([target(key, { atOnce: true })]);
  simulation.advance(20_000);
  const [besides, tick, ...more] = simulation.starts;
  assert.ok(besides !== undefined && tick !== undefined);
  assert.deepEqual([more, tick.scheduledMs], [[], ticksOf(key, 20_000)[0]]);
  assert.equal(tick.atMs, besides.atMs + 5000);
  assert.equal(simulation.state.missedTicks, 0);
});

test("what runs under the definition of before is waited for", () => {
  const key = keyWithTickAfter(1000, 2000);
  const simulation = new ScheduleSimulation(200, () => 3000);
  simulation.assign([target(key)]);
  simulation.advance(2100);
  simulation.assign([target(key, { atOnce: true })]);
  simulation.advance(10_000);
  const [tick, besides, ...more] = simulation.starts;
  assert.ok(besides !== undefined && tick !== undefined);
  assert.deepEqual([more, tick.scheduledMs], [[], ticksOf(key, 20_000)[0]]);
  assert.ok(besides.atMs >= tick.atMs + 3000 && besides.atMs <= tick.atMs + 3000 + 3 * slotMs);
});

test("what is not ours now is not scraped at once", () => {
  const key = keyWithTickAfter(40_000, 50_000);
  const check = (bounds: Partial<ScheduledTarget>) => {
    const simulation = new ScheduleSimulation();
    simulation.assign([target(key, { atOnce: true, ...bounds })]);
    simulation.advance(30_000);
    assert.deepEqual(simulation.starts, []);
  };
  check({ fromMs: startMs + 20_000 });
  check({ untilMs: startMs });
});

test("the same targets assigned anew before the scrape at once keep it, and have it once", () => {
  const key = keyWithTickAfter(40_000, 50_000);
  const simulation = new ScheduleSimulation();
  simulation.assign([target(key, { atOnce: true })]);
  simulation.assign([target(key)]);
  simulation.advance(1000);
  simulation.assign([target(key)]);
  simulation.advance(10_000);
  assert.equal(simulation.starts.length, 1);
});
