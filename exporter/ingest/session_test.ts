import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeUnknown, decodeWelcome } from "../../core/protocol/session.ts";
import { Conversation, opened } from "./conversation_testing.ts";
import { block, frame, helloFrame, layout, lostFrame, scrapesFrame, shapeFrames, target } from "./session_testing.ts";

test("a new collector is welcomed, its records are appended, and acknowledged once they are durable", () => {
  const conversation = new Conversation();
  assert.deepEqual(conversation.say(helloFrame()), ["register", "send welcome 0", "expect 1"]);
  assert.deepEqual(decodeWelcome(conversation.sent[0]?.body ?? new Uint8Array()), {
    windowBytes: 1000,
    exporter: "exporter-0",
  });
  assert.deepEqual(conversation.say(...shapeFrames), []);
  assert.deepEqual(conversation.say(scrapesFrame(1), scrapesFrame(2), scrapesFrame(3)), [
    "append scrapes 1",
    "append scrapes 2",
    "append scrapes 3",
  ]);
  assert.deepEqual(conversation.durable(2), ["send ack 2"]);
  assert.deepEqual(conversation.durable(2), []);
  assert.deepEqual(conversation.durable(9), ["send ack 3"]);
  assert.ok(conversation.state.pending.isEmpty);
  assert.equal(conversation.state.pending.bytes, 0);
});

test("an appended record has its origin, its samples and a body of its own", () => {
  const conversation = opened();
  const scrapes = scrapesFrame(1);
  const body = new Uint8Array(scrapes.body);
  conversation.say(scrapes);
  scrapes.body.fill(0);
  const [append] = conversation.appended;
  const origin = { cluster: "c1", namespace: "shop", name: "collector-0", epoch: 5n };
  assert.deepEqual(append?.record, { kind: "scrapes", origin, sequence: 1, body });
  assert.equal(append.samples, 2);
  assert.equal(append.bytes, 32 + body.length);
});

test("a body that is a view of a socket's Buffer is copied", () => {
  const conversation = opened();
  const shared = Buffer.from(scrapesFrame(1).body);
  const body = new Uint8Array(shared);
  conversation.say(frame(FrameType.scrapes, 1, shared), frame(FrameType.record, 9, shared));
  shared.fill(0);
  for (const { record } of conversation.appended) assert.deepEqual("body" in record && record.body, body);
});

test("a session resumes at the higher of what both ends know", () => {
  const check = (nextSequence: number, resumePoint: number, expected: number) => {
    const conversation = new Conversation();
    conversation.resumePoint = resumePoint;
    const lines = conversation.say(helloFrame({ nextSequence }));
    assert.deepEqual(lines, ["register", `send welcome ${resumePoint}`, `expect ${expected}`]);
    conversation.say(...shapeFrames);
    assert.deepEqual(conversation.say(scrapesFrame(expected)), [`append scrapes ${expected}`]);
    assert.deepEqual(conversation.durable(1), [`send ack ${expected}`]);
  };
  check(1, 0, 1);
  check(1, 7, 8);
  check(5, 7, 8);
  check(8, 7, 8);
  check(500, 7, 500);
});

test("WELCOME waits until what the identity sent before is durable, while heartbeats are answered", () => {
  const conversation = new Conversation();
  conversation.barrierIndex = 10;
  conversation.durableIndex = 8;
  assert.deepEqual(conversation.say(helloFrame()), ["register"]);
  assert.deepEqual(conversation.say(frame(FrameType.heartbeat, 0)), ["send heartbeat 0"]);
  assert.deepEqual(conversation.durable(9), []);
  conversation.resumePoint = 4;
  assert.deepEqual(conversation.durable(10), ["send welcome 4", "expect 5"]);
});

test("a sequence that was taken before is skipped, one too high is an error", () => {
  const conversation = opened((one) => one.resumePoint = 3);
  assert.deepEqual(conversation.say(scrapesFrame(2), scrapesFrame(4), scrapesFrame(4), scrapesFrame(5)), [
    "skip duplicate",
    "append scrapes 4",
    "skip duplicate",
    "append scrapes 5",
  ]);
  assert.deepEqual(conversation.say(scrapesFrame(7)), ["close sequence 1"]);
  assert.deepEqual(conversation.say(scrapesFrame(6)), [], "nothing happens after the end");
  assert.deepEqual(conversation.durable(9), []);
});

test("types 1 and 3 within a session have the sequence after the previous one", () => {
  const conversation = opened();
  const record = new TextEncoder().encode("not JSON");
  const lines = conversation.say(
    frame(FrameType.record, 1234, record),
    scrapesFrame(2),
    frame(FrameType.blueKing, 0, record),
    scrapesFrame(4),
  );
  assert.deepEqual(lines, ["append opaque 1", "append scrapes 2", "append opaque 3", "append scrapes 4"]);
  const origin = conversation.state.origin;
  assert.deepEqual(conversation.appended[0]?.record, {
    kind: "opaque",
    origin,
    sequence: 1,
    frameType: 3,
    id: 1234n,
    timestampNs: 1n,
    body: record,
  });
  assert.deepEqual(conversation.durable(3), ["send ack 3"]);
});

