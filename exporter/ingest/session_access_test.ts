import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import { makeAccess } from "../access/access.ts";
import { tokenAccess } from "../access/access_testing.ts";
import { Conversation } from "./conversation_testing.ts";
import { frame, helloFrame, layout, scrapesFrame, shapeFrames } from "./session_testing.ts";

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("only a token that allows the identity is let in", () => {
  const check = (token: string, changes: object, want: string[]) => {
    assert.deepEqual(new Conversation(tokenAccess().access).say(helloFrame({ token, ...changes })), want);
  };
  check("good", {}, ["register", "send welcome 0", "expect 1"]);
  check("good", { name: "collector-9" }, ["register", "send welcome 0", "expect 1"]);
  check("bad", {}, ["close unauthorized 3"]);
  check("", {}, ["close unauthorized 3"]);
  check("good", { namespace: "bank" }, ["close unauthorized 3"]);
  check("good", { cluster: "c2" }, ["close unauthorized 3"]);
});

test("a client's certificate is its identity, whatever HELLO says", () => {
  const access = makeAccess({ tokens: null, clientCertificates: true, oldClients: false });
  const peer = { names: [], uris: ["bcs-metric://c1/shop"] };
  const welcomed = ["register", "send welcome 0", "expect 1"];
  assert.deepEqual(new Conversation(access, peer).say(helloFrame()), welcomed);
  assert.deepEqual(new Conversation(access, peer).say(helloFrame({ namespace: "bank" })), ["close unauthorized 3"]);
  assert.deepEqual(new Conversation(access, { names: ["c1/shop"], uris: [] }).say(helloFrame()), [
    "close unauthorized 3",
  ]);
});

test("a revoked token ends the session, and one that allows less as well; a change elsewhere does not", () => {
  const open = () => {
    const { access, tokens } = tokenAccess();
    const conversation = new Conversation(access);
    conversation.say(helloFrame({ token: "good" }), ...shapeFrames, scrapesFrame(1));
    return { conversation, tokens };
  };
  const changed = { type: "access_changed" } as const;
  const first = open();
  first.tokens.set("another", {});
  assert.deepEqual(first.conversation.step(changed), []);
  first.tokens.revoke("good");
  assert.deepEqual(first.conversation.step(changed), ["close unauthorized 3"]);
  const second = open();
  second.tokens.set("good", { namespaces: ["c1/bank"] });
  assert.deepEqual(second.conversation.step(changed), ["close unauthorized 3"]);
});

test("a target of another namespace, or with a data id that is not granted, is declared lost in its place", () => {
  const { access } = tokenAccess({ dataIds: [7] });
  const conversation = new Conversation(access);
  conversation.say(helloFrame({ token: "good" }), ...shapeFrames);
  const scrape = (sequence: number, dataId: number, namespace: string) => {
    const target = encodeTarget(dataId, [{ name: "namespace", value: namespace }]);
    const body = encodeScrapes([{
      targetId: target.shape.id,
      layoutId: layout.shape.id,
      timestampMs: 5,
      values: new Float64Array(2),
      sampleTimesMs: null,
    }]);
    return conversation.say(frame(FrameType.target, 0, target.body), frame(FrameType.scrapes, sequence, body));
  };
  assert.deepEqual(scrape(1, 7, "shop"), ["append scrapes 1"]);
  const refused = `refused: the target's label namespace="bank" is not "shop"`;
  assert.deepEqual(scrape(2, 7, "bank"), [`forged ${refused}`, "append lost 2"]);
  assert.deepEqual(scrape(3, 8, "shop"), ["forged refused: data id 8 is not granted", "append lost 3"]);
  assert.deepEqual(scrape(4, 7, "shop"), ["append scrapes 4"]);
  const second = conversation.appended[1]?.record;
  assert.ok(second?.kind === "lost");
  const lost = { firstSequence: 2, lastSequence: 2, records: 1, samples: 2, oldestMs: 5, newestMs: 5, reason: refused };
  assert.deepEqual(second.lost, lost);
  const opaque = conversation.say(frame(FrameType.record, 9, json({})), frame(FrameType.record, 7, json({})));
  assert.deepEqual(opaque, ["forged refused: data id 9 is not granted", "append lost 5", "append opaque 6"]);
  assert.deepEqual(conversation.durable(6), ["send ack 6"]);
});

test("clients without HELLO are refused unless they are allowed", () => {
  const record = frame(FrameType.blueKing, 7, json({}));
  assert.deepEqual(new Conversation(tokenAccess().access).say(record), ["close unauthorized silently"]);
  assert.deepEqual(new Conversation(tokenAccess({}, true).access).say(record), ["append opaque 0"]);
  const access = makeAccess({ tokens: null, clientCertificates: true, oldClients: false });
  const known = new Conversation(access, { names: [], uris: ["bcs-metric://c1/shop"] });
  assert.deepEqual(known.say(record), ["append opaque 0"]);
  const forged = known.say(frame(FrameType.blueKing, 7, json({ objmeta: { namespace: "bank" } })));
  assert.deepEqual(forged, ["forged the record is of a namespace that is not granted"]);
});

test("who must say who they are has 30 s for it", () => {
  const conversation = new Conversation(tokenAccess().access);
  assert.deepEqual(conversation.tickAfter(20_000), []);
  conversation.step({ type: "received" });
  assert.deepEqual(conversation.tickAfter(10_000), ["close silent silently"]);
  assert.deepEqual(new Conversation().tickAfter(30_000), [], "where nobody must, silence is all that counts");
});

test("a new window is told at once, and what exceeds it is not read until it is durable", () => {
  const conversation = new Conversation();
  conversation.windowBytes = 8;
  conversation.say(helloFrame(), ...shapeFrames);
  assert.deepEqual(conversation.step({ type: "window", bytes: 9 }), ["send credit 0"]);
  conversation.say(scrapesFrame(1));
  // Nothing is read meanwhile, so nothing that was said is no silence.
  assert.deepEqual(conversation.tickAfter(70_000), ["send heartbeat 0"]);
  assert.deepEqual(conversation.durable(1), ["send ack 1"]);
  assert.deepEqual(conversation.tickAfter(9_999), []);
  assert.deepEqual(conversation.tickAfter(50_001), ["close silent silently"]);
});
