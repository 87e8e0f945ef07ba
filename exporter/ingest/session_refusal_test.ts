import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeLayout, encodeTarget } from "../../core/protocol/shape.ts";
import { Conversation, opened } from "./conversation_testing.ts";
import { unusedShapesMax } from "./limits.ts";
import { block, frame, helloFrame, layout, scrapesFrame, shapeFrames, target } from "./session_testing.ts";

test("a collector that never sends the shapes it is asked for is given up", () => {
  const conversation = new Conversation();
  conversation.say(helloFrame());
  for (let round = 0; round < 4; round++) assert.deepEqual(conversation.say(scrapesFrame(1)), ["send unknown 1"]);
  assert.deepEqual(conversation.say(scrapesFrame(1)), ["close repeated_unknown 1"]);
});

test("shapes that no record refers to are bounded, those that one does refer to are not", () => {
  const conversation = opened();
  assert.equal(conversation.state.unusedShapes.size, 3);
  conversation.say(scrapesFrame(1));
  assert.equal(conversation.state.unusedShapes.size, 0);
  assert.equal(conversation.state.unusedShapeBytes, 0);
  for (let count = 0; count < unusedShapesMax; count++) conversation.state.unusedShapes.set(`${count}`, 1);
  const another = frame(FrameType.target, 0, encodeTarget(8, []).body);
  assert.deepEqual(conversation.say(another), ["close unused_shapes 1"]);
  const heavy = opened();
  heavy.state.unusedShapeBytes = 64 * 1024 * 1024;
  assert.deepEqual(heavy.say(another), ["close unused_shapes 1"]);
});

test("what breaks the protocol in a session is answered with ERROR protocol", () => {
  const check = (reason: string, ...frames: Frame[]) => {
    assert.deepEqual(opened().say(...frames).at(-1), `close ${reason} 1`);
  };
  const scrape = { targetId: target.shape.id, layoutId: layout.shape.id, timestampMs: 1, sampleTimesMs: null };
  const scrapesOf = (changes: object) =>
    frame(FrameType.scrapes, 1, encodeScrapes([{ ...scrape, values: new Float64Array(2), ...changes }]));
  check("sample_count", scrapesFrame(1, [1]));
  check("sample_count", scrapesFrame(1, [1, 2, 3]));
  check("shape_kind", scrapesOf({ targetId: layout.shape.id }));
  check("shape_kind", scrapesOf({ layoutId: block.shape.id }));
  check("shape_kind", frame(FrameType.schema, 0, target.body));
  check("shape_kind", frame(FrameType.target, 0, layout.body));
  check("shape_kind", frame(FrameType.schema, 0, encodeLayout([target.shape.id]).body), {
    ...scrapesOf({ layoutId: encodeLayout([target.shape.id]).shape.id }),
  });
  check("malformed", frame(FrameType.scrapes, 1, new Uint8Array([1])));
  check("malformed", frame(FrameType.scrapes, 0));
  check("malformed", frame(FrameType.scrapes, 2n ** 53n));
  check("malformed", frame(FrameType.schema, 0, new Uint8Array(3)));
  check("malformed", frame(FrameType.schema, 0, Uint8Array.from({ length: 18 }, (_, at) => at === 0 ? 2 : 0)));
  check("frame_type", frame(FrameType.welcome, 0));
  check("frame_type", frame(FrameType.ack, 1));
  check("frame_type", frame(99, 1));
  check("frame_type", helloFrame());
});

test("a HELLO that cannot be served is refused with the reason", () => {
  const check = (line: string, hello: Frame, setUp: (one: Conversation) => void = () => {}) => {
    const conversation = new Conversation();
    setUp(conversation);
    assert.deepEqual(conversation.say(hello), [line]);
  };
  const otherVersion = helloFrame();
  otherVersion.body[0] = 2;
  check("close version 2", otherVersion);
  check("close malformed 1", frame(FrameType.hello, 0));
  check("close malformed 1", frame(FrameType.hello, 0, Uint8Array.of(1, 2, 3)));
  check("close malformed 1", helloFrame({ nextSequence: 0 }));
  for (const cluster of ["", "..", "a/b", "../../etc", "a\n", ".hidden", "x".repeat(300)]) {
    check("close identity 1", helloFrame({ cluster }));
    check("close identity 1", helloFrame({ namespace: cluster }));
    check("close identity 1", helloFrame({ name: cluster }));
  }
});

test("before WELCOME only heartbeats may come", () => {
  const conversation = new Conversation();
  conversation.barrierIndex = 1;
  assert.deepEqual(conversation.say(helloFrame()), ["register"]);
  assert.deepEqual(conversation.say(shapeFrames[0] ?? frame(0, 0)), ["close early_frame 1"]);
});

test("an older start is refused, and a replaced connection ends", () => {
  const refused = new Conversation();
  refused.barrierIndex = 1;
  refused.say(helloFrame());
  assert.deepEqual(refused.step({ type: "refused", newerEpoch: 6n }), ["close older_epoch 1"]);
  const replaced = opened();
  replaced.say(scrapesFrame(1));
  assert.deepEqual(replaced.step({ type: "replaced", byEpoch: 6n }), ["close replaced 1"]);
  assert.deepEqual(replaced.durable(1), []);
});

test("an old client is served without acknowledgement", () => {
  const conversation = new Conversation();
  const lines = conversation.say(
    frame(FrameType.blueKing, 0, new TextEncoder().encode("{}")),
    frame(FrameType.heartbeat, 0),
    frame(FrameType.record, -5, new Uint8Array(0)),
  );
  assert.deepEqual(lines, ["append opaque 0", "send heartbeat 0", "append opaque 0"]);
  const records = conversation.appended.map(({ record }) => record.kind === "opaque" && [record.origin, record.id]);
  assert.deepEqual(records, [[null, 0n], [null, -5n]]);
  assert.deepEqual(conversation.durable(2), []);
  assert.deepEqual(conversation.say(helloFrame()), ["close frame_type silently"]);
});

test("a connection that begins with anything else is closed without a word", () => {
  assert.deepEqual(new Conversation().say(scrapesFrame(1)), ["close frame_type silently"]);
  assert.deepEqual(new Conversation().say(frame(7, 0)), ["close frame_type silently"]);
  const broken = new Conversation().step({ type: "broken", reason: "magic", message: "bad magic" });
  assert.deepEqual(broken, ["close magic silently"]);
  assert.deepEqual(opened().step({ type: "broken", reason: "length", message: "" }), ["close length silently"]);
});
