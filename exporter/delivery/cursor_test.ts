import assert from "node:assert/strict";
import { test } from "node:test";
import { newBooks, newSettled, newTally, outcomes } from "../ledger/books.ts";
import type { Loss } from "../ledger/loss.ts";
import type { Batch, DeliveryOutcome } from "../sink.ts";
import { testBatch, testScrapeOf } from "../sinks/batch_testing.ts";
import type { WalPosition } from "../wal/wal.ts";
import type { Chunk } from "./chunk.ts";
import { step } from "./cursor.ts";
import { currentBooks, type CursorEffect, type CursorEvent, type CursorState, newCursor } from "./cursor_state.ts";

const delivered: DeliveryOutcome = { outcome: "delivered", samples: 1, records: 1 };
const retry: DeliveryOutcome = { outcome: "retry", reason: "HTTP 503" };
const rejected: DeliveryOutcome = { outcome: "rejected", reason: "HTTP 400" };

const origin: WalPosition = { segment: 1, offset: 0, entry: 0 };

/** A cursor with a clock that the test sets, and random numbers that are always a half. */
function cursorOf(position: WalPosition = origin) {
  const state = newCursor({ position, books: newBooks(position.entry, 0), origins: [] });
  const cursor = {
    state,
    nowMs: 0,
    send(event: CursorEvent): CursorEffect[] {
      return step(state, event, { nowMs: cursor.nowMs, random: () => 0.5 });
    },
    answer(answer: DeliveryOutcome): CursorEffect[] {
      return cursor.send({ type: "answered", answer });
    },
    /** Up to a batch being delivered. */
    startWith(chunk: Chunk): CursorEffect[] {
      assert.deepEqual(cursor.send({ type: "start" }), [{ type: "read" }]);
      return cursor.send({ type: "read", chunk });
    },
  };
  return cursor;
}

/** `offset` is that of the next record and counts the entries too. */
function chunkOf(offset: number, batches: readonly Batch[], rest: Partial<Chunk> = {}): Chunk {
  return {
    batches,
    settled: newSettled(),
    declared: newTally(),
    leftOutSamples: 0,
    losses: [],
    progress: [],
    oldestMs: null,
    renumberedEntries: 0,
    next: { segment: 1, offset, entry: offset },
    ...rest,
  };
}

function batchOf(...names: string[]): Batch {
  return testBatch(names.map((name) => testScrapeOf(name, 1)));
}

function typesOf(effects: readonly CursorEffect[]): string {
  return effects.map((effect) => {
    const batch = "batch" in effect ? `:${effect.batch.scrapes.map(({ blocks }) => blocks[0]?.family).join("")}` : "";
    return effect.type + batch;
  }).join(" ");
}

/** Outcomes as [entries, samples], and notes, as far as they are not 0. */
function settledOf(state: CursorState): Record<string, unknown> {
  const { settled, notes } = currentBooks(state);
  const all = [...outcomes.map((outcome) => [outcome, settled[outcome]] as const), ...Object.entries({ ...notes })];
  const counted = all.filter(([, { entries, samples }]) => entries + samples > 0);
  return Object.fromEntries(counted.map(([name, { entries, samples }]) => [name, [entries, samples]]));
}

/** The positions that effects ask to be saved. */
function savedIn(effects: readonly CursorEffect[]): number[] {
  return effects.flatMap((effect) => effect.type === "save" ? [effect.account.position.offset] : []);
}

test("the batches of a chunk are delivered one after the other, then the cursor moves and is saved", () => {
  const cursor = cursorOf();
  const [a, b] = [batchOf("a"), batchOf("b")];
  const settled = { ...newSettled(), notRouted: newTally(2, 5) };
  const effects = cursor.startWith(chunkOf(10, [a, b], { declared: newTally(3, 30), settled }));
  assert.deepEqual(effects, [{ type: "deliver", batch: a }]);
  assert.deepEqual(cursor.answer(delivered), [{ type: "deliver", batch: b }]);
  assert.deepEqual(cursor.state.position, origin);
  assert.deepEqual(settledOf(cursor.state), { delivered: [1, 1] }, "what is delivered counts at once");
  const last = cursor.answer(delivered);
  assert.equal(typesOf(last), "save read");
  assert.deepEqual(savedIn(last), [10]);
  assert.deepEqual(settledOf(cursor.state), { delivered: [2, 2], notRouted: [2, 5], declared: [3, 30] });
});

