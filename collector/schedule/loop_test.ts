import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual_clock.ts";
import { ScheduleLoop } from "./loop.ts";
import { nextTick, offsetOf } from "./tick.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a target is scraped at its ticks by the clock, until the loop is stopped", async () => {
  const clock = new ManualClock();
  const scraped: number[] = [];
  const loop = new ScheduleLoop({
    clock,
    concurrencyMax: 1,
    scrape: (_key, scheduledMs) => {
      scraped.push(scheduledMs);
      return Promise.resolve();
    },
  });
  const first = nextTick(offsetOf("a", 1000), 1000, clock.wallMs());
  loop.assign([{ key: "a", frequencyMs: 1000, fromMs: null, untilMs: null }]);
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await settled();
  }
  clock.advance(50);
  await settled();
  assert.deepEqual(scraped.slice(0, 3), [first, first + 1000, first + 2000]);
  assert.deepEqual(loop.load, { running: 0, waiting: 0 });
  const count = scraped.length;
  loop.stop();
  clock.advance(5000);
  assert.equal(scraped.length, count);
});

test("a scrape that does not end costs the ticks that follow", async () => {
  const clock = new ManualClock();
  const running = Promise.withResolvers<void>();
  const loop = new ScheduleLoop({ clock, concurrencyMax: 1, scrape: () => running.promise });
  loop.assign([{ key: "a", frequencyMs: 1000, fromMs: null, untilMs: null }]);
  clock.advance(4100);
  assert.deepEqual(loop.load, { running: 1, waiting: 0 });
  assert.equal(loop.counts.missedTicks, 3);
  running.resolve();
  await settled();
  assert.deepEqual(loop.load, { running: 0, waiting: 0 });
  loop.stop();
});
