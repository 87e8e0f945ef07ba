import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ScheduledTarget, slotMs, slotMsOf } from "./scheduler.ts";
import { ScheduleSimulation as Simulation, startMs } from "./testing/simulation.ts";
import { nextTick, offsetOf } from "./tick.ts";

function target(key: string, frequencyMs = 1000, bounds: Partial<ScheduledTarget> = {}): ScheduledTarget {
  return { key, frequencyMs, fromMs: null, untilMs: null, ...bounds };
}

/** Every tick of the target with `fromMs` < tick <= `untilMs`. */
function ticks(key: string, frequencyMs: number, fromMs: number, untilMs: number): number[] {
  const offsetMs = offsetOf(key, frequencyMs);
  const found: number[] = [];
  for (let tick = nextTick(offsetMs, frequencyMs, fromMs); tick <= untilMs; tick += frequencyMs) found.push(tick);
  return found;
}

const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 20 });

test("every tick starts one scrape, at the end of its slot", () => {
  fc.assert(fc.property(keys, fc.integer({ min: 1, max: 12 }), (names, seconds) => {
    const simulation = new Simulation();
    const slot = slotMsOf(seconds * 1000);
    assert.ok(slot <= seconds * 1000 / 20 && slot % slotMs === 0);
    simulation.assign(names.map((key) => target(key, seconds * 1000)));
    simulation.advance(20_000);
    for (const key of names) {
      const started = simulation.starts.filter((start) => start.key === key);
      const want = ticks(key, seconds * 1000, startMs, startMs + 20_000 - slot);
      assert.deepEqual(started.slice(0, want.length).map((start) => start.scheduledMs), want);
      for (const start of started) {
        assert.equal(start.atMs % slot, 0);
        assert.ok(start.atMs >= start.scheduledMs && start.atMs - start.scheduledMs < slot);
      }
    }
    assert.equal(simulation.state.missedTicks, 0);
  }));
});

test("targets of several frequencies that fall due together start together", () => {
  const simulation = new Simulation();
  const names = Array.from({ length: 300 }, (_, index) => `target-${index}`);
  simulation.assign(names.map((key, index) => target(key, [1000, 2000, 10_000][index % 3] ?? 1000)));
  simulation.advance(20_000);
  assert.ok(simulation.starts.length >= 100 * (20 + 10 + 2) - 300);
  assert.equal(new Set(simulation.starts.map((start) => start.atMs)).size, 20_000 / slotMs);
});

test("a target handed over is scraped at each tick by exactly one of its owners", () => {
  const handovers = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(keys, handovers, (names, offsets) => {
    const boundaries = [...new Set(offsets)].toSorted((a, b) => a - b).map((offset) => startMs + offset);
    const owners = [...boundaries, null].map((untilMs, index) => {
      const simulation = new Simulation();
      simulation.assign(names.map((key) => target(key, 1000, { fromMs: boundaries[index - 1] ?? null, untilMs })));
      simulation.advance(31_000);
      return simulation;
    });
    for (const key of names) {
      const scraped = owners.flatMap((owner) => owner.starts.filter((start) => start.key === key))
        .map((start) => start.scheduledMs);
      const want = ticks(key, 1000, startMs, startMs + 31_000 - slotMs);
      assert.deepEqual(scraped.slice(0, want.length), want);
    }
  }));
});

test("assigning the same targets again and again loses and doubles no tick", () => {
  fc.assert(fc.property(keys, fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 50 }), (names, pauses) => {
    const simulation = new Simulation();
    const targets = names.map((key) => target(key));
    simulation.assign(targets);
    for (const pause of pauses) {
      simulation.advance(pause);
      simulation.assign(targets);
    }
    simulation.advance(2000);
    for (const key of names) {
      const scraped = simulation.starts.filter((start) => start.key === key).map((start) => start.scheduledMs);
      const want = ticks(key, 1000, startMs, simulation.wallMs - slotMs);
      assert.deepEqual(scraped.slice(0, want.length), want);
    }
  }));
});

test("a slow target misses ticks instead of overlapping itself", () => {
  const simulation = new Simulation(200, () => 2500);
  simulation.assign([target("slow")]);
  simulation.advance(9000);
  const times = simulation.starts.map((start) => start.scheduledMs);
  for (let index = 1; index < times.length; index++) {
    assert.equal((times[index] ?? 0) - (times[index - 1] ?? 0), 3000);
  }
  assert.equal(simulation.runningMost, 1);
  assert.equal(simulation.starts.length + simulation.state.missedTicks, 9);
});

