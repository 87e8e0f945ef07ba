import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { BasePool } from "./base_pool.ts";

const MiB = 1024 * 1024;

test("a session gets a quarter of its even share, within its own limit", () => {
  const pool = new BasePool<number>({ budgetBytes: 256 * MiB, sessionBytesMax: 32 * MiB });
  const grants = Array.from({ length: 9 }, (_, session) => pool.join(session) / MiB);
  assert.deepEqual(grants, [32, 32, 16, 16, 8, 8, 8, 8, 4]);
});

test("what a session leaves is given to the next, and without room there is nothing", () => {
  const pool = new BasePool<number>({ budgetBytes: 1000, sessionBytesMax: 100 });
  for (let session = 0; session < 10_000; session++) pool.join(session);
  assert.equal(pool.join(-1), 0);
  for (let session = 0; session < 10_000; session++) pool.leave(session);
  pool.leave(-1);
  assert.equal(pool.join(0), 100);
});

test("grants never exceed the budget, whoever comes and goes", () => {
  const events = fc.array(fc.record({ session: fc.nat(50), joins: fc.boolean() }), { maxLength: 300 });
  fc.assert(fc.property(events, (list) => {
    const pool = new BasePool<number>({ budgetBytes: 10_000, sessionBytesMax: 2000 });
    const granted = new Map<number, number>();
    for (const { session, joins } of list) {
      if (!joins) {
        pool.leave(session);
        granted.delete(session);
      } else if (!granted.has(session)) granted.set(session, pool.join(session));
      const sum = [...granted.values()].reduce((total, bytes) => total + bytes, 0);
      assert.ok(sum <= 10_000 && [...granted.values()].every((bytes) => bytes >= 0 && bytes <= 2000));
    }
  }));
});
