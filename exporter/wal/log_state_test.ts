import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentHeaderBytes } from "./format.ts";
import type { LogEffect, LogEvent, LogLimits } from "./log_events.ts";
import { diskFullRetryMs, isAccepting, type LogState, pendingBytes, startLog, step } from "./log_state.ts";
import { newSegment } from "./segment.ts";
import { HeldShapes } from "./shape_table.ts";
import { UnknownShapesError, WalClosedError } from "./wal.ts";
import { opaque, origin, scrapes, shapesOf, startMs } from "./wal_testing.ts";

const limits: LogLimits = {
  segmentBytes: 1000,
  coalesceMs: 0,
  paceMs: 0,
  pendingBytesMax: 10_000,
  reserveBytes: 0,
  tailBytes: 0,
};

function start(changes: Partial<LogLimits> = {}): LogState {
  const shapes = new HeldShapes(1e6);
  return startLog({ shapes, segments: [], nextSegment: 1, entries: 0, points: [] }, { ...limits, ...changes });
}

/** Takes an event and returns the names of the effects. */
function take(state: LogState, event: LogEvent, nowMs = 0): string[] {
  return step(state, event, nowMs).map(({ kind }) => kind);
}

const append = (sequence: number, text = "x"): LogEvent => ({
  kind: "append",
  record: opaque(origin("a"), sequence, text),
  wallMs: startMs,
});
const done = (operation: (LogEvent & { kind: "done" })["operation"]): LogEvent => ({ kind: "done", operation });
const failed = (operation: (LogEvent & { kind: "failed" })["operation"], code: string): LogEvent => ({
  kind: "failed",
  operation,
  error: Object.assign(new Error(code), { code }),
});

/** Lets the operations succeed until there is nothing to do; returns all effects. */
function runOut(state: LogState, first: LogEffect[], nowMs = 0): LogEffect[] {
  const all = [...first];
  for (let operation = state.operation; operation !== null; operation = state.operation) {
    all.push(...step(state, done(operation), nowMs));
  }
  return all;
}

function durableIndexes(effects: readonly LogEffect[]): number[] {
  return effects.flatMap((effect) => effect.kind === "durable" ? [effect.index] : []);
}

test("the first record opens a segment, and is durable after file and directory are fsynced", () => {
  const state = start();
  assert.deepEqual(take(state, append(1)), ["open"]);
  assert.deepEqual(take(state, done("open")), ["write"]);
  assert.deepEqual(take(state, done("write")), ["sync"]);
  assert.deepEqual(take(state, done("sync")), ["sync dir"]);
  assert.equal(state.segments.length, 0, "not to be read before");
  assert.equal(state.durablePoints.get(origin("a")), 0, "nor to be acknowledged");
  assert.deepEqual(step(state, done("sync dir"), 0), [{ kind: "durable", index: 1 }]);
  assert.equal(state.durablePoints.get(origin("a")), 1);
  assert.equal(state.segments[0]?.number, 1);
  assert.equal(pendingBytes(state), 0);
});

test("while a group is on its way the next one gathers, and no two fsyncs overlap", () => {
  const state = start();
  runOut(state, step(state, append(1), 0));
  assert.deepEqual(take(state, append(2)), ["write"]);
  assert.deepEqual(take(state, append(3)), []);
  assert.deepEqual(take(state, done("write")), ["sync"]);
  assert.deepEqual(take(state, append(4)), []);
  const before = state.segments[0]?.bytes ?? 0;
  const [durable, write] = step(state, done("sync"), 0);
  assert.deepEqual(durable, { kind: "durable", index: 2 });
  assert.ok(write?.kind === "write" && write.offset > before, "the next group follows the one before");
  assert.deepEqual(take(state, done("write")), ["sync"]);
  assert.deepEqual(step(state, done("sync"), 0), [{ kind: "durable", index: 4 }]);
});

test("a group gathers for the coalescing delay, counted from its first record", () => {
  const state = start({ coalesceMs: 5 });
  assert.deepEqual(step(state, append(1), 100), [{ kind: "wait", delayMs: 5 }]);
  assert.deepEqual(take(state, append(2), 104), []);
  assert.deepEqual(take(state, done("wait"), 105), ["open"]);
  assert.deepEqual(take(state, append(3), 106), []);
  assert.deepEqual(take(state, done("open"), 107), ["write"]);
  take(state, done("write"), 108);
  take(state, done("sync"), 109);
  assert.deepEqual(
    step(state, done("sync dir"), 109),
    [{ kind: "durable", index: 2 }, { kind: "wait", delayMs: 2 }],
    "the second group has waited three of its five milliseconds",
  );
});

