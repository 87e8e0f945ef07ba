import type { Rejected, Retry } from "../../sink.ts";

/** What the destination answered to one request. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** The beginning of the answer's body. */
  readonly body: Uint8Array;
}

export type RequestOutcome = { readonly outcome: "delivered" } | Retry & { readonly alarm?: boolean } | Rejected;

/** How long to leave a destination alone that a human must mend: its credentials or its address are wrong. */
const mendPauseMs = 60_000;
const reasonBytesMax = 256;

/**
 * What becomes of a request (remote write 1.0):
 *
 * | answer                  | outcome                                                      |
 * | ----------------------- | ------------------------------------------------------------ |
 * | 2xx                     | delivered                                                    |
 * | 429                     | retry, after `Retry-After` when there is one                 |
 * | 5xx                     | retry, likewise                                              |
 * | 401, 403                | retry in a minute, with an alarm: the credentials are wrong  |
 * | 3xx                     | retry in a minute, with an alarm: the URL is wrong           |
 * | any other 4xx           | rejected: the destination will never take it                 |
 *
 * A request that got no answer in time is a retry too.
 */
export function outcomeOf(answer: Answer, wallMs: number): RequestOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  const reason = describe(answer);
  if (status === 401 || status === 403) return { outcome: "retry", reason, afterMs: mendPauseMs, alarm: true };
  if (status < 400) return { outcome: "retry", reason: `${reason} (a redirect)`, afterMs: mendPauseMs, alarm: true };
  if (status < 500 && status !== 429) return { outcome: "rejected", reason };
  const afterMs = retryAfterMs(answer.retryAfter, wallMs);
  return afterMs === null ? { outcome: "retry", reason } : { outcome: "retry", reason, afterMs };
}

/** Reads `Retry-After`: seconds, or a date. Null when it is absent or unreadable; a past date is 0. */
export function retryAfterMs(header: string | null, wallMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Every form of an HTTP date names a weekday first; Date.parse alone would take "-1" for a year.
  const dateMs = /^[A-Za-z]/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - wallMs);
}

function describe(answer: Answer): string {
  const text = new TextDecoder().decode(answer.body.subarray(0, reasonBytesMax));
  // What a stranger says goes into logs: one line, no control characters.
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return line === "" ? `HTTP ${answer.status}` : `HTTP ${answer.status}: ${line}`;
}