test("scrapes beyond the bound wait in the order of their slots and are late by what they waited", () => {
  const slot = slotMsOf(10_000);
  const simulation = new Simulation(2, () => 300);
  const names = Array.from({ length: 40 }, (_, index) => `target-${index}`);
  simulation.assign(names.map((key) => target(key, 10_000)));
  simulation.advance(20_000);
  assert.equal(simulation.runningMost, 2);
  assert.ok(simulation.starts.length >= 60);
  const ends = simulation.starts.map((start) => Math.ceil(start.scheduledMs / slot) * slot);
  assert.deepEqual(ends, ends.toSorted((a, b) => a - b));
  assert.deepEqual(
    simulation.starts.map((start) => start.latenessMs),
    simulation.starts.map((start, index) => start.atMs - (ends[index] ?? NaN)),
  );
});

test("scrapes that crowd one slot never exceed the bound, and none is lost", () => {
  const simulation = new Simulation(3, () => 70);
  const names = Array.from({ length: 60 }, (_, index) => `target-${index}`);
  simulation.assign(names.map((key) => target(key, 2000)));
  simulation.advance(10_000);
  assert.equal(simulation.runningMost, 3);
  assert.ok(simulation.starts.some((start) => start.latenessMs > 0), "the load must exceed the bound at times");
  for (const key of names) {
    const count = simulation.starts.filter((start) => start.key === key).length;
    assert.ok(count >= 4, `${key} was scraped ${count} times`);
  }
});

test("a stall of the process costs the ticks within it, counted", () => {
  const simulation = new Simulation();
  simulation.assign([target("a")]);
  simulation.advance(3000);
  const before = simulation.starts.length;
  simulation.stall(5500);
  simulation.advance(2000);
  const all = ticks("a", 1000, startMs, simulation.wallMs - slotMs).length;
  assert.ok(simulation.state.missedTicks >= 4);
  assert.equal(simulation.starts.length + simulation.state.missedTicks, all);
  assert.ok(simulation.starts.length > before + 1);
  assert.equal(simulation.state.clockJumps, 0);
});

test("after a jump of the wall clock the ticks are those of the new time, within one period", () => {
  fc.assert(fc.property(fc.integer({ min: 600, max: 1e9 }), fc.boolean(), (jumpMs, back) => {
    const simulation = new Simulation();
    simulation.assign([target("a"), target("b", 7000)]);
    simulation.advance(4000);
    const before = simulation.starts.length;
    simulation.jumpWall(back ? -jumpMs : jumpMs);
    simulation.advance(20_000);
    const after = simulation.starts.slice(before);
    assert.ok(after.filter((start) => start.key === "a").length >= 14);
    assert.ok(after.filter((start) => start.key === "b").length >= 2);
    assert.equal(simulation.state.clockJumps, 1);
    for (const { key, scheduledMs } of after.slice(2)) {
      const frequencyMs = key === "a" ? 1000 : 7000;
      assert.equal((scheduledMs - offsetOf(key, frequencyMs)) % frequencyMs, 0);
    }
  }));
});

test("a removed target is not scraped, one that comes back does not overlap its running scrape", () => {
  const simulation = new Simulation(200, () => 3000);
  simulation.assign([target("a")]);
  simulation.advance(1100);
  assert.equal(simulation.starts.length, 1);
  simulation.assign([]);
  simulation.advance(1000);
  simulation.assign([target("a")]);
  simulation.advance(900);
  assert.equal(simulation.starts.length, 1);
  simulation.advance(3000);
  assert.equal(simulation.starts.length, 2);
});

test("a removed target that waits for a place gives it up", () => {
  const simulation = new Simulation(1, () => 60_000);
  simulation.assign([target("a"), target("b")]);
  simulation.advance(1500);
  assert.equal(simulation.starts.length, 1);
  assert.equal(simulation.state.waiting.size, 1);
  simulation.assign([]);
  assert.equal(simulation.state.waiting.size, 0);
});

test("a changed frequency takes effect at once", () => {
  const simulation = new Simulation();
  simulation.assign([target("a", 60_000)]);
  simulation.assign([target("a", 1000)]);
  simulation.advance(5000);
  assert.ok(simulation.starts.length >= 4);
});

test("a target whose first moment is called forward is scraped from then on", () => {
  const simulation = new Simulation();
  simulation.assign([target("a", 1000, { fromMs: startMs + 60_000 })]);
  simulation.advance(3000);
  assert.equal(simulation.starts.length, 0);
  simulation.assign([target("a")]);
  simulation.advance(4000);
  assert.deepEqual(
    simulation.starts.map((start) => start.scheduledMs),
    ticks("a", 1000, startMs + 3000, simulation.wallMs - slotMs).slice(0, simulation.starts.length),
  );
  assert.ok(simulation.starts.length >= 3);
});
