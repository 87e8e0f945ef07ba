import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegistryRecord } from "../core/registry/records.ts";
import { MemoryStore } from "../core/store/memory_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { Late, lateAddresses } from "./late.ts";
import { ManualClock } from "./testing/manual_clock.ts";

const log = makeLogger("test", "silent");
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A store that can be opened from the given attempt on. */
function opening(fromAttempt: number) {
  const clock = new ManualClock();
  let attempts = 0;
  let closed = 0;
  const store = Object.assign(new MemoryStore(), {
    close: () => {
      closed++;
      return Promise.resolve();
    },
  });
  const open = () => {
    attempts++;
    return attempts < fromAttempt ? Promise.reject(new Error("not mounted")) : Promise.resolve(store);
  };
  return { late: new Late(open, clock, log), clock, store, attempts: () => attempts, closed: () => closed };
}

test("a store that can be opened is open at once", async () => {
  const { late, store, closed } = opening(1);
  await late.start(false);
  assert.ok(late.isOpen);
  assert.equal(await late.opened, store);
  await late.close();
  assert.equal(closed(), 1);
});

test("a failure is the caller's when it may not wait", async () => {
  const { late } = opening(2);
  await assert.rejects(late.start(false), /not mounted/);
  await late.close();
});

test("opening is tried again until it succeeds when it may wait", async () => {
  const { late, clock, store, attempts } = opening(3);
  await late.start(true);
  assert.equal(late.isOpen, false);
  for (let round = 0; round < 3; round++) {
    clock.advance(5000);
    await settled();
  }
  assert.equal(attempts(), 3);
  assert.equal(await late.opened, store);
  await late.close();
});

test("closing ends the tries", async () => {
  const { late, clock, attempts } = opening(9);
  await late.start(true);
  await late.close();
  clock.advance(60_000);
  assert.equal(attempts(), 1);
});

test("exporters are reported as soon as the registry is known, unless nobody wants to know any more", async () => {
  const record = { ip: "10.0.0.1", port: 7071, load: { connections: 2 } } as unknown as RegistryRecord;
  const known = Promise.withResolvers<
    { watch: (module: string, report: (all: RegistryRecord[]) => void) => Promise<{ close(): Promise<void> }> }
  >();
  const source = lateAddresses(known.promise);
  const reported: unknown[] = [];
  const unsubscribe = source.subscribe((addresses) => reported.push(addresses));
  const cancelled: unknown[] = [];
  source.subscribe((addresses) => cancelled.push(addresses))();
  known.resolve({
    watch: (_module, report) => {
      report([record]);
      return Promise.resolve({ close: () => Promise.resolve() });
    },
  });
  await settled();
  assert.deepEqual(reported, [[{ address: "10.0.0.1:7071", load: 3 }]]);
  assert.deepEqual(cancelled, []);
  unsubscribe();
});
