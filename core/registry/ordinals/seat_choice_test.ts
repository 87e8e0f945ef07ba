import assert from "node:assert/strict";
import { test } from "node:test";
import { readSeat, type Seat, seatPath, writeSeat } from "./seat.ts";
import { choose, makeSeatChoiceState, see } from "./seat_choice.ts";

const leaseMs = 1000;

function seat(ordinal: number, over: Partial<Seat> = {}): Seat {
  return { ordinal, epoch: 1, instance: "a", leaseMs, renewals: 0, released: false, ...over };
}

test("the first number of all is free, and so is one that was given back", () => {
  const state = makeSeatChoiceState(leaseMs);
  see(state, [], 0);
  assert.deepEqual(choose(state, 0), { type: "claim", ordinal: 0, epoch: 1 });
  see(state, [seat(0, { epoch: 3 }), seat(0, { epoch: 4, released: true })], 0);
  assert.deepEqual(choose(state, 0), { type: "claim", ordinal: 0, epoch: 5 });
});

test("one that may be held is waited for, until it is renewed or its lease is over", () => {
  const state = makeSeatChoiceState(leaseMs);
  see(state, [seat(0), seat(1)], 0);
  assert.deepEqual(choose(state, 0), { type: "wait", ordinal: 0 });
  see(state, [seat(0, { renewals: 1 }), seat(1)], 500);
  assert.deepEqual(choose(state, 500), { type: "wait", ordinal: 1 });
  see(state, [seat(0, { renewals: 2 }), seat(1)], 999);
  assert.deepEqual(choose(state, 999), { type: "wait", ordinal: 1 });
  assert.deepEqual(choose(state, 1000), { type: "claim", ordinal: 1, epoch: 2 });
});

test("what comes to be in our sight is taken, so that many who start at once need not wait for each other", () => {
  const state = makeSeatChoiceState(leaseMs);
  see(state, [], 0);
  see(state, [seat(0), seat(1)], 10);
  assert.deepEqual(choose(state, 10), { type: "claim", ordinal: 2, epoch: 1 });
});

test("a store that could not be read tells nothing: leases begin anew", () => {
  const state = makeSeatChoiceState(leaseMs);
  see(state, [seat(0)], 0);
  see(state, null, 900);
  see(state, [seat(0)], 1500);
  assert.deepEqual(choose(state, 2400), { type: "wait", ordinal: 0 });
  assert.deepEqual(choose(state, 2500), { type: "claim", ordinal: 0, epoch: 2 });
});

test("a claim whose text was never written is one all the same", () => {
  const state = makeSeatChoiceState(leaseMs);
  const path = seatPath("w", seat(0));
  assert.equal(path, ".bcs-metric/ordinals/w/0-1.json");
  assert.deepEqual(readSeat("w", path, writeSeat(seat(0))), seat(0));
  assert.equal(readSeat("w", ".bcs-metric/ordinals/w/0.json", ""), null);
  const unknown = readSeat("w", path, "");
  assert.deepEqual(unknown, seat(0, { instance: "", leaseMs: 0 }));
  see(state, [unknown], 0);
  assert.deepEqual(choose(state, 999), { type: "wait", ordinal: 0 });
  assert.deepEqual(choose(state, 1000), { type: "claim", ordinal: 0, epoch: 2 });
});
