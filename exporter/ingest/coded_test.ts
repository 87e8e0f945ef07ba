import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import { encodeFrame, type Frame, frameHeaderBytes, FrameType } from "../../core/protocol/frame.ts";
import { ScrapeEncoder } from "../../core/protocol/scrape_encoder.ts";
import { summarizeScrapes } from "../../core/protocol/scrapes.ts";
import { decodeSessionError, decodeWelcome, SessionErrorCode } from "../../core/protocol/session.ts";
import { Conversation } from "./conversation_testing.ts";
import { frame, helloFrame, scrapesFrame, shapeFrames, target } from "./session_testing.ts";
import { logged, Wire } from "./wire_testing.ts";

const grantBytes = 10_000;

/** A session in which CODED frames are granted, after its shapes. */
function opened(setUp: (conversation: Conversation) => void = () => {}): Conversation {
  const conversation = new Conversation();
  conversation.baseBytes = grantBytes;
  setUp(conversation);
  conversation.say(helloFrame({ wantsCoding: true }), ...shapeFrames);
  return conversation;
}

/** One CODED frame with the records of these sequences, as `scrapesFrame` makes them. */
function codedFrame(encoder: ScrapeEncoder, ...sequences: number[]): Frame {
  const into = new ByteWriter();
  for (const sequence of sequences) encoder.encode(scrapesFrame(sequence).body, () => [], into);
  return frame(FrameType.coded, sequences[0] ?? 0, into.finish());
}

function bodies(conversation: Conversation): Uint8Array[] {
  return conversation.appended.map(({ record }) => "body" in record ? record.body : new Uint8Array(0));
}

test("WELCOME grants room for bases to who asked for it", () => {
  const granted = (conversation: Conversation) =>
    decodeWelcome(conversation.sent[0]?.body ?? new Uint8Array(0)).baseBytes;
  assert.equal(granted(opened()), grantBytes);
  assert.equal(granted(opened((conversation) => void (conversation.baseBytes = 0))), undefined);
  const plain = new Conversation();
  plain.baseBytes = grantBytes;
  plain.say(helloFrame());
  assert.equal(granted(plain), undefined);
  assert.deepEqual(plain.say(codedFrame(new ScrapeEncoder(0), 1)), ["close frame_type 1"]);
});

test("coded records are appended as those that they stand for, and count as much", () => {
  const conversation = opened();
  const encoder = new ScrapeEncoder(grantBytes);
  assert.deepEqual(conversation.say(codedFrame(encoder, 1, 2), scrapesFrame(3), codedFrame(encoder, 4)), [
    "append scrapes 1",
    "append scrapes 2",
    "append scrapes 3",
    "append scrapes 4",
  ]);
  assert.deepEqual(bodies(conversation), [1, 2, 3, 4].map((sequence) => scrapesFrame(sequence).body));
  assert.deepEqual(conversation.appended.map(({ samples }) => samples), [2, 2, 2, 2]);
  const plainBytes = 4 * (frameHeaderBytes + scrapesFrame(1).body.length);
  assert.equal(conversation.state.pending.bytes, plainBytes);
  assert.deepEqual(conversation.durable(4), ["send ack 4"]);
});

test("a shape that is missing rewinds to that record, and what is discarded is decoded all the same", () => {
  const conversation = opened();
  const encoder = new ScrapeEncoder(grantBytes);
  conversation.say(codedFrame(encoder, 1));
  conversation.shapes.forget(target.shape.id);
  assert.deepEqual(conversation.say(codedFrame(encoder, 2, 3), codedFrame(encoder, 4)), [
    "send unknown 2",
    "skip rewound",
    "skip rewound",
  ]);
  assert.deepEqual(conversation.say(...shapeFrames, codedFrame(encoder, 2, 3, 4)), [
    "append scrapes 2",
    "append scrapes 3",
    "append scrapes 4",
  ]);
  assert.deepEqual(bodies(conversation), [1, 2, 3, 4].map((sequence) => scrapesFrame(sequence).body));
});

test("what was taken before is skipped, and coded on from", () => {
  const conversation = opened((fresh) => void (fresh.resumePoint = 2));
  const encoder = new ScrapeEncoder(grantBytes);
  assert.deepEqual(conversation.say(codedFrame(encoder, 1, 2, 3), codedFrame(encoder, 4)), [
    "skip duplicate",
    "skip duplicate",
    "append scrapes 3",
    "append scrapes 4",
  ]);
  assert.deepEqual(bodies(conversation), [3, 4].map((sequence) => scrapesFrame(sequence).body));
});

test("a frame that is missing in between ends the session, and nothing wrong is appended", () => {
  const conversation = opened();
  const encoder = new ScrapeEncoder(grantBytes);
  conversation.say(codedFrame(encoder, 1));
  codedFrame(encoder, 2);
  assert.deepEqual(conversation.say(codedFrame(encoder, 2)), ["close malformed 1"]);
  assert.equal(conversation.appended.length, 1);
});

test("bases beyond the grant end the session", () => {
  const conversation = opened((fresh) => void (fresh.baseBytes = 100));
  assert.deepEqual(conversation.say(codedFrame(new ScrapeEncoder(grantBytes), 1)), ["close malformed 1"]);
});

test("a collector is told the grant over the wire, and the end of its session gives it back", async () => {
  const wire = await Wire.open({ baseBytes: 4000 });
  const welcomed = () => {
    const client = wire.connect();
    client.send(helloFrame({ wantsCoding: true, epoch: BigInt(wire.nowMs++) }));
    const welcome = client.received.find(({ type }) => type === FrameType.welcome);
    assert.ok(welcome !== undefined);
    return { client, grant: decodeWelcome(welcome.body).baseBytes };
  };
  for (let count = 0; count < 5; count++) {
    const { client, grant } = welcomed();
    assert.equal(grant, 1000);
    client.cut();
  }
});

test("mutated CODED frames neither crash the exporter nor put into the log what was not sent", async () => {
  const encoder = new ScrapeEncoder(grantBytes);
  const frames = [codedFrame(encoder, 1, 2), codedFrame(encoder, 3), codedFrame(encoder, 4, 5, 6)];
  const stream = Buffer.concat([helloFrame({ wantsCoding: true }), ...shapeFrames, ...frames].map(encodeFrame));
  const from = stream.length - frames.reduce((sum, one) => sum + frameHeaderBytes + one.body.length, 0);
  const change = fc.record({ at: fc.integer({ min: from, max: stream.length - 1 }), byte: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 3 }), async (changes) => {
      const bytes = new Uint8Array(stream);
      for (const { at, byte } of changes) bytes[at] = byte;
      const wire = await Wire.open();
      const client = wire.connect();
      client.write(bytes);
      wire.wal.sync();
      if (changes.length === 0) assert.equal(logged(wire.wal).length, 6);
      for (const record of wire.wal.records) if (record.kind === "scrapes") summarizeScrapes(record.body);
      if (client.ended) {
        const last = client.received.at(-1);
        if (last?.type === FrameType.error) assert.equal(decodeSessionError(last.body).code, SessionErrorCode.protocol);
      }
      client.cut();
    }),
    { numRuns: 400 },
  );
});
