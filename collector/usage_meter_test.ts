import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "./testing/manual_clock.ts";
import { ownUsage, UsageMeter } from "./usage_meter.ts";

test("CPU and lag are those since the last reading, and what is not known is left out", () => {
  const clock = new ManualClock();
  let cpu = 5;
  const meter = new UsageMeter(clock, { cpuSeconds: () => cpu, residentBytes: () => 100 });
  assert.deepEqual(meter.read(), { residentBytes: 100 });
  clock.advance(10_000);
  cpu += 2.5;
  assert.deepEqual(meter.read(), { cpuPercent: 25, residentBytes: 100 });
  meter.started(100);
  meter.started(300);
  clock.advance(500);
  assert.deepEqual(meter.read(), { cpuPercent: 25, residentBytes: 100 });
  clock.advance(500);
  assert.deepEqual(meter.read(), { cpuPercent: 0, lagMs: 200, residentBytes: 100 });
  clock.advance(1000);
  assert.deepEqual(meter.read(), { cpuPercent: 0, lagMs: 200, residentBytes: 100 });
});

test("the process' own usage grows with what it does", () => {
  const before = ownUsage.cpuSeconds();
  for (let turn = 0; turn < 1e7; turn++) Math.sqrt(turn);
  assert.ok(ownUsage.cpuSeconds() > before);
  assert.ok(ownUsage.residentBytes() > 1e6);
});
