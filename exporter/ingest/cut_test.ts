import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { helloFrame, shapeFrames } from "./session_testing.ts";
import { logged, sessionBytes, sessionRecords, wholeLog, Wire, type WireClient } from "./wire_testing.ts";

/** A collector that connects again after a cut, as docs/protocol.md section 4 says: what is not acknowledged, again. */
function resume(wire: Wire, first: WireClient): WireClient {
  const nextSequence = 1 + Math.max(first.highest(FrameType.ack), first.highest(FrameType.welcome));
  const client = wire.connect();
  client.send(helloFrame({ nextSequence }));
  wire.wal.sync();
  const expected = Math.max(nextSequence, client.highest(FrameType.welcome) + 1);
  client.send(...shapeFrames, ...sessionRecords.filter(({ sequence }) => sequence >= expected).map((one) => one.frame));
  wire.wal.sync();
  return client;
}

/** Cuts the session after so many bytes and resumes it; `sync` says when the log became durable. */
async function cutAfter(bytes: Uint8Array, count: number, sync: "before the cut" | "after the cut" | "later") {
  const wire = await Wire.open();
  const first = wire.connect();
  first.write(bytes.subarray(0, count));
  if (sync === "before the cut") wire.wal.sync();
  first.cut();
  if (sync === "after the cut") wire.wal.sync();
  const second = resume(wire, first);
  assert.deepEqual(logged(wire.wal), wholeLog, `cut after ${count} bytes, durable ${sync}`);
  assert.equal(Math.max(second.highest(FrameType.ack), second.highest(FrameType.welcome)), 8);
  assert.ok(!second.ended);
}

test("a session that is cut after any byte and resumed leaves every record in the log exactly once", async () => {
  const bytes = sessionBytes();
  for (let count = 0; count <= bytes.length; count++) {
    await cutAfter(bytes, count, "before the cut");
    await cutAfter(bytes, count, "after the cut");
    await cutAfter(bytes, count, "later");
  }
});

test("a peer that is half open is replaced without a record missing or double", async () => {
  const bytes = sessionBytes();
  for (let count = 0; count <= bytes.length; count += 7) {
    const wire = await Wire.open();
    const first = wire.connect();
    first.write(bytes.subarray(0, count));
    // The exporter has not noticed: what the first connection still brings is dropped.
    resume(wire, first);
    if (first.received.length > 0) first.write(bytes.subarray(count));
    assert.deepEqual(logged(wire.wal), wholeLog, `second connection after ${count} bytes`);
  }
});

test("a session is the same however its bytes are split", async () => {
  const bytes = sessionBytes();
  const check = async (...chunks: Uint8Array[]) => {
    const wire = await Wire.open();
    const client = wire.connect();
    for (const chunk of chunks) client.write(chunk);
    wire.wal.sync();
    assert.deepEqual(logged(wire.wal), wholeLog);
    assert.deepEqual(client.received.map(({ type }) => type), [FrameType.welcome, FrameType.heartbeat, FrameType.ack]);
  };
  await check(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
  for (let at = 0; at <= bytes.length; at++) await check(bytes.subarray(0, at), bytes.subarray(at));
});