test("a chunk without batches only moves the cursor", () => {
  const cursor = cursorOf();
  assert.equal(typesOf(cursor.startWith(chunkOf(10, [], { declared: newTally(1, 9) }))), "save read");
  assert.deepEqual(settledOf(cursor.state), { declared: [1, 9] });
});

test("something new is waited for, and a little longer for more of it", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  assert.equal(typesOf(cursor.send({ type: "read", chunk: null })), "awaitChange");
  assert.deepEqual(cursor.send({ type: "changed" }), [{ type: "wait", delayMs: 200 }]);
  assert.equal(typesOf(cursor.send({ type: "waited" })), "read");
});

test("stopping does not wait for more", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  cursor.send({ type: "read", chunk: null });
  cursor.send({ type: "changed" });
  assert.equal(typesOf(cursor.send({ type: "stop" })), "read");
  assert.deepEqual(cursor.send({ type: "waited" }), []);
});

test("a retry waits longer each time and then delivers the same batch", () => {
  const cursor = cursorOf();
  const a = batchOf("a");
  cursor.startWith(chunkOf(10, [a]));
  for (const delayMs of [50, 100, 200]) {
    assert.deepEqual(cursor.answer(retry), [{ type: "wait", delayMs }]);
    assert.equal(cursor.state.lastError, "HTTP 503");
    assert.deepEqual(cursor.send({ type: "waited" }), [{ type: "deliver", batch: a }]);
  }
  assert.deepEqual(cursor.answer({ ...retry, afterMs: 9000 }), [{ type: "wait", delayMs: 9000 }]);
  cursor.send({ type: "waited" });
  assert.equal(typesOf(cursor.answer(delivered)), "save read");
  assert.deepEqual(settledOf(cursor.state), { delivered: [1, 1], redelivered: [1, 1] });
  assert.equal(cursor.state.retries, 4);
  assert.equal(cursor.state.lastError, null);
  cursor.send({ type: "read", chunk: chunkOf(20, [a]) });
  assert.deepEqual(cursor.answer(retry), [{ type: "wait", delayMs: 50 }], "a success begins the backoff anew");
});

test("a rejected batch is halved until the refused record stands alone, which becomes a dead letter", () => {
  const cursor = cursorOf();
  assert.equal(typesOf(cursor.startWith(chunkOf(10, [batchOf("a", "b", "c", "d"), batchOf("e")]))), "deliver:abcd");
  assert.equal(typesOf(cursor.answer(rejected)), "deliver:ab");
  assert.equal(typesOf(cursor.answer(delivered)), "deliver:cd");
  assert.equal(typesOf(cursor.answer(rejected)), "deliver:c");
  assert.equal(typesOf(cursor.answer(rejected)), "bury:c");
  assert.equal(typesOf(cursor.send({ type: "buried", dropped: newTally() })), "deliver:d");
  assert.equal(typesOf(cursor.answer(delivered)), "deliver:e");
  assert.equal(typesOf(cursor.answer(delivered)), "save read");
  assert.deepEqual(settledOf(cursor.state), { delivered: [4, 3], rejected: [1, 1] });
});

test("a destination that refuses everything costs a bounded number of deliveries", () => {
  const cursor = cursorOf();
  const scrape = testScrapeOf("m", 1);
  let effects = cursor.startWith(chunkOf(10, [testBatch(Array.from({ length: 5000 }, () => scrape))]));
  let deliveries = 0;
  while (typesOf(effects) !== "save read") {
    const [effect] = effects;
    if (effect?.type === "deliver") deliveries++;
    effects = effect?.type === "bury"
      ? cursor.send({ type: "buried", dropped: newTally(1, 1) })
      : cursor.answer(rejected);
  }
  assert.ok(deliveries < 2 ** 11, `${deliveries} deliveries`);
  assert.deepEqual(settledOf(cursor.state), { rejected: [5000, 5000], deadLettersDropped: [1024, 1024] });
});

test("a log that cannot be read is read again after a while", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  assert.deepEqual(cursor.send({ type: "readFailed", reason: "EIO" }), [{ type: "wait", delayMs: 50 }]);
  assert.equal(cursor.state.lastError, "EIO");
  assert.equal(typesOf(cursor.send({ type: "waited" })), "read");
});

test("a sink that breaks its contract is tried again", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  assert.deepEqual(cursor.send({ type: "failed", reason: "TypeError" }), [{ type: "wait", delayMs: 50 }]);
  assert.equal(cursor.state.lastError, "TypeError");
  assert.equal(typesOf(cursor.send({ type: "waited" })), "deliver:a");
});

