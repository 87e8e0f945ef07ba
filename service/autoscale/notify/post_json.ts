import { causeMessageOf } from "../../../core/errors.ts";
import { type HttpFetch, readCapped } from "../http_fetch.ts";
import { NotifyError } from "./notifier.ts";

const timeoutMs = 10_000;
const answerBytesMax = 64 * 1024;
/** A receiver that asks for a longer pause gets this one. */
const retryAfterMsMax = 3_600_000;

/**
 * Posts JSON and returns what is answered with a success.
 * @param url may hold a key: neither it nor its query is in an error.
 * @throws NotifyError: permanent for an answer that says that the request itself is wrong.
 */
export async function postJson(
  fetch: HttpFetch,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await readCapped(answer, answerBytesMax);
  } catch (error) {
    throw new NotifyError("transient", `no answer: ${withoutUrl(causeMessageOf(error), url)}`);
  }
  if (answer.ok) return text;
  const { status } = answer;
  const isTransient = status >= 500 || status === 408 || status === 425 || status === 429;
  const seconds = Number(answer.headers.get("retry-after") ?? 0);
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(retryAfterMsMax, Math.max(0, seconds * 1000)) : 0;
  throw new NotifyError(isTransient ? "transient" : "permanent", `HTTP ${status}`, retryAfterMs);
}

/** Runtimes write an address into some errors, as it was given or as they read it. */
function withoutUrl(text: string, url: string): string {
  const { href, search } = new URL(url);
  const parts = [url, href, search, search.slice(1)].filter((part) => part !== "");
  return parts.reduce((left, part) => left.replaceAll(part, "<address>"), text);
}
