import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { encodeSessionError } from "../../core/protocol/session.ts";
import { Conversation, opened } from "./conversation_testing.ts";
import { frame, helloFrame, scrapesFrame } from "./session_testing.ts";

test("a session that is silent for 60 s is closed, an old client after 5 minutes", () => {
  const session = opened();
  assert.deepEqual(session.tickAfter(9_999), []);
  assert.deepEqual(session.tickAfter(1), ["send heartbeat 0"]);
  assert.deepEqual(session.tickAfter(9_999), []);
  assert.deepEqual(session.tickAfter(40_000), ["send heartbeat 0"]);
  assert.deepEqual(session.tickAfter(1), ["close silent silently"]);
  const old = new Conversation();
  old.say(frame(FrameType.heartbeat, 0));
  assert.deepEqual(old.tickAfter(299_999), []);
  old.step({ type: "received" });
  assert.deepEqual(old.tickAfter(299_999), []);
  assert.deepEqual(old.tickAfter(1), ["close silent silently"]);
  assert.deepEqual(new Conversation().tickAfter(300_000), ["close silent silently"]);
});

test("time in which nothing is read is no silence, and heartbeats tell the peer so", () => {
  for (const conversation of [opened(), new Conversation()]) {
    conversation.say(...(conversation.state.phase === "opening" ? [frame(FrameType.heartbeat, 0)] : []));
    conversation.step({ type: "paused" });
    assert.deepEqual(conversation.tickAfter(400_000), ["send heartbeat 0"]);
    conversation.step({ type: "resumed" });
    assert.deepEqual(conversation.tickAfter(9_000), []);
  }
});

test("a peer that takes nothing gets no more acknowledgements, then one, and is closed after 60 s", () => {
  const conversation = opened();
  conversation.say(scrapesFrame(1), scrapesFrame(2));
  conversation.step({ type: "blocked" });
  assert.deepEqual([...conversation.durable(1), ...conversation.durable(2), ...conversation.tickAfter(30_000)], []);
  assert.deepEqual(conversation.step({ type: "unblocked" }), ["send ack 2"]);
  conversation.step({ type: "blocked" });
  assert.deepEqual(conversation.tickAfter(59_999), []);
  assert.deepEqual(conversation.tickAfter(1), ["close blocked silently"]);
});

test("draining takes nothing more, acknowledges what was taken, and ends with ERROR draining", () => {
  const conversation = opened();
  conversation.say(scrapesFrame(1));
  conversation.step({ type: "draining" });
  assert.deepEqual(conversation.say(scrapesFrame(2), frame(FrameType.heartbeat, 0)), []);
  assert.deepEqual(conversation.durable(1), ["send ack 1"]);
  assert.deepEqual(conversation.step({ type: "stopped", message: "shutting down" }), ["close draining 4"]);
  const greeting = new Conversation();
  greeting.barrierIndex = 1;
  greeting.say(helloFrame());
  greeting.step({ type: "draining" });
  assert.deepEqual(greeting.durable(1), [], "no WELCOME any more");
});

test("an ERROR of the collector ends the connection", () => {
  const error = frame(FrameType.error, 0, encodeSessionError({ code: 1, message: "no" }));
  assert.deepEqual(opened().say(error), ["close peer_error silently"]);
});
