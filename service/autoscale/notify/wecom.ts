import { z } from "zod";
import { parseJson } from "../../../core/json.ts";
import type { Clock } from "../../../core/runtime/env.ts";
import type { HttpFetch } from "../http_fetch.ts";
import { type Notifier, NotifyError } from "./notifier.ts";
import { postJson } from "./post_json.ts";
import { wecomCard, wecomMarkdown } from "./wecom_message.ts";

export const wecomUrlDefault = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send";

export interface WecomOptions {
  readonly name: string;
  /** Without the key. */
  readonly url: string;
  /** Of the robot: who has it can write to the group, so it is shown nowhere. */
  readonly key: () => string;
  readonly style: "markdown" | "card";
  readonly fetch: HttpFetch;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** What a robot may send in a minute. */
const messagesPerMinute = 20;
const minuteMs = 60_000;

/** What the robot answers, always with HTTP 200. */
const answerSchema = z.looseObject({ errcode: z.int(), errmsg: z.string().default("") });
const rateLimited = 45_009;
const systemBusy = -1;

/** A robot of a WeCom group. Its answer's `errcode` says what became of a message, whatever the HTTP status. */
export function makeWecom({ name, url, key, style, fetch, clock }: WecomOptions): Notifier {
  const sentAtMs: number[] = [];
  return {
    name,
    async notify(message) {
      takePlace(sentAtMs, clock.monotonicMs());
      const body = JSON.stringify(style === "card" ? wecomCard(message) : wecomMarkdown(message));
      const address = `${url}?key=${encodeURIComponent(key())}`;
      checkAnswer(await postJson(fetch, address, body), key());
    },
  };
}

/** Counts a message, or refuses it when there were as many as a robot may send in the minute before. */
function takePlace(sentAtMs: number[], nowMs: number): void {
  while ((sentAtMs[0] ?? Infinity) <= nowMs - minuteMs) sentAtMs.shift();
  const [first] = sentAtMs;
  if (first !== undefined && sentAtMs.length >= messagesPerMinute) {
    const waitMs = first + minuteMs - nowMs;
    throw new NotifyError("transient", `${messagesPerMinute} messages were sent within a minute`, waitMs);
  }
  sentAtMs.push(nowMs);
}

function checkAnswer(text: string, key: string): void {
  const read = answerSchema.safeParse(parseJson(text));
  if (!read.success) throw new NotifyError("transient", "what answers there is no robot of WeCom");
  const { errcode, errmsg } = read.data;
  if (errcode === 0) return;
  const said = errmsg.slice(0, 200);
  const reason = `errcode ${errcode}: ${key === "" ? said : said.replaceAll(key, "<redacted>")}`;
  if (errcode === rateLimited) throw new NotifyError("transient", reason, minuteMs);
  // 93000 says that there is no robot with this key; others that the message is none that they take.
  throw new NotifyError(errcode === systemBusy ? "transient" : "permanent", reason);
}