test("an alarm lasts until the destination answers something else", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a"), batchOf("b")]));
  const refused: DeliveryOutcome = { outcome: "retry", reason: "HTTP 401", afterMs: 60_000, alarm: true };
  assert.deepEqual(cursor.answer(refused), [{ type: "wait", delayMs: 60_000 }]);
  assert.equal(cursor.state.alarm, true);
  cursor.send({ type: "waited" });
  cursor.answer(delivered);
  assert.equal(cursor.state.alarm, false);
});

test("what a sink cannot carry, and what it takes in part, is counted apart", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a", "b", "c")]));
  cursor.answer({ outcome: "delivered", samples: 1, records: 2, notCarriedRecords: 1, rejectedSamples: 1 });
  assert.deepEqual(settledOf(cursor.state), { delivered: [2, 1], notCarried: [1, 0], leftOut: [0, 1] });
});

test("losses are declared before the cursor moves behind them", () => {
  const cursor = cursorOf();
  const loss = lossOf({ reason: "damage", entries: 4 });
  const settled = { ...newSettled(), lostDamage: newTally(4) };
  cursor.startWith(chunkOf(5, [batchOf("a")], { settled, losses: [loss] }));
  assert.deepEqual(cursor.answer(delivered), [{ type: "declare", losses: [loss] }]);
  assert.equal(typesOf(cursor.send({ type: "declareFailed", reason: "ENOSPC" })), "wait");
  assert.deepEqual(cursor.state.position, origin);
  assert.equal(typesOf(cursor.send({ type: "waited" })), "declare");
  assert.equal(typesOf(cursor.send({ type: "declared" })), "save read");
  assert.deepEqual(settledOf(cursor.state), { delivered: [1, 1], lostDamage: [4, 0] });
});

test("what the log has to let go is dropped, declared, and the cursor saved at once", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(3, [batchOf("a"), batchOf("b", "c")]));
  cursor.answer(delivered);
  cursor.answer(retry);
  const cut = { segment: 2, offset: 0, entry: 5 };
  const effects = cursor.send({ type: "skip", to: cut });
  assert.equal(typesOf(effects), "declare");
  assert.deepEqual(settledOf(cursor.state), { delivered: [1, 1], lostRetention: [2, 2] });
  const [loss] = effects[0]?.type === "declare" ? effects[0].losses : [];
  assert.deepEqual([loss?.reason, loss?.entries, loss?.fromEntry, loss?.toEntry], ["retention", 2, 0, 3]);
  assert.equal(typesOf(cursor.send({ type: "declared" })), "save read");
  cursor.send({ type: "saved" });
  cursor.nowMs = 10;
  const rest = cursor.send({ type: "read", chunk: chunkOf(5, [batchOf("d", "e")]) });
  assert.equal(typesOf(rest), "declare", "all before the cut goes");
  assert.equal(typesOf(cursor.send({ type: "declared" })), "saveLater read");
  const beyond = chunkOf(6, [batchOf("f")], { next: { segment: 2, offset: 1, entry: 6 } });
  assert.equal(typesOf(cursor.send({ type: "read", chunk: beyond })), "deliver:f");
  assert.deepEqual(cursor.state.position, cut, "nothing before the cut holds up the log");
  assert.equal(cursor.state.skipTo, null);
});

test("a delivery under way may end before its batch is dropped", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(3, [batchOf("a"), batchOf("b")]));
  assert.deepEqual(cursor.send({ type: "skip", to: { segment: 2, offset: 0, entry: 3 } }), []);
  assert.equal(typesOf(cursor.answer(delivered)), "declare");
  assert.deepEqual(settledOf(cursor.state), { delivered: [1, 1], lostRetention: [1, 1] });
});

test("a skip to what is behind the cursor changes nothing", () => {
  const cursor = cursorOf({ segment: 3, offset: 5, entry: 9 });
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  assert.deepEqual(cursor.send({ type: "skip", to: { segment: 3, offset: 5, entry: 9 } }), []);
  assert.equal(cursor.state.skipTo, null);
});

function lossOf(loss: Partial<Loss>): Loss {
  return {
    reason: "retention",
    detail: "",
    firstSegment: 1,
    lastSegment: 1,
    fromEntry: 0,
    toEntry: 1,
    entries: 1,
    samples: 0,
    oldestMs: null,
    newestMs: null,
    origins: [],
    ...loss,
  };
}