/** A log whose first group was begun at 1000 and is durable; the next may begin at 1100. */
function pacedLog(): LogState {
  const state = start({ coalesceMs: 5, paceMs: 100, segmentBytes: 1e9 });
  step(state, append(1), 995);
  runOut(state, step(state, done("wait"), 1000), 1001);
  return state;
}

test("the first group after a quiet while is written at once, the next one no sooner than the pace allows", () => {
  const state = pacedLog();
  assert.deepEqual(step(state, append(2), 1010), [{ kind: "wait", delayMs: 90 }]);
  assert.deepEqual(take(state, append(3), 1050), []);
  assert.deepEqual(take(state, done("wait"), 1100), ["write"]);
  runOut(state, [], 1101);
  assert.deepEqual(step(state, append(4), 5000), [{ kind: "wait", delayMs: 5 }]);
});

test("a record that somebody waits for ends the wait for more", () => {
  const state = pacedLog();
  assert.deepEqual(step(state, append(2), 1010), [{ kind: "wait", delayMs: 90 }]);
  const urgent: LogEvent = { kind: "append", record: opaque(null, 0, "x"), wallMs: startMs };
  assert.deepEqual(take(state, urgent, 1050), ["cancel wait", "write"]);
  runOut(state, [], 1051);
  assert.deepEqual(step(state, urgent, 1052), [{ kind: "wait", delayMs: 5 }]);
});

test("a group with much in it is not held back", () => {
  const state = pacedLog();
  const large = "x".repeat(600_000);
  assert.deepEqual(step(state, append(2, large), 1010), [{ kind: "wait", delayMs: 90 }]);
  assert.deepEqual(take(state, append(3, large), 1011), ["cancel wait", "wait"]);
  assert.deepEqual(take(state, done("wait"), 1015), ["write"]);
});

test("a full disk is tried again after its own time, whatever comes meanwhile", () => {
  const state = pacedLog();
  step(state, append(2), 2000);
  step(state, done("wait"), 2005);
  step(state, failed("write", "ENOSPC"), 2006);
  assert.deepEqual(step(state, done("cut"), 2007), [{ kind: "wait", delayMs: diskFullRetryMs }]);
  assert.deepEqual(step(state, { kind: "append", record: opaque(null, 0, "x"), wallMs: startMs }, 2008), []);
});

test("a segment ends when its data is large enough, and the next one begins with the resume points", () => {
  const state = start({ segmentBytes: 100 });
  const effects: LogEffect[] = [];
  for (let sequence = 1; sequence <= 6; sequence++) {
    effects.push(...runOut(state, step(state, append(sequence, "x".repeat(40)), 0)));
  }
  assert.deepEqual(effects.flatMap((effect) => effect.kind === "open" ? [effect.segment] : []), [1, 2, 3]);
  assert.deepEqual(state.segments.map(({ number }) => number), [1, 2, 3]);
  assert.deepEqual(durableIndexes(effects), [1, 2, 3, 4, 5, 6]);
});

test("records for two segments that gather together are written in order, one segment after the other", () => {
  const state = start({ segmentBytes: 100, coalesceMs: 5 });
  for (let sequence = 1; sequence <= 6; sequence++) step(state, append(sequence, "x".repeat(40)), 0);
  const effects = runOut(state, [], 5);
  const wanted = ["open", "write", "sync", "sync dir", "durable"];
  assert.deepEqual(effects.map(({ kind }) => kind), [...wanted, ...wanted, ...wanted]);
  assert.deepEqual(durableIndexes(effects), [2, 4, 6]);
});

test("a segment full of shapes ends too, though it holds little data", () => {
  const state = start({ segmentBytes: 200 });
  for (let index = 1; index <= 20; index++) {
    const shapes = shapesOf(`target-${index}-${"x".repeat(100)}`);
    for (const { body } of shapes.all) state.shapes.add(body);
    const record = scrapes(origin("a"), index, shapes);
    runOut(state, step(state, { kind: "append", record, wallMs: startMs }, 0));
  }
  assert.ok(state.segments.length > 10, `${state.segments.length}`);
});

