import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeHello } from "../../core/protocol/session.ts";
import { timings } from "./sender_state.ts";
import { Driver } from "./testing/driver.ts";
import { opaqueRecord } from "./testing/records.ts";

/** A sender of epoch 7 to which epoch 5 has left so many records, each of 2,000 bytes. */
function withBacklog(records: number): Driver {
  const recovered = [{ epoch: 5n, first: 1, last: records, records, samples: 0, bound: records }];
  const driver = new Driver({ recovered, budgetBytes: 100_000_000 });
  const { body } = opaqueRecord(1, 2_000);
  driver.state.runs[0]?.spool.refill(Array.from({ length: records }, (_, index) => ({
    kind: "record",
    record: { sequence: index + 1, samples: 0, frameType: FrameType.record, id: 0n, timestampMs: 1, body },
    shapes: [],
  })));
  driver.addresses("e:1");
  return driver;
}

/** Answers the HELLO that was written; returns its epoch. */
function welcomeNext(driver: Driver, sequence: number): number {
  driver.event({ type: "connected" });
  const hello = driver.takeWrites().flat().find(({ type }) => type === FrameType.hello);
  assert.ok(hello !== undefined, "a HELLO was written");
  // Room for two records.
  driver.welcome(sequence, 4_500);
  return Number(decodeHello(hello.body).epoch);
}

/** Acknowledges all that is in flight, for so long, twenty times a second; returns how many frames were sent. */
function run(driver: Driver, ms: number): number {
  let frames = 0;
  const { length } = driver.connects;
  for (let passedMs = 0; passedMs < ms && driver.connects.length === length; passedMs += 50) {
    driver.pass(50);
    frames += driver.takeWrites().flat().filter(({ type }) => type === FrameType.record).length;
    const { link, turn, runs } = driver.state;
    const spool = (turn.isFresh ? runs.at(-1) : runs[0])?.spool;
    if (link.phase === "streaming" && spool !== undefined && spool.inFlightBytes > 0) driver.ack(spool.highestInFlight);
  }
  return frames;
}

test("a backlog that is gone soon is sent before anything new", () => {
  const driver = withBacklog(100);
  driver.push(opaqueRecord(1));
  assert.equal(welcomeNext(driver, 0), 5);
  run(driver, timings.aloneMs);
  assert.equal(driver.state.runs.length, 1);
  assert.equal(welcomeNext(driver, 0), 7);
  run(driver, 1_000);
  assert.ok(driver.state.spool.isEmpty);
});

test("a backlog that takes long gives way to what is new, a few seconds at a time", () => {
  const driver = withBacklog(5_000);
  assert.equal(welcomeNext(driver, 0), 5);
  driver.push(opaqueRecord(1));
  const alone = run(driver, 2 * timings.aloneMs);
  assert.ok(Math.abs(driver.nowMs - timings.aloneMs) < 200, `it changed turns at ${driver.nowMs} ms`);
  assert.ok(alone > 1_000);
  for (let round = 0; round < 3; round++) {
    const beganMs = driver.nowMs;
    assert.equal(welcomeNext(driver, driver.state.spool.highestAcknowledged), 7);
    driver.push(opaqueRecord(1));
    run(driver, 2 * timings.turnMs);
    assert.ok(driver.state.spool.isEmpty, "what is new is through");
    assert.equal(welcomeNext(driver, driver.state.runs[0]?.spool.highestAcknowledged ?? 0), 5);
    driver.push(opaqueRecord(1));
    run(driver, 2 * timings.turnMs);
    assert.ok(driver.nowMs - beganMs < 2 * timings.turnMs + 1_000, `a round took ${driver.nowMs - beganMs} ms`);
  }
  const opened = driver.notes.filter(({ message }) => message === "session with exporter opened");
  assert.equal(opened.length, 1, "changing turns is no event");
  assert.equal(driver.state.sessions, 1);
});

test("without anything new the backlog goes on, and the turn changes with the first new record", () => {
  const driver = withBacklog(5_000);
  welcomeNext(driver, 0);
  run(driver, timings.aloneMs + 10_000);
  assert.equal(driver.connects.length, 1);
  driver.push(opaqueRecord(1));
  run(driver, 100);
  assert.equal(driver.connects.length, 2);
  assert.equal(welcomeNext(driver, 0), 7);
});

test("what is new has its turn until it has caught up, and a turn ends only when all in flight is acknowledged", () => {
  const driver = withBacklog(5_000);
  welcomeNext(driver, 0);
  for (let time = 1; time <= 400; time++) driver.push(opaqueRecord(time, 2_000));
  run(driver, 2 * timings.aloneMs);
  welcomeNext(driver, 0);
  driver.pass(2 * timings.turnMs);
  assert.equal(driver.connects.length, 2, "nothing was acknowledged in this turn");
  run(driver, 3 * timings.turnMs);
  assert.ok(driver.state.spool.highestAcknowledged >= 400);
  assert.equal(driver.connects.length, 3);
});

test("a fresh turn goes on when the backlog ends meanwhile", () => {
  const driver = withBacklog(5_000);
  welcomeNext(driver, 0);
  driver.push(opaqueRecord(1));
  run(driver, 2 * timings.aloneMs);
  welcomeNext(driver, 0);
  driver.pass(2 * timings.turnMs);
  driver.state.runs[0]?.spool.acknowledge(5_000);
  driver.event({ type: "stored" });
  assert.equal(driver.state.runs.length, 1);
  driver.ack(1);
  driver.push(opaqueRecord(2));
  run(driver, 1_000);
  assert.ok(driver.state.spool.isEmpty);
  assert.equal(driver.connects.length, 2);
});
