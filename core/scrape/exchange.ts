import type { Dispatcher } from "undici";
import { errorCode } from "../errors.ts";
import type { Clock } from "../runtime/env.ts";
import { bodyExceeds, type BodyReader, gzipBody, plainBody } from "./body.ts";

export type FetchOutcome =
  | {
    readonly ok: true;
    /** Decompressed. */
    readonly body: Uint8Array;
    /** "" when the target sent none. */
    readonly contentType: string;
  }
  | {
    readonly ok: false;
    /** Short and exact, such as "connection refused". */
    readonly reason: string;
    /** Of the HTTP response; 0 when there was none. */
    readonly status: number;
    /** The connection broke before the target answered anything: as when it closes one that was kept alive. */
    readonly unanswered: boolean;
  };

type Stage = "connect" | "headers" | "body";

export interface ExchangeOptions {
  readonly clock: Clock;
  /** Until the deadline. */
  readonly remainingMs: number;
  /** The whole timeout, for the reason. */
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  readonly settled: (outcome: FetchOutcome) => void;
}

/**
 * One request and its response, as undici tells of it. Settles exactly once: with the body of a 200, or with the
 * reason why there is none. After a failure the connection is of no more use and must be destroyed by the owner.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #cancelDeadline: () => void;
  #stage: Stage = "connect";
  #settled = false;
  #controller: Dispatcher.DispatchController | null = null;
  #body: BodyReader | null = null;
  #contentType = "";
  #status = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#cancelDeadline = options.clock.after(
      Math.max(0, options.remainingMs),
      () => this.fail(`timeout after ${options.timeoutMs / 1000} s (${this.#stage})`),
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#stage = "headers";
    if (this.#settled) controller.abort(new Error("nobody waits for this response any more"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // An interim response (1xx) precedes the one that counts.
    if (this.#settled || status < 200) return;
    this.#stage = "body";
    this.#status = status;
    if (status !== 200) {
      this.fail(status >= 300 && status < 400 ? `HTTP ${status} (redirects are not followed)` : `HTTP ${status}`);
      return;
    }
    const bytesMax = this.#options.bodyBytesMax;
    if (Number(headers["content-length"] ?? 0) > bytesMax) {
      this.fail(bodyExceeds(bytesMax));
      return;
    }
    this.#contentType = String(headers["content-type"] ?? "");
    this.#openBody(String(headers["content-encoding"] ?? "identity").trim().toLowerCase());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.#body?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(failureReason(error), this.#stage === "headers" && connectionBroke(error));
  }

  /** Ends the exchange with a reason, unless it has ended. */
  fail(reason: string, unanswered = false): void {
    this.#settle({ ok: false, reason, status: this.#status, unanswered });
  }

  #openBody(encoding: string): void {
    const handlers = {
      done: (body: Uint8Array) => this.#settle({ ok: true, body, contentType: this.#contentType }),
      fail: (reason: string) => this.fail(reason),
      drain: () => this.#controller?.resume(),
    };
    const { bodyBytesMax } = this.#options;
    if (encoding === "identity" || encoding === "") this.#body = plainBody(bodyBytesMax, handlers);
    else if (encoding === "gzip") this.#body = gzipBody(bodyBytesMax, handlers);
    else this.fail(`content encoding "${encoding.slice(0, 50)}" is not supported`);
  }

  #settle(outcome: FetchOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelDeadline();
    if (!outcome.ok) {
      this.#body?.destroy();
      this.#controller?.abort(new Error(outcome.reason));
    }
    this.#options.settled(outcome);
  }
}

function connectionBroke(error: Error): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(errorCode(error));
}

const reasonsByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the target",
  EPIPE: "connection reset by the target",
  UND_ERR_SOCKET: "connection closed before the response was complete",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host name cannot be resolved now",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "no route to network",
  ETIMEDOUT: "connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "connection timed out",
  UND_ERR_HEADERS_OVERFLOW: "response headers are too large",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "body is not as long as its Content-Length",
};

function failureReason(error: Error): string {
  const known = reasonsByCode[errorCode(error)];
  if (known !== undefined) return known;
  return error.name === "HTTPParserError" ? `not an HTTP response: ${error.message}` : error.message;
}
