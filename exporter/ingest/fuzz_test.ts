import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import { frame, helloFrame } from "./session_testing.ts";
import { logged, sessionBytes, wholeLog, Wire } from "./wire_testing.ts";

const mutation = fc.oneof(
  fc.record({
    type: fc.constant("set" as const),
    at: fc.nat(2000),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
  }),
  fc.record({
    type: fc.constant("insert" as const),
    at: fc.nat(2000),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({ type: fc.constant("remove" as const), at: fc.nat(2000), count: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ type: fc.constant("repeat" as const), at: fc.nat(2000), count: fc.integer({ min: 1, max: 400 }) }),
);

type Mutation = ReturnType<typeof mutation.generate>["value"];

function mutate(bytes: Uint8Array, change: Mutation): Uint8Array {
  const at = change.at % (bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (change.type === "set") return Buffer.concat([head, change.bytes, tail.subarray(change.bytes.length)]);
  if (change.type === "insert") return Buffer.concat([head, change.bytes, tail]);
  if (change.type === "remove") return Buffer.concat([head, tail.subarray(change.count)]);
  return Buffer.concat([head, tail.subarray(0, change.count), tail]);
}

/** Feeds a stream in pieces; nothing may be thrown, and whatever it was, the next collector must be served. */
async function feed(stream: Uint8Array, cuts: readonly number[]): Promise<void> {
  const wire = await Wire.open({ heldBytesMax: 64 * 1024 });
  const client = wire.connect();
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
  for (const [index, from] of places.slice(0, -1).entries()) {
    if (!client.paused) client.write(stream.subarray(from, places[index + 1]));
  }
  wire.wal.sync();
  wire.pass(400_000);
  assert.ok(client.ended, "a silent peer is closed in the end");
  assert.ok(wire.wal.records.length <= stream.length / 32, "no more records than frames");
  client.cut();
  const { connections, unacknowledgedBytes } = wire.ingest.stats();
  assert.deepEqual([connections, unacknowledgedBytes], [0, 0]);
  const before = wire.wal.records.length;
  const good = wire.connect();
  good.send(helloFrame({ name: "another", epoch: 9n }));
  assert.equal(good.received[0]?.type, FrameType.welcome);
  assert.equal(wire.wal.records.length, before);
}

test("random bytes neither crash the exporter nor keep it from the next collector", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 5 }), feed),
    { numRuns: 300 },
  );
});

test("valid frames with random types, ids and bodies do neither", async () => {
  const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.bigInt(-5n, 2n ** 53n), fc.uint8Array()));
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), async (list, hello) => {
      const bytes = list.map(([type, id, body]) => encodeFrame(frame(type, id, body)));
      await feed(Buffer.concat(hello ? [encodeFrame(helloFrame()), ...bytes] : bytes), []);
    }),
    { numRuns: 300 },
  );
});

test("a session with mutated bytes does neither", async () => {
  const whole = sessionBytes();
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(mutations, fc.array(fc.nat(2000), { maxLength: 5 }), async (changes, cuts) => {
      await feed(changes.reduce(mutate, whole), cuts);
    }),
    { numRuns: 500 },
  );
});

test("an announced body costs nothing until it comes, and then no more than is allowed", async () => {
  const wire = await Wire.open({ heldBytesMax: 1024 * 1024 });
  const header = encodeFrame(frame(FrameType.scrapes, 1)).slice();
  new DataView(header.buffer).setUint32(12, frameBodyBytesMax);
  const hello = encodeFrame(helloFrame());
  const client = wire.connect();
  client.write(hello);
  client.write(header);
  const before = process.memoryUsage().arrayBuffers;
  const piece = new Uint8Array(64 * 1024);
  for (let count = 0; count < 100 && !client.ended; count++) client.write(piece);
  assert.ok(client.ended);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  const other = wire.connect();
  other.write(sessionBytes());
  assert.deepEqual(logged(wire.wal).slice(0, 1), wholeLog.slice(0, 1));
});