test("a record whose shapes are not known is refused and changes nothing", () => {
  const state = start();
  const shapes = shapesOf("t");
  const record = scrapes(origin("a"), 1, shapes);
  state.shapes.add(shapes.target.body);
  assert.throws(
    () => step(state, { kind: "append", record, wallMs: startMs }, 0),
    (error) => error instanceof UnknownShapesError && error.ids[0] === shapes.layout.shape.id,
  );
  assert.throws(() => step(state, { kind: "append", record: { ...record, body: Uint8Array.of(9) }, wallMs: 0 }, 0));
  assert.equal(state.lastIndex, 0);
  assert.equal(pendingBytes(state), 0);
});

test("a full disk is waited for: the segment is cut back, and the same bytes are tried again each second", () => {
  const state = start();
  runOut(state, step(state, append(1), 0));
  const durableBytes = state.segments[0]?.bytes;
  const [write] = step(state, append(2), 0);
  assert.deepEqual(step(state, failed("write", "ENOSPC"), 0).slice(1), [{ kind: "cut", bytes: durableBytes }]);
  assert.ok(state.diskFull);
  assert.deepEqual(step(state, done("cut"), 0), [{ kind: "wait", delayMs: diskFullRetryMs }]);
  assert.deepEqual(take(state, append(3)), [], "what comes meanwhile gathers");
  assert.deepEqual(step(state, done("wait"), 1000), [write]);
  assert.deepEqual(take(state, failed("write", "EDQUOT"), 1000), ["cut"], "told once");
  assert.equal(state.diskFullFailures, 2);
  take(state, done("cut"), 1000);
  assert.deepEqual(step(state, done("wait"), 2000), [write]);
  const effects = runOut(state, []);
  assert.deepEqual(durableIndexes(effects), [2, 3]);
  assert.equal(effects.filter(({ kind }) => kind === "disk has room").length, 1);
  assert.ok(!state.diskFull);
});

test("a full disk that cannot even create the next segment is waited for as well", () => {
  const state = start();
  take(state, append(1));
  assert.deepEqual(take(state, failed("open", "ENOSPC")), ["disk full", "wait"]);
  assert.deepEqual(take(state, done("wait"), 1000), ["open"]);
  take(state, done("open"), 1000);
  assert.deepEqual(take(state, failed("write", "ENOSPC"), 1000), ["cut"]);
  take(state, done("cut"), 1000);
  assert.deepEqual(take(state, done("wait"), 2000), ["write"], "the file is there now");
});

test("a full disk frees the reserve, and nothing is written before that is held again", () => {
  const state = start({ reserveBytes: 500 });
  assert.deepEqual(take(state, append(1)), ["reserve"]);
  assert.deepEqual(take(state, done("reserve")), ["open"]);
  take(state, done("open"));
  assert.deepEqual(take(state, failed("write", "ENOSPC")), ["disk full", "cut"]);
  assert.deepEqual(take(state, done("cut")), ["release"]);
  assert.deepEqual(take(state, done("release")), ["wait"]);
  assert.deepEqual(take(state, done("wait"), 1000), ["reserve"]);
  assert.deepEqual(take(state, failed("reserve", "ENOSPC"), 1000), ["release"], "what was written of it is freed");
  assert.deepEqual(take(state, done("release"), 1000), ["wait"]);
  assert.deepEqual(take(state, done("wait"), 2000), ["reserve"]);
  assert.deepEqual(take(state, done("reserve"), 2000), ["write"]);
  assert.deepEqual(runOut(state, []).at(-1), { kind: "durable", index: 1 });
  assert.deepEqual(take(state, append(2)), ["write"], "it is still held");
});

test("closing on a full disk may use the reserve for what is left", () => {
  const state = start({ reserveBytes: 500 });
  step(state, append(1), 0);
  step(state, done("reserve"), 0);
  step(state, done("open"), 0);
  step(state, failed("write", "ENOSPC"), 0);
  take(state, { kind: "close" });
  assert.deepEqual(take(state, done("cut")), ["release"]);
  assert.deepEqual(take(state, done("release")), ["write"]);
});

