import assert from "node:assert/strict";
import { test } from "node:test";
import { frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import { decodeLost, type Lost } from "../../core/protocol/session.ts";
import type { Entry } from "./entry.ts";
import { Spool } from "./spool.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./testing/records.ts";

const target = testTarget("10.0.0.1:9100");
const layout = testLayout("app", 2);

function take(spool: Spool, count = Infinity): Entry[] {
  const entries: Entry[] = [];
  while (entries.length < count && spool.mayTake(Infinity)) entries.push(spool.take());
  return entries;
}

/** `1` for a record, `1-3` for a loss. */
function places(entries: readonly Entry[]): string[] {
  return entries.map((entry) =>
    entry.kind === "record" ? String(entry.firstSequence) : `${entry.firstSequence}-${entry.lastSequence}`
  );
}

function lostOf(entry: Entry | undefined): Lost {
  assert.equal(entry?.frameType, FrameType.lost);
  return decodeLost(Number(entry.id), entry.body);
}

/** Holds `count` records of about 1,400 bytes within 20,000. */
function filled(count: number): Spool {
  const spool = new Spool({ budgetBytes: 20_000 });
  for (let time = 1; time <= count; time++) spool.push(opaqueRecord(time, 1_100));
  return spool;
}

test("beyond the budget the oldest records become one loss, which stands in their place", () => {
  const spool = filled(20);
  const [loss, ...rest] = take(spool, 1);
  assert.equal(rest.length, 0);
  const lost = lostOf(loss);
  const { firstSequence, lastSequence } = lost;
  assert.equal(firstSequence, 1);
  assert.deepEqual(lost, {
    firstSequence,
    lastSequence,
    records: lastSequence,
    samples: 0,
    oldestMs: 1,
    newestMs: lastSequence,
    reason: "spool full",
  });
  assert.ok(spool.bytes <= 20_000 && spool.bytes > 18_000);
  assert.equal(spool.books.lost.get("spool full")?.records, lastSequence);
  assert.equal(spool.books.unacknowledged.records, 20 - lastSequence);
  assert.equal(take(spool, 1)[0]?.firstSequence, lastSequence + 1);
});

test("what was sent is not dropped, not even after its connection has ended", () => {
  const spool = filled(10);
  assert.deepEqual(places(take(spool, 3)), ["1", "2", "3"]);
  spool.rewind();
  for (let time = 11; time <= 30; time++) spool.push(opaqueRecord(time, 1_100));
  const entries = places(take(spool, 5));
  assert.deepEqual(entries.slice(0, 3), ["1", "2", "3"]);
  assert.match(entries[3] ?? "", /^4-\d+$/);
});

test("a loss that was sent is not changed any more: the next one stands beside it", () => {
  const spool = filled(20);
  const [first] = places(take(spool, 1));
  for (let time = 21; time <= 30; time++) spool.push(opaqueRecord(time, 1_100));
  spool.rewind();
  const again = places(take(spool, 2));
  assert.equal(again[0], first);
  assert.match(again[1] ?? "", /^\d+-\d+$/);
});

test("records that were sent take at most half of the budget", () => {
  const spool = filled(14);
  const sent = take(spool);
  assert.ok(sent.length >= 5 && sent.length <= 7, `${sent.length} were sent`);
  spool.acknowledge(2);
  assert.equal(take(spool).length, 2);
});

test("a record that fits no frame or not the budget is lost at once, the others are not", () => {
  const spool = new Spool({ budgetBytes: 64 * 1024 * 1024 });
  assert.equal(spool.push(opaqueRecord(1)), null);
  assert.equal(spool.push(opaqueRecord(2, frameBodyBytesMax + 1)), "record too large");
  assert.equal(spool.push(opaqueRecord(3, frameBodyBytesMax)), null);
  const entries = take(spool);
  assert.deepEqual(places(entries), ["1", "2-2", "3"]);
  assert.equal(lostOf(entries[1]).reason, "record too large");
  const small = new Spool({ budgetBytes: 2_000 });
  assert.equal(small.push(opaqueRecord(1)), null);
  assert.equal(small.push(opaqueRecord(2, 2_000)), "record too large");
  assert.equal(small.books.unacknowledged.records, 1);
});

test("losses for different reasons that become neighbours are one, with both reasons", () => {
  const spool = new Spool({ budgetBytes: 3_000 });
  spool.push(opaqueRecord(1, 1_000));
  spool.push(opaqueRecord(2, 3_000));
  spool.push(opaqueRecord(3, 2_000));
  const [loss] = take(spool, 1);
  assert.deepEqual(places(loss === undefined ? [] : [loss]), ["1-2"]);
  assert.equal(lostOf(loss).reason, "record too large; spool full");
  assert.equal(lostOf(loss).records, 2);
  spool.acknowledge(2);
  assert.deepEqual(places(take(spool)), ["3"]);
});

test("shapes are counted once, and held as long as a record refers to them", () => {
  const spool = new Spool({ budgetBytes: 1_000_000 });
  spool.push(scrapeRecord(1, target, layout));
  const first = spool.bytes;
  spool.push(scrapeRecord(2, target, layout));
  const second = spool.bytes - first;
  assert.ok(second < first / 2, `${second} after ${first}`);
  take(spool);
  spool.acknowledge(1);
  assert.equal(spool.bytes, first);
  spool.acknowledge(2);
  assert.equal(spool.bytes, 0);
});

test("acknowledging counts records and samples, and leaves what is not covered", () => {
  const spool = new Spool({ budgetBytes: 1_000_000 });
  for (let time = 1; time <= 5; time++) spool.push(scrapeRecord(time, target, layout));
  take(spool);
  const before = spool.inFlightBytes;
  spool.acknowledge(3);
  assert.deepEqual(spool.books.acknowledged, { records: 3, samples: 6 });
  assert.deepEqual(spool.books.unacknowledged, { records: 2, samples: 4 });
  assert.equal(spool.firstSequence, 4);
  assert.equal(spool.inFlightBytes, before * 2 / 5);
  spool.acknowledge(5);
  assert.equal(spool.firstSequence, 6);
  assert.ok(spool.isEmpty);
});

test("going back makes everything from there on be sent again", () => {
  const spool = new Spool({ budgetBytes: 1_000_000 });
  for (let time = 1; time <= 4; time++) spool.push(scrapeRecord(time, target, layout));
  take(spool, 3);
  const bytes = spool.inFlightBytes;
  assert.equal(spool.goBack(4), null, "it was not sent");
  assert.equal(spool.goBack(2)?.firstSequence, 2);
  assert.equal(spool.inFlightBytes, bytes / 3);
  assert.equal(spool.highestInFlight, 1);
  assert.deepEqual(places(take(spool)), ["2", "3", "4"]);
});
