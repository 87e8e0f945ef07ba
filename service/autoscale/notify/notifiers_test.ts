import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { message, notifierSuite, Receiver } from "../testing/notifier_suite.ts";
import { approvalOf, testLinks } from "../testing/plans.ts";
import { makeLogNotifier } from "./log_notifier.ts";
import { messageOf } from "./message.ts";
import { NotifyError } from "./notifier.ts";
import { makeWebhook } from "./webhook.ts";
import { makeWecom } from "./wecom.ts";
import { cutToBytes, markdownBytesMax, wecomCard, wecomMarkdown } from "./wecom_message.ts";

/** In characters. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

const clock = new ManualClock();
const ok = () => new Response('{"errcode":0,"errmsg":"ok"}');

function wecom(receiver: Receiver, key: string, style: "markdown" | "card" = "markdown", at = clock) {
  const url = "https://robot.test/send";
  return makeWecom({ name: "ops", url, key: () => key, style, fetch: receiver.fetch, clock: at });
}

function webhook(receiver: Receiver, secret: string) {
  const url = "https://hub.test/hook";
  return makeWebhook({
    name: "hub",
    url,
    headers: { "x-own": "1" },
    secret: () => secret,
    fetch: receiver.fetch,
    clock,
  });
}

notifierSuite({ name: "webhook", make: webhook, taken: () => new Response("", { status: 202 }) });
notifierSuite({
  name: "wecom markdown",
  make: (receiver, key) => wecom(receiver, key, "markdown", new ManualClock()),
  taken: ok,
});
notifierSuite({
  name: "wecom card",
  make: (receiver, key) => wecom(receiver, key, "card", new ManualClock()),
  taken: ok,
});

test("a webhook's body is signed with its timestamp", async () => {
  const receiver = new Receiver();
  await webhook(receiver, "secret").notify(message);
  const [sent] = receiver.sent;
  const timestamp = sent?.headers.get("x-bcs-metric-timestamp");
  const wanted = createHmac("sha256", "secret").update(`${timestamp}.${sent?.body}`).digest("hex");
  assert.equal(sent?.headers.get("x-bcs-metric-signature"), `sha256=${wanted}`);
  assert.deepEqual([sent?.headers.get("x-own"), sent?.headers.get("x-bcs-metric-delivery")], ["1", "plan-1-proposed"]);
  await webhook(receiver, "").notify(message);
  assert.equal(receiver.sent[1]?.headers.get("x-bcs-metric-signature"), null);
});

test("what WeCom answers counts, and not the HTTP status", async () => {
  const kindOf = async (body: string) => {
    const receiver = new Receiver();
    receiver.answer = () => new Response(body);
    const error = await wecom(receiver, "k-1", "markdown", new ManualClock()).notify(message).catch((one: unknown) =>
      one
    );
    assert.ok(error instanceof NotifyError);
    return [error.kind, error.retryAfterMs, error.message];
  };
  assert.deepEqual(await kindOf('{"errcode":45009,"errmsg":"limit"}'), ["transient", 60_000, "errcode 45009: limit"]);
  assert.deepEqual(await kindOf('{"errcode":93000,"errmsg":"bad key k-1"}'), [
    "permanent",
    0,
    "errcode 93000: bad key <redacted>",
  ]);
  assert.deepEqual(await kindOf('{"errcode":-1,"errmsg":"busy"}'), ["transient", 0, "errcode -1: busy"]);
  assert.equal((await kindOf("<html>"))[0], "transient");
});

test("a robot gets at most 20 messages within a minute", async () => {
  const own = new ManualClock();
  const receiver = new Receiver();
  receiver.answer = ok;
  const robot = wecom(receiver, "key", "markdown", own);
  for (let count = 0; count < 20; count++) await robot.notify(message);
  own.advance(10_000);
  await assert.rejects(robot.notify(message), { kind: "transient", retryAfterMs: 50_000 });
  assert.equal(receiver.sent.length, 20);
  own.advance(50_000);
  await robot.notify(message);
});

test("a long message is cut at a character, and its links stay", () => {
  const long = { ...message, lines: Array.from({ length: 300 }, (_, index) => `目标 ${index} 🚀 迁移`) };
  const { content } = wecomMarkdown(long).markdown;
  assert.ok(Buffer.byteLength(content) <= markdownBytesMax);
  assert.ok(Buffer.byteLength(content) > markdownBytesMax - 10);
  assert.ok(content.endsWith(`](${message.links?.reject})`));
  assert.ok(!content.includes("\uFFFD") && content.isWellFormed());
  for (let bytes = 0; bytes < 20; bytes++) {
    const cut = cutToBytes("a🚀é漢字🚀", bytes);
    assert.ok(Buffer.byteLength(cut) <= bytes && cut.isWellFormed(), cut);
  }
});

test("names from outside format nothing in a message", () => {
  const { content } = wecomMarkdown({ ...message, lines: ["[click](https://evil.test) <b>"] }).markdown;
  assert.ok(content.includes("\\[click\\](https://evil.test) \\<b\\>"));
});

test("a card keeps within the limits of its kind", () => {
  const plan = approvalOf({ clusterId: "c".repeat(200), namespace: "漢".repeat(200) });
  for (const one of [plan, { ...plan, state: "void" as const }]) {
    const { template_card: card } = wecomCard(messageOf(one, testLinks));
    assert.equal(card.card_type, "text_notice");
    assert.ok(lengthOf(card.main_title.title) <= 26 && lengthOf(card.main_title.desc) <= 30);
    assert.ok(card.horizontal_content_list.length <= 6 && card.jump_list.length <= 3);
    assert.ok(card.horizontal_content_list.every(({ value }) => lengthOf(value) <= 26));
    assert.match(card.card_action.url, /^https?:/);
  }
});

test("the log holds the plan, and no link", async () => {
  let text = "";
  const log = makeLogger("test", "info", { write: (line: string) => void (text += line) });
  await makeLogNotifier(log).notify(message);
  assert.match(text, /c1\/shop: from 2 to 3 collectors, proposed/);
  assert.match(text, /bcs-metric approvals show plan-1/);
  assert.doesNotMatch(text, /signature|http:/);
});
