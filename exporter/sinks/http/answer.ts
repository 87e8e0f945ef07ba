import type { Rejected, Retry } from "../../sink.ts";

/** What a destination answered to one request. */
export interface Answer {
  readonly status: number;
  /** By their names in lower case; of a repeated one, the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** The beginning of the answer's body. */
  readonly body: Uint8Array;
}

export type RequestOutcome = { readonly outcome: "delivered" } | Retry | Rejected;

/** How long to leave a destination alone that a human must mend: its credentials or its address are wrong. */
const mendPauseMs = 60_000;
const reasonBytesMax = 256;

/**
 * What becomes of a request, unless the protocol has it otherwise:
 *
 * | answer              | outcome                                                         |
 * | ------------------- | --------------------------------------------------------------- |
 * | 2xx                 | delivered                                                       |
 * | 429                 | retry, after `Retry-After` when there is one                    |
 * | 5xx                 | retry, likewise; rejected when `isTransient` says so            |
 * | 401, 403            | retry in a minute, with an alarm: the credentials are wrong     |
 * | 3xx                 | retry in a minute, with an alarm: the URL is wrong              |
 * | any other 4xx       | rejected: the destination will never take it                    |
 *
 * A request that got no answer in time is a retry too. `isTransient` is asked for statuses from 500; by default all are.
 */
export function outcomeOf(
  answer: Answer,
  wallMs: number,
  isTransient: (status: number) => boolean = () => true,
): RequestOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  const reason = describeAnswer(answer);
  if (status === 401 || status === 403) return { outcome: "retry", reason, afterMs: mendPauseMs, alarm: true };
  if (status < 400) return { outcome: "retry", reason: `${reason} (a redirect)`, afterMs: mendPauseMs, alarm: true };
  if (status < 500 && status !== 429) return { outcome: "rejected", reason };
  if (status !== 429 && !isTransient(status)) return { outcome: "rejected", reason };
  const afterMs = retryAfterMs(answer.headers["retry-after"] ?? null, wallMs);
  return afterMs === null ? { outcome: "retry", reason } : { outcome: "retry", reason, afterMs };
}

/**
 * Reads `Retry-After`: seconds, or a date. Null when it is absent or unreadable; a past date is 0. It is not bounded
 * here: exporter/delivery/backoff.ts waits for five minutes at most.
 */
export function retryAfterMs(header: string | null, wallMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Every form of an HTTP date names a weekday first; Date.parse alone would take "-1" for a year.
  const dateMs = /^[A-Za-z]/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - wallMs);
}

/** `HTTP 400: ` and the beginning of the answer, fit for a log. */
export function describeAnswer(answer: Answer): string {
  const line = oneLine(new TextDecoder().decode(answer.body.subarray(0, reasonBytesMax)));
  return line === "" ? `HTTP ${answer.status}` : `HTTP ${answer.status}: ${line}`;
}

/** What a stranger says goes into logs: one line, no control characters, at most 256 of them. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim().slice(0, reasonBytesMax);
}
