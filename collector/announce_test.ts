import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem } from "../core/config/names.ts";
import { collectorId } from "../core/registry/collector_id.ts";
import { collectorRecord, RateMeter } from "./announce.ts";
import { ManualClock } from "./testing/manual_clock.ts";

const identity = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0" };

test("a collector is announced at its HTTP port, under an id that no other has", () => {
  const record = collectorRecord(identity, { host: "127.0.0.1", port: 7073 }, "0.1.0", "ab");
  assert.equal(record.module, "collector");
  assert.equal(record.metric_port, 7073);
  assert.equal(record.ip, "127.0.0.1");
  assert.equal(record.id, "BCS-K8S-00001.shop.bcs-collector-shop-0");
  assert.notEqual(collectorId({ ...identity, cluster: "BCS-K8S-00002" }), record.id);
});

test("an address for all of the machine is announced as one that can be reached", () => {
  const { ip } = collectorRecord(identity, { host: "0.0.0.0", port: 7073 }, "0.1.0", "ab");
  assert.notEqual(ip, "0.0.0.0");
});

test("a long id is still a safe name, and another for another collector", () => {
  const long = { cluster: `a${"-".repeat(200)}b`, namespace: "n".repeat(100), name: "x" };
  assert.equal(nameProblem(collectorId(long)), null);
  assert.ok(collectorId(long).length <= 240);
  assert.notEqual(collectorId({ ...long, cluster: `b${"-".repeat(200)}b` }), collectorId(long));
});

test("a rate is that since the last reading, over a second at least", () => {
  const clock = new ManualClock();
  const meter = new RateMeter(clock);
  meter.add(50);
  assert.equal(meter.read(), 0);
  clock.advance(2000);
  meter.add(150);
  assert.equal(meter.read(), 100);
  clock.advance(500);
  meter.add(1000);
  assert.equal(meter.read(), 100);
  clock.advance(500);
  assert.equal(meter.read(), 1000);
});