test("a declared loss stands for its whole range", () => {
  const conversation = opened((one) => one.resumePoint = 2);
  assert.deepEqual(conversation.say(lostFrame(1, 2), lostFrame(3, 9), scrapesFrame(10)), [
    "skip duplicate",
    "append lost 9",
    "append scrapes 10",
  ]);
  assert.deepEqual(conversation.durable(1), ["send ack 9"]);
  assert.deepEqual(conversation.say(lostFrame(9, 12)), ["close sequence 1"], "an overlap");
  assert.deepEqual(opened().say(lostFrame(2, 3)), ["close sequence 1"], "a gap");
  assert.deepEqual(opened().say(lostFrame(2, 1)), ["close malformed 1"], "an empty range");
});

test("an unknown shape is asked for, and everything until its record comes again is discarded", () => {
  const conversation = new Conversation();
  conversation.say(helloFrame());
  const record = frame(FrameType.record, 1, new Uint8Array(1));
  assert.deepEqual(conversation.say(scrapesFrame(1)), ["send unknown 1"]);
  const missing = decodeUnknown(conversation.sent.at(-1)?.body ?? new Uint8Array());
  assert.deepEqual(missing, [target.shape.id, layout.shape.id]);
  const discarded = ["skip rewound", "skip rewound", "skip rewound"];
  assert.deepEqual(conversation.say(record, scrapesFrame(3), lostFrame(4, 5)), discarded);
  assert.deepEqual(conversation.say(...shapeFrames), []);
  assert.deepEqual(conversation.say(scrapesFrame(1), record, scrapesFrame(3), lostFrame(4, 5)), [
    "append scrapes 1",
    "append opaque 2",
    "append scrapes 3",
    "append lost 5",
  ]);
});

test("a block that the exporter has forgotten is asked for by its own id", () => {
  const conversation = opened();
  assert.deepEqual(conversation.say(scrapesFrame(1)), ["append scrapes 1"]);
  conversation.shapes.forget(block.shape.id);
  assert.deepEqual(conversation.say(scrapesFrame(2)), ["send unknown 2"]);
  assert.deepEqual(decodeUnknown(conversation.sent.at(-1)?.body ?? new Uint8Array()), [block.shape.id]);
  conversation.say(...shapeFrames);
  assert.deepEqual(conversation.say(scrapesFrame(2)), ["append scrapes 2"]);
});

test("a rewind also ends with the declared loss of the record that was asked for", () => {
  const conversation = new Conversation();
  conversation.say(helloFrame());
  assert.deepEqual(conversation.say(scrapesFrame(1), lostFrame(1, 3), lostFrame(4, 4)), [
    "send unknown 1",
    "append lost 3",
    "append lost 4",
  ]);
});

test("shapes that are known already do not count against the connection", () => {
  const conversation = opened();
  conversation.say(scrapesFrame(1));
  conversation.say(...shapeFrames);
  assert.equal(conversation.state.unusedShapes.size, 0);
  const forged = new Uint8Array(target.body);
  forged[forged.length - 1] = 0x21;
  assert.deepEqual(conversation.say(frame(FrameType.target, 0, forged)), ["close malformed 1"]);
});

test("whatever a collector loses, repeats or forgets to send, each sequence is appended once and in order", () => {
  const kinds = fc.constantFrom("next", "next", "next", "duplicate", "opaque", "lost", "forget", "durable");
  fc.assert(fc.property(fc.array(kinds, { maxLength: 60 }), (plan) => {
    const conversation = opened();
    let sent = 0;
    for (const kind of plan) {
      if (kind === "duplicate" && sent > 0) conversation.say(scrapesFrame(sent));
      if (kind === "opaque") conversation.say(frame(FrameType.record, ++sent));
      if (kind === "lost") conversation.say(lostFrame(sent + 1, sent += 2));
      if (kind === "forget") conversation.shapes.forget(block.shape.id);
      if (kind === "durable") conversation.durable(conversation.appended.length);
      if (kind !== "next") continue;
      const lines = conversation.say(scrapesFrame(++sent));
      if (!lines.includes(`send unknown ${sent}`)) continue;
      conversation.say(frame(FrameType.record, 1), scrapesFrame(sent + 2), ...shapeFrames, scrapesFrame(sent));
    }
    const firsts = conversation.appended.map(({ record }) =>
      record.kind === "lost" ? record.lost.firstSequence : record.sequence
    );
    const lasts = conversation.appended.map(({ sequence }) => sequence);
    assert.deepEqual(firsts, [1, ...lasts.map((last) => last + 1)].slice(0, lasts.length));
    assert.equal(lasts.at(-1) ?? 0, sent);
    conversation.durable(conversation.appended.length);
    assert.equal(conversation.state.ackedSequence, sent);
  }));
});
