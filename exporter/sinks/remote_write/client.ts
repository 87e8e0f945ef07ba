import { Pool } from "undici";
import type { Clock } from "../../../core/runtime/env.ts";
import type { Answer } from "./outcome.ts";

export interface ClientOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** For a whole request: connecting, sending, and reading the answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface WriteClient {
  /**
   * Posts one compressed WriteRequest.
   * @throws RequestFailedError when there was no whole answer in time, or the signal was aborted.
   */
  post(body: Uint8Array, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

/** The request got no answer; whether the destination has taken it is not known. */
export class RequestFailedError extends Error {
  override name = "RequestFailedError";
}

/** Bytes of an answer that are read; the connection of one that says more is given up. */
const answerBytesMax = 16 * 1024;

/** One connection, kept alive. Redirects are not followed: they would carry the credentials elsewhere. */
export function createWriteClient(options: ClientOptions): WriteClient {
  const { url, headers, timeoutMs, clock } = options;
  const pool = new Pool(url.origin, {
    connections: 1,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const path = url.pathname + url.search;
  return {
    async post(body, signal) {
      // undici's own timeouts are coarse, and each covers a part only.
      const deadline = new AbortController();
      const cancel = clock.after(timeoutMs, () => deadline.abort());
      try {
        const abort = AbortSignal.any([signal, deadline.signal]);
        const response = await pool.request({ method: "POST", path, headers, body, signal: abort });
        const retryAfter = response.headers["retry-after"];
        return {
          status: response.statusCode,
          retryAfter: typeof retryAfter === "string" ? retryAfter : null,
          body: await readCapped(response.body),
        };
      } catch (error) {
        const why = deadline.signal.aborted ? `no answer within ${timeoutMs} ms` : describe(error);
        throw new RequestFailedError(`Cannot send to "${url.origin}${url.pathname}": ${why}`, { cause: error });
      } finally {
        cancel();
      }
    },
    close: () => pool.destroy(),
  };
}

async function readCapped(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (bytes > answerBytesMax) break;
  }
  return Buffer.concat(chunks);
}

/** Some of the runtimes' network errors have their reason only in `cause`, or several of them in `errors`. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join("; ");
  if (!(error instanceof Error)) return String(error);
  return error.message === "" && error.cause !== undefined ? describe(error.cause) : error.message;
}
