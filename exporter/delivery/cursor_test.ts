import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch, DeliveryOutcome } from "../sink.ts";
import { testBatch, testScrapeOf } from "../sinks/batch_testing.ts";
import type { WalPosition } from "../wal/wal.ts";
import { type Chunk, type CursorEffect, type CursorEvent, type CursorState, newCursor, step } from "./cursor.ts";

const delivered: DeliveryOutcome = { outcome: "delivered", samples: 1, records: 1 };
const retry: DeliveryOutcome = { outcome: "retry", reason: "HTTP 503" };
const rejected: DeliveryOutcome = { outcome: "rejected", reason: "HTTP 400" };

/** A cursor with a clock that the test sets, and random numbers that are always a half. */
function cursorOf(position: WalPosition | null = null) {
  const state = newCursor(position);
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

function chunkOf(offset: number, batches: readonly Batch[], rest: Partial<Chunk> = {}): Chunk {
  return { batches, lostRecords: 0, unresolvedRecords: 0, next: { segment: 1, offset }, ...rest };
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

function settledOf({ counts }: CursorState): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

test("the batches of a chunk are delivered one after the other, then the cursor moves and is saved", () => {
  const cursor = cursorOf();
  const [a, b] = [batchOf("a"), batchOf("b")];
  const effects = cursor.startWith(chunkOf(10, [a, b], { lostRecords: 3, unresolvedRecords: 2 }));
  assert.deepEqual(effects, [{ type: "deliver", batch: a }]);
  assert.deepEqual(cursor.answer(delivered), [{ type: "deliver", batch: b }]);
  assert.equal(cursor.state.position, null);
  assert.deepEqual(cursor.answer(delivered), [{ type: "save", position: { segment: 1, offset: 10 } }, {
    type: "read",
  }]);
  assert.deepEqual(settledOf(cursor.state), {
    deliveredSamples: 2,
    deliveredRecords: 2,
    lostRecords: 3,
    unresolvedRecords: 2,
  });
});

test("a chunk without batches only moves the cursor", () => {
  const cursor = cursorOf();
  assert.equal(typesOf(cursor.startWith(chunkOf(10, [], { lostRecords: 1 }))), "save read");
  assert.deepEqual(settledOf(cursor.state), { lostRecords: 1 });
});

test("something new is waited for, and a little longer for more of it", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  assert.equal(typesOf(cursor.send({ type: "read", chunk: null })), "awaitChange");
  assert.deepEqual(cursor.send({ type: "changed" }), [{ type: "wait", delayMs: 100 }]);
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
  assert.deepEqual(settledOf(cursor.state), { deliveredSamples: 1, deliveredRecords: 1, retries: 4 });
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
  assert.equal(typesOf(cursor.send({ type: "buried", droppedLines: 0 })), "deliver:d");
  assert.equal(typesOf(cursor.answer(delivered)), "deliver:e");
  assert.equal(typesOf(cursor.answer(delivered)), "save read");
  const { rejectedSamples, rejectedRecords, deadLettersDropped } = cursor.state.counts;
  assert.deepEqual([rejectedSamples, rejectedRecords, deadLettersDropped], [1, 1, 0]);
});

test("a destination that refuses everything costs a bounded number of deliveries", () => {
  const cursor = cursorOf();
  const scrape = testScrapeOf("m", 1);
  let effects = cursor.startWith(chunkOf(10, [testBatch(Array.from({ length: 5000 }, () => scrape))]));
  let deliveries = 0;
  while (typesOf(effects) !== "save read") {
    const [effect] = effects;
    if (effect?.type === "deliver") deliveries++;
    effects = effect?.type === "bury" ? cursor.send({ type: "buried", droppedLines: 1 }) : cursor.answer(rejected);
  }
  assert.ok(deliveries < 2 ** 11, `${deliveries} deliveries`);
  assert.equal(cursor.state.counts.rejectedSamples, 5000);
  assert.equal(cursor.state.counts.deadLettersDropped, 1024);
});

test("a log that cannot be read is read again after a while", () => {
  const cursor = cursorOf();
  cursor.send({ type: "start" });
  assert.deepEqual(cursor.send({ type: "readFailed", reason: "EIO" }), [{ type: "wait", delayMs: 50 }]);
  assert.equal(cursor.state.lastError, "EIO");
  assert.equal(typesOf(cursor.send({ type: "waited" })), "read");
});

test("a sink that breaks its contract stops where it is", () => {
  const cursor = cursorOf({ segment: 1, offset: 5 });
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  assert.deepEqual(cursor.send({ type: "failed", reason: "TypeError" }), []);
  assert.deepEqual([cursor.state.phase, cursor.state.lastError], ["failed", "TypeError"]);
  assert.deepEqual(cursor.state.position, { segment: 1, offset: 5 });
  assert.equal(typesOf(cursor.send({ type: "stop" })), "stopped");
});

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
  assert.deepEqual(cursor.send({ type: "saveDue" }), [{ type: "save", position: { segment: 1, offset: 30 } }]);
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
  assert.deepEqual(cursor.send({ type: "saveDue" }), [{ type: "save", position: { segment: 1, offset: 20 } }]);
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
  assert.deepEqual(cursor.send({ type: "saved" }), [{ type: "save", position: { segment: 1, offset: 20 } }]);
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
  assert.equal(delivering.state.position, null);
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
  assert.deepEqual(cursor.state.position, { segment: 1, offset: 10 });
  assert.equal(typesOf(cursor.send({ type: "saved" })), "stopped");
});

test("aborting twice does not wait for it, and a late answer changes nothing", () => {
  const cursor = cursorOf();
  cursor.startWith(chunkOf(10, [batchOf("a")]));
  cursor.send({ type: "abort" });
  assert.equal(typesOf(cursor.send({ type: "abort" })), "stopped");
  assert.deepEqual(cursor.answer(delivered), []);
  assert.equal(cursor.state.position, null);
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
