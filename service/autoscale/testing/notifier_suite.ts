import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "../notify/message.ts";
import { type Message, type Notifier, NotifyError } from "../notify/notifier.ts";
import { approvalOf, testLinks } from "./plans.ts";

/** What a receiver over HTTP was sent. */
export interface Sent {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Stands for a receiver: answers as it is told, and remembers what came. */
export class Receiver {
  readonly sent: Sent[] = [];
  answer: () => Response | Promise<Response> = () => new Response("{}");

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    this.sent.push({ url, headers: new Headers(init.headers), body: typeof init.body === "string" ? init.body : "" });
    return await this.answer();
  };
}

export interface NotifierCase {
  readonly name: string;
  /** @param secret must be shown nowhere. */
  readonly make: (receiver: Receiver, secret: string) => Notifier;
  /** The answer of a receiver that took the message. */
  readonly taken: () => Response;
}

export const message: Message = messageOf(approvalOf(), testLinks);

/** What every notifier that sends by HTTP has to do. */
export function notifierSuite({ name, make, taken }: NotifierCase): void {
  const secret = "canary-secret-5b1f";
  const fails = async (answer: () => Response | Promise<Response>): Promise<NotifyError> => {
    const receiver = new Receiver();
    receiver.answer = answer;
    const error = await make(receiver, secret).notify(message).then(() => null, (caught: unknown) => caught);
    assert.ok(error instanceof NotifyError, String(error));
    assert.ok(!`${error.message} ${error.stack ?? ""}`.includes(secret), error.message);
    return error;
  };

  test(`${name}: a message that is taken is sent once, with its links`, async () => {
    const receiver = new Receiver();
    receiver.answer = taken;
    await make(receiver, secret).notify(message);
    assert.equal(receiver.sent.length, 1);
    assert.ok(receiver.sent[0]?.body.includes(JSON.stringify(message.links?.approve).slice(1, -1)));
    assert.ok(!receiver.sent[0]?.body.includes(secret));
  });

  test(`${name}: one without links can be sent, such as that of an end`, async () => {
    const receiver = new Receiver();
    receiver.answer = taken;
    await make(receiver, secret).notify(messageOf(approvalOf({ state: "void" }), testLinks));
    assert.doesNotMatch(receiver.sent[0]?.body ?? "", /signature=/);
  });

  test(`${name}: a receiver that is away, busy or broken is tried again, as late as it asks`, async () => {
    const away = await fails(() => Promise.reject(new TypeError("fetch failed", { cause: new Error("refused") })));
    assert.deepEqual([away.kind, away.message], ["transient", "no answer: refused"]);
    assert.equal((await fails(() => new Response("", { status: 503 }))).kind, "transient");
    const receiver = new Receiver();
    receiver.answer = () => Promise.reject(new TypeError(`error sending request for url (${receiver.sent[0]?.url})`));
    const told = await make(receiver, secret).notify(message).catch(String);
    assert.match(String(told), /error sending request for url \(<address>\)/);
    const later = await fails(() => new Response("", { status: 429, headers: { "retry-after": "7" } }));
    assert.deepEqual([later.kind, later.retryAfterMs], ["transient", 7000]);
    assert.equal((await fails(() => new Response("x".repeat(100_000)))).kind, "transient");
  });

  test(`${name}: a receiver that refuses for good is not tried again`, async () => {
    for (const status of [400, 401, 404]) {
      assert.equal((await fails(() => new Response("", { status }))).kind, "permanent", String(status));
    }
  });
}
