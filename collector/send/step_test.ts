import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeHello, decodeLost, SessionErrorCode } from "../../core/protocol/session.ts";
import { Driver, identity } from "./testing/driver.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./testing/records.ts";

const target = testTarget("10.0.0.1:9100");
const layout = testLayout("app", 2);

function connected(...records: number[]): Driver {
  const driver = new Driver();
  driver.push(...records.map((time) => opaqueRecord(time)));
  driver.addresses("a:1");
  return driver;
}

test("HELLO tells who it is and what comes first, and nothing else is written before WELCOME", () => {
  const driver = connected(1, 2);
  driver.event({ type: "connected" });
  driver.push(opaqueRecord(3));
  driver.pass(9_000);
  const [hello, ...others] = driver.takeWrites().flat();
  assert.equal(others.length, 0);
  assert.ok(hello !== undefined);
  assert.equal(hello.type, FrameType.hello);
  assert.equal(hello.timestampNs, 1_700_000_000_000_000_000n);
  assert.deepEqual(decodeHello(hello.body), { ...identity, epoch: 7n, nextSequence: 1, token: "t", wantsCoding: true });
});

test("WELCOME acknowledges what the exporter has, and the rest is sent again", () => {
  const driver = connected(1, 2, 3, 4);
  driver.open();
  assert.deepEqual(driver.takeWrites().flat().map(({ body }) => Number(Buffer.from(body))), [1, 2, 3, 4]);
  driver.event({ type: "disconnected", reason: "cut" });
  driver.pass(100);
  driver.open(3);
  assert.deepEqual(driver.takeWrites().flat().map(({ body }) => Number(Buffer.from(body))), [4]);
  assert.equal(driver.state.spool.books.acknowledged.records, 3);
  driver.ack(4);
  assert.ok(driver.state.spool.isEmpty);
});

test("HELLO begins after what any exporter has acknowledged", () => {
  const driver = connected(1, 2, 3);
  driver.open();
  driver.ack(3);
  driver.takeWrites();
  driver.event({ type: "disconnected", reason: "cut" });
  driver.pass(100);
  driver.event({ type: "connected" });
  const hello = driver.takeWrites().flat()[0];
  assert.equal(hello === undefined ? 0 : decodeHello(hello.body).nextSequence, 4);
});

test("shapes go once a connection, before the first record that refers to them", () => {
  const driver = connected();
  driver.open();
  driver.push(scrapeRecord(1, target, layout));
  driver.push(scrapeRecord(2, target, layout));
  driver.pass(20);
  assert.deepEqual(driver.takeFrames(), ["19:0", "18:0", "18:0", "18:0", "20:1", "20:2"]);
  driver.event({ type: "disconnected", reason: "cut" });
  driver.pass(100);
  driver.open(1);
  assert.deepEqual(driver.takeFrames(), ["19:0", "18:0", "18:0", "18:0", "20:2"]);
});

test("records that come together leave in one write", () => {
  const driver = connected();
  driver.open();
  for (let time = 1; time <= 50; time++) driver.push(opaqueRecord(time));
  assert.equal(driver.writes.length, 0);
  driver.pass(10);
  assert.deepEqual(driver.takeWrites().map((frames) => frames.length), [50]);
});

test("a connection that takes no more bytes gets none until it drains, and is left after a minute", () => {
  const driver = connected();
  driver.open();
  driver.takesBytes = false;
  driver.push(opaqueRecord(1));
  driver.pass(10);
  driver.push(opaqueRecord(2));
  driver.pass(15_000);
  assert.equal(driver.takeWrites().length, 1, "neither the record nor a heartbeat");
  driver.event({ type: "writable" });
  assert.deepEqual(driver.takeFrames(), ["3:1500001"]);
  driver.frame(FrameType.heartbeat);
  driver.pass(30_000);
  driver.frame(FrameType.heartbeat);
  assert.deepEqual(driver.closes, []);
  driver.pass(30_000);
  assert.deepEqual(driver.closes, ["took nothing for 60 s"]);
});

test("no more than the window is in flight, but one frame always is", () => {
  const driver = connected();
  driver.open(0, 100);
  driver.push(opaqueRecord(1, 68), opaqueRecord(2, 68), opaqueRecord(3, 68));
  driver.pass(10);
  assert.equal(driver.takeFrames().length, 1);
  driver.ack(1);
  assert.equal(driver.takeFrames().length, 1);
  driver.credit(200);
  assert.equal(driver.takeFrames().length, 1);
  driver.credit(0);
  driver.push(opaqueRecord(4));
  driver.ack(2);
  driver.pass(10);
  assert.equal(driver.takeFrames().length, 0);
  driver.ack(3);
  assert.equal(driver.takeFrames().length, 1);
});

