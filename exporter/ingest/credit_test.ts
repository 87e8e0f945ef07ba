import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CreditPool } from "./credit.ts";

const MiB = 1024 * 1024;

/** A collector that uses its window to the full; as real ones it may send one frame with any window. */
interface Collector {
  windowBytes: number;
  pendingBytes: number;
}

function pool(budgetBytes: number): CreditPool<Collector> {
  return new CreditPool<Collector>({ budgetBytes, windowBytesMax: 8 * MiB }, ({ pendingBytes }) => pendingBytes);
}

function apply(credits: readonly { session: Collector; windowBytes: number }[]): void {
  for (const { session, windowBytes } of credits) session.windowBytes = windowBytes;
}

const join = (into: CreditPool<Collector>): Collector => {
  const session = { windowBytes: -1, pendingBytes: 0 };
  apply(into.join(session));
  return session;
};

test("sessions share the budget evenly, up to the largest window", () => {
  const credit = pool(64 * MiB);
  const first = join(credit);
  assert.equal(first.windowBytes, 8 * MiB);
  const all = [first, ...Array.from({ length: 15 }, () => join(credit))];
  apply(credit.tick(false));
  assert.deepEqual(new Set(all.map(({ windowBytes }) => windowBytes)), new Set([4 * MiB]));
  for (const gone of all.splice(1)) credit.leave(gone);
  apply(credit.tick(false));
  assert.equal(first.windowBytes, 8 * MiB);
});

test("pressure shrinks windows step by step, and its end gives them back", () => {
  const credit = pool(64 * MiB);
  const all = Array.from({ length: 8 }, () => join(credit));
  const windows = (pressed: boolean) => {
    apply(credit.tick(pressed));
    return (all[0]?.windowBytes ?? 0) / MiB;
  };
  assert.deepEqual([true, true, true, true, true].map(windows), [4, 2, 1, 0.5, 0.5]);
  assert.deepEqual(Array.from({ length: 8 }, () => windows(false)), [1, 2, 2, 4, 4, 4, 4, 8]);
});

test("1,000 collectors at once cost few CREDIT frames and never exceed the budget", () => {
  const credit = pool(64 * MiB);
  let frames = 0;
  const all: Collector[] = [];
  for (let count = 0; count < 1000; count++) {
    const session = { windowBytes: 0, pendingBytes: 0 };
    const credits = credit.join(session);
    frames += credits.length;
    apply(credits);
    all.push(session);
    assert.ok(credit.windowBytes <= 64 * MiB);
  }
  apply(credit.tick(false));
  assert.ok(all.every(({ windowBytes }) => windowBytes === 64 * 1024));
  assert.ok(frames < 4000, `${frames} frames`);
});

const event = fc.oneof(
  fc.record({ type: fc.constant("join" as const) }),
  fc.record({ type: fc.constantFrom("leave" as const, "send" as const, "durable" as const), which: fc.nat(60) }),
  fc.record({ type: fc.constant("tick" as const), pressed: fc.boolean() }),
);

test("what is unacknowledged never exceeds the budget, beyond one frame for each session", () => {
  const frameBytes = 300;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), fc.integer({ min: 1, max: 50_000 }), (events, budgetBytes) => {
      const credit = pool(budgetBytes);
      const sessions: Collector[] = [];
      for (const one of events) {
        if (one.type === "join") sessions.push(join(credit));
        else if (one.type === "tick") apply(credit.tick(one.pressed));
        else {
          const session = sessions[one.which % Math.max(1, sessions.length)];
          if (session === undefined) continue;
          if (one.type === "durable") session.pendingBytes = 0;
          else if (one.type === "leave") {
            credit.leave(session);
            sessions.splice(sessions.indexOf(session), 1);
          } else {
            while (session.pendingBytes + frameBytes <= session.windowBytes) session.pendingBytes += frameBytes;
            if (session.pendingBytes === 0) session.pendingBytes = frameBytes;
          }
        }
        const pendingBytes = sessions.reduce((sum, { pendingBytes: bytes }) => sum + bytes, 0);
        assert.ok(credit.windowBytes <= budgetBytes);
        assert.ok(pendingBytes <= budgetBytes + sessions.length * frameBytes, `${pendingBytes} of ${budgetBytes}`);
      }
    }),
    { numRuns: 300 },
  );
});