/** Delivers a chunk that ends at `offset`. */
function settle(cursor: ReturnType<typeof cursorOf>, offset: number): string {
  cursor.send({ type: "read", chunk: chunkOf(offset, [batchOf("a")]) });
  return typesOf(cursor.answer(delivered));
}

test("positions are saved at most every second", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  assert.equal(settle(cursor, 10), "save read");
  assert.equal(settle(cursor, 20), "read", "one save at a time");
  cursor.nowMs = 200;
  assert.deepEqual(cursor.send({ type: "saved" }), [{ type: "saveLater", delayMs: 800 }]);
  assert.equal(settle(cursor, 30), "read");
  cursor.nowMs = 1000;
  assert.deepEqual(savedIn(cursor.send({ type: "saveDue" })), [30]);
  cursor.nowMs = 1001;
  assert.deepEqual(cursor.send({ type: "saved" }), [], "nothing more to save");
  cursor.nowMs = 5000;
  assert.equal(settle(cursor, 40), "save read");
});

test("a save that fails is tried again a second later, while delivery goes on", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  settle(cursor, 10);
  cursor.nowMs = 100;
  assert.deepEqual(cursor.send({ type: "saveFailed", reason: "ENOSPC" }), [{ type: "saveLater", delayMs: 900 }]);
  assert.equal(cursor.state.lastError, "ENOSPC");
  assert.equal(settle(cursor, 20), "read");
  cursor.nowMs = 1000;
  assert.deepEqual(savedIn(cursor.send({ type: "saveDue" })), [20]);
});

test("stopping delivers what is there, saves and ends", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a"), batchOf("b")]));
  assert.deepEqual(cursor.send({ type: "stop" }), []);
  assert.equal(typesOf(cursor.answer(delivered)), "deliver:b");
  assert.equal(typesOf(cursor.answer(delivered)), "save read");
  assert.equal(settle(cursor, 20), "read");
  assert.equal(typesOf(cursor.send({ type: "saved" })), "saveLater");
  assert.equal(typesOf(cursor.send({ type: "read", chunk: null })), "save");
  assert.equal(typesOf(cursor.send({ type: "saved" })), "stopped");
});

test("stopping waits for a save under way, and saves again when the cursor has moved since", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  settle(cursor, 10);
  settle(cursor, 20);
  cursor.send({ type: "stop" });
  assert.deepEqual(cursor.send({ type: "read", chunk: null }), []);
  assert.deepEqual(savedIn(cursor.send({ type: "saved" })), [20]);
  assert.equal(typesOf(cursor.send({ type: "saved" })), "stopped");
});

test("stopping does not wait for a destination that takes nothing", () => {
  const waiting = cursorOf();
  waiting.startWith(chunkOf(10, [batchOf("a")]));
  waiting.answer(retry);
  assert.equal(typesOf(waiting.send({ type: "stop" })), "stopped");
  assert.deepEqual(waiting.send({ type: "waited" }), []);
  const delivering = cursorOf();
  delivering.startWith(chunkOf(10, [batchOf("a")]));
  delivering.send({ type: "stop" });
  assert.equal(typesOf(delivering.answer(retry)), "stopped");
  assert.deepEqual(delivering.state.position, origin);
});

test("stopping ends a wait for something new through one last read", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  cursor.send({ type: "read", chunk: null });
  assert.deepEqual(cursor.send({ type: "stop" }), []);
  assert.equal(typesOf(cursor.send({ type: "changed" })), "read");
  assert.equal(typesOf(cursor.send({ type: "read", chunk: null })), "stopped");
});

test("aborting ends after the delivery under way, which still counts", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  cursor.send({ type: "stop" });
  assert.deepEqual(cursor.send({ type: "abort" }), []);
  assert.equal(typesOf(cursor.answer(delivered)), "save");
  assert.deepEqual(cursor.state.position, { segment: 1, offset: 10, entry: 10 });
  assert.equal(typesOf(cursor.send({ type: "saved" })), "stopped");
});

test("aborting twice does not wait for it, and a late answer changes nothing", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  cursor.send({ type: "abort" });
  assert.equal(typesOf(cursor.send({ type: "abort" })), "stopped");
  assert.deepEqual(cursor.answer(delivered), []);
  assert.deepEqual(cursor.state.position, origin);
  assert.deepEqual(settledOf(cursor.state), {});
});

test("a last save that fails does not hold up the end", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  settle(cursor, 10);
  cursor.send({ type: "stop" });
  cursor.send({ type: "read", chunk: null });
  assert.equal(typesOf(cursor.send({ type: "saveFailed", reason: "ENOSPC" })), "stopped");
});