test("a heartbeat goes out after ten seconds without sending, and the exporter's is not answered", () => {
  const driver = connected(1);
  driver.open();
  driver.takeWrites();
  driver.pass(9_999);
  driver.frame(FrameType.heartbeat);
  assert.deepEqual(driver.takeFrames(), []);
  driver.pass(1);
  assert.deepEqual(driver.takeFrames(), ["2:0"]);
  driver.pass(10_000);
  assert.deepEqual(driver.takeFrames(), ["2:0"]);
});

test("an exporter that is silent for a minute is dead", () => {
  const driver = connected();
  driver.open();
  driver.pass(59_999);
  assert.deepEqual(driver.closes, []);
  driver.pass(1);
  assert.deepEqual(driver.closes, ["silent for 60 s"]);
  driver.pass(10_000);
  assert.deepEqual(driver.connects, ["a:1", "a:1"]);
});

test("a HELLO that is not answered, or a connection that does not come about, is given up after ten seconds", () => {
  const driver = connected();
  driver.pass(10_000);
  assert.deepEqual(driver.closes, ["connecting took too long"]);
  driver.pass(50);
  driver.event({ type: "connected" });
  driver.frame(FrameType.heartbeat);
  driver.pass(10_000);
  assert.deepEqual(driver.closes.at(-1), "no WELCOME");
});

test("failed attempts are spaced by a random share of a doubling time, which begins again after a WELCOME", () => {
  const driver = new Driver({ random: [0.9, 0.9, 0.9, 0.9] });
  driver.addresses("a:1");
  for (const delayMs of [90, 180, 360]) {
    driver.event({ type: "disconnected", reason: "refused" });
    const before = driver.connects.length;
    driver.pass(delayMs - 1);
    assert.equal(driver.connects.length, before);
    driver.pass(1);
    assert.equal(driver.connects.length, before + 1);
  }
  driver.open();
  driver.event({ type: "disconnected", reason: "cut" });
  driver.pass(90);
  assert.equal(driver.connects.length, 5);
});

test("a draining exporter is left for another at once, and waited for when there is none", () => {
  const driver = new Driver();
  driver.addresses("a:1", "b:1");
  driver.open();
  const [first] = driver.connects;
  driver.error(SessionErrorCode.draining);
  assert.equal(driver.connects.length, 2);
  assert.notEqual(driver.connects[1], first);
  driver.event({ type: "connected" });
  driver.error(SessionErrorCode.overloaded);
  assert.equal(driver.connects.length, 2, "both have refused");
  driver.pass(10_000);
  assert.equal(driver.connects.length, 3);
});

test("after a protocol error it does not come back at once", () => {
  const driver = connected(1);
  driver.open();
  driver.error(SessionErrorCode.protocol);
  assert.equal(driver.notes.at(-1)?.level, "error");
  driver.pass(4_999);
  assert.equal(driver.connects.length, 1);
  driver.pass(1);
  assert.equal(driver.connects.length, 2);
});

test("another exporter is preferred to the one that died", () => {
  const driver = new Driver();
  driver.addresses({ address: "a:1", load: 0 }, { address: "b:1", load: 9 });
  driver.open();
  assert.deepEqual(driver.connects, ["a:1"]);
  driver.event({ type: "disconnected", reason: "killed" });
  driver.pass(100);
  assert.deepEqual(driver.connects, ["a:1", "b:1"]);
});

test("a healthy session stays, whatever the load elsewhere and while the registry knows nothing", () => {
  const driver = new Driver();
  driver.addresses({ address: "a:1", load: 0 });
  driver.open();
  driver.addresses({ address: "a:1", load: 99 }, { address: "b:1", load: 0 });
  driver.addresses();
  for (let turn = 0; turn < 10; turn++) {
    driver.pass(10_000);
    driver.frame(FrameType.heartbeat);
  }
  assert.deepEqual(driver.connects, ["a:1"]);
});