for (
  const [operation, code] of [["write", "EIO"], ["sync", "EIO"], ["sync", "ENOSPC"], ["sync dir", "EIO"], [
    "open",
    "EACCES",
  ]] as const
) {
  test(`a failure ${code} of ${operation} ends the log: nothing is acknowledged or taken any more`, () => {
    const state = start();
    step(state, append(1), 0);
    while (state.operation !== operation) step(state, done(state.operation ?? "open"), 0);
    const effects = step(state, failed(operation, code), 0);
    assert.ok(effects.length === 1 && effects[0]?.kind === "failed");
    assert.equal(effects[0].durableBytes, 0);
    assert.match(effects[0].reason, new RegExp(`${operation} of segment 1 failed: ${code}`));
    assert.throws(() => step(state, append(2), 0), WalClosedError);
    assert.ok(!isAccepting(state));
    assert.equal(state.durablePoints.get(origin("a")), 0);
    assert.deepEqual(take(state, { kind: "close" }), ["closed"]);
  });
}

test("a cut that fails ends the log", () => {
  const state = start();
  step(state, append(1), 0);
  step(state, done("open"), 0);
  step(state, failed("write", "ENOSPC"), 0);
  assert.deepEqual(take(state, failed("cut", "EIO")), ["failed"]);
});

test("it stops accepting at the bound of queued bytes, and accepts again when they are durable", () => {
  const state = start({ pendingBytesMax: 500 });
  step(state, append(1, "x".repeat(200)), 0);
  assert.ok(isAccepting(state));
  step(state, append(2, "x".repeat(200)), 0);
  assert.ok(!isAccepting(state));
  runOut(state, []);
  assert.ok(isAccepting(state));
});

test("closing writes what is queued at once, and then ends", () => {
  const state = start({ coalesceMs: 1000 });
  assert.deepEqual(take(state, append(1)), ["wait"]);
  assert.deepEqual(take(state, { kind: "close" }), ["cancel wait", "open"]);
  assert.throws(() => step(state, append(2), 0), WalClosedError);
  assert.deepEqual(runOut(state, []).map(({ kind }) => kind).slice(-2), ["durable", "closed"]);
  assert.deepEqual(take(start(), { kind: "close" }), ["closed"], "nothing to do");
});

test("closing on a full disk tries once more and then gives up", () => {
  const state = start();
  step(state, append(1), 0);
  step(state, done("open"), 0);
  step(state, failed("write", "ENOSPC"), 0);
  assert.deepEqual(take(state, { kind: "close" }), []);
  assert.deepEqual(take(state, done("cut")), ["write"]);
  assert.deepEqual(take(state, failed("write", "ENOSPC")), ["failed", "closed"]);
});

test("trimming removes the segments before the given one, and never the newest", () => {
  const state = start();
  for (const number of [1, 2, 5]) state.segments.push(newSegment(number, 0));
  const trim = (segment: number) =>
    step(state, { kind: "trim", segment }, 0).map((effect) =>
      effect.kind === "remove" ? effect.segments.map(({ number }) => number) : []
    );
  assert.deepEqual(trim(1), []);
  assert.deepEqual(trim(3), [[1, 2]]);
  assert.deepEqual(trim(9), []);
  assert.deepEqual(state.segments.map(({ number }) => number), [5]);
  assert.deepEqual(take(start(), { kind: "trim", segment: 4 }), []);
});

test("trimming lets go of the shapes of the segments that it removes", () => {
  const state = start({ segmentBytes: 1 });
  const shapes = shapesOf("t");
  for (const { body } of shapes.all) state.shapes.add(body);
  for (const sequence of [1, 2]) {
    const record = scrapes(origin("a"), sequence, shapes);
    runOut(state, step(state, { kind: "append", record, wallMs: startMs }, 0));
  }
  runOut(state, step(state, append(3), 0));
  assert.deepEqual(state.segments.map(({ shapeIds }) => shapeIds.size), [4, 4, 0], "each segment has its own copy");
  take(state, { kind: "trim", segment: 2 });
  assert.doesNotThrow(() => state.shapes.release(shapes.target.shape.id), "the second segment held it");
  assert.throws(() => state.shapes.release(shapes.target.shape.id), /nothing holds it/);
});

test("an operation that was not asked for is a defect", () => {
  assert.throws(() => step(start(), done("sync"), 0), /none" is under way/);
});

test("what recovery found is where the log goes on", () => {
  const points = [{ origin: origin("a"), sequence: 7, seenMs: startMs }];
  const segments = [{ ...newSegment(3, 0), bytes: segmentHeaderBytes }];
  const state = startLog({ shapes: new HeldShapes(0), segments, nextSegment: 4, entries: 12, points }, limits);
  assert.equal(state.durablePoints.get(origin("a")), 7);
  const [open] = step(state, append(8), 0);
  assert.deepEqual(open, { kind: "open", segment: 4 });
});
