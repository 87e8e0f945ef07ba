import assert from "node:assert/strict";
import { test } from "node:test";
import { readStatus, statusPath, writeStatus } from "../core/registry/status.ts";
import { MemoryStore } from "../core/store/memory_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { reportMs, StatusReporter } from "./status_reporter.ts";
import { ManualClock } from "./testing/manual_clock.ts";

const path = statusPath("c", "shop", "bcs-collector-shop-0");

function reporting() {
  const store = new MemoryStore();
  const clock = new ManualClock();
  let generation = 1;
  const reporter = new StatusReporter({
    write: (status) => writeStatus(store, { clusterId: "c", namespace: "shop" }, status),
    clock,
    log: makeLogger("test", "silent"),
    status: () => ({ collector: "bcs-collector-shop-0", generation: generation++, reportedAtMs: 0, targets: [] }),
  });
  const written = async () => {
    const read = readStatus((await store.get(path))?.text ?? "");
    return read.ok ? read.status.generation : null;
  };
  /** Lets the time between two reports pass, and the report be written. */
  const period = async () => {
    clock.advance(reportMs);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { store, clock, reporter, written, period };
}

test("the status is written at the start, then only after a change", async () => {
  const { reporter, written, period } = reporting();
  await reporter.start();
  assert.equal(await written(), 1);
  await period();
  assert.equal(await written(), 1);
  reporter.changed();
  reporter.changed();
  assert.equal(await written(), 1);
  await period();
  assert.equal(await written(), 2);
  reporter.changed();
  await reporter.close();
  assert.equal(await written(), 3);
});

test("a status that could not be written is written later", async () => {
  const { store, reporter, written, period } = reporting();
  store.fail("the volume is gone");
  await reporter.start();
  await period();
  store.recover();
  assert.equal(await written(), null);
  await period();
  assert.notEqual(await written(), null);
  await reporter.close();
});