test("an exporter that left the registry is left after half a minute, unless it comes back", () => {
  const driver = new Driver();
  driver.addresses("a:1");
  driver.open();
  driver.addresses("b:1");
  driver.pass(29_000);
  driver.addresses("a:1", "b:1");
  driver.pass(2_000);
  assert.deepEqual(driver.closes, []);
  driver.addresses("b:1");
  driver.frame(FrameType.heartbeat);
  driver.pass(30_000);
  assert.deepEqual(driver.closes, ["it left the registry"]);
  assert.deepEqual(driver.connects, ["a:1", "b:1"]);
});

test("a new exporter is tried without waiting out the backoff", () => {
  const driver = connected();
  for (let turn = 0; turn < 9; turn++) {
    driver.event({ type: "disconnected", reason: "refused" });
    if (turn < 8) driver.pass(10_000);
  }
  const before = driver.connects.length;
  driver.addresses("a:1", "b:1");
  driver.pass(50);
  assert.deepEqual(driver.connects.slice(before), ["b:1"]);
});

test("UNKNOWN is answered by the missing shapes and everything from its sequence on", () => {
  const driver = connected();
  driver.open();
  driver.push(opaqueRecord(1), scrapeRecord(2, target, layout), opaqueRecord(3));
  driver.pass(20);
  driver.takeWrites();
  driver.unknown(2, [layout.layout.shape.id]);
  assert.deepEqual(driver.takeFrames(), ["18:0", "18:0", "18:0", "20:2", "3:1500001"]);
});

test("a record that lacks a shape of its body is declared lost, and those behind it go on", () => {
  const driver = connected();
  driver.open();
  const broken = { ...scrapeRecord(1, target, layout), shapes: [] };
  driver.push(broken, opaqueRecord(2));
  driver.pass(20);
  driver.takeWrites();
  driver.unknown(1, [target.shape.id]);
  const [lost, next] = driver.takeWrites().flat();
  assert.equal(lost?.type, FrameType.lost);
  assert.equal(next?.type, FrameType.record);
  const { firstSequence, records, reason } = decodeLost(1, lost.body);
  assert.deepEqual({ firstSequence, records, reason }, { firstSequence: 1, records: 1, reason: "shape missing" });
  driver.ack(2);
  assert.ok(driver.state.spool.isEmpty);
  assert.equal(driver.state.spool.bytes, 0);
  assert.equal(driver.state.spool.books.acknowledged.records, 1);
});

test("an exporter that breaks the protocol is left", () => {
  const check = (breakIt: (driver: Driver) => void, reason: RegExp) => {
    const driver = connected(1, 2);
    driver.push(scrapeRecord(3, target, layout));
    driver.open();
    breakIt(driver);
    assert.match(driver.closes.join(), reason);
    assert.equal(driver.state.spool.books.unacknowledged.records, 3, "nothing was dropped");
  };
  check((driver) => driver.ack(4), /ACK of sequence 4/);
  check((driver) => driver.welcome(), /type 17/);
  check((driver) => driver.frame(FrameType.scrapes), /type 20/);
  check((driver) => driver.frame(FrameType.credit), /Cannot read 4 bytes/);
  check((driver) => driver.unknown(4, [target.shape.id]), /Cannot go back to sequence 4/);
  check((driver) => driver.unknown(1, [target.shape.id]), /Cannot go back to sequence 1/);
  check((driver) => {
    for (let count = 0; count < 5; count++) driver.unknown(3, [target.shape.id]);
  }, /asked too often/);
});

test("a WELCOME of what was never sent drops nothing", () => {
  const driver = connected(1, 2);
  driver.open(2);
  assert.match(driver.closes.join(), /WELCOME of sequence 2, which was never sent/);
  assert.equal(driver.state.spool.books.unacknowledged.records, 2);
  assert.equal(driver.notes[0]?.level, "error");
});

test("a full spool is told of once a session", () => {
  const driver = new Driver({ budgetBytes: 2_000 });
  for (let time = 1; time <= 20; time++) driver.push(opaqueRecord(time, 100));
  const notes = driver.notes.filter(({ message }) => message === "records are being lost");
  assert.equal(notes.length, 1);
  assert.equal(notes[0]?.fields["reason"], "spool full");
});

test("after a stop nothing happens, and what is pushed is still counted", () => {
  const driver = connected(1);
  driver.open();
  driver.event({ type: "stop" });
  driver.push(opaqueRecord(2));
  driver.addresses("b:1");
  driver.pass(100_000);
  assert.deepEqual(driver.connects, ["a:1"]);
  assert.equal(driver.closes.length, 1);
  assert.equal(driver.state.spool.books.unacknowledged.records, 2);
});
