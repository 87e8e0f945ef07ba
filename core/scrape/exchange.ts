import type { Dispatcher } from "undici";
import type { Clock } from "../runtime/env.ts";
import type { Refusal } from "./access.ts";
import { DeniedAddressError } from "./address_rules.ts";
import { bodyExceeds, type BodyReader, gzipBody, plainBody, zstdBody } from "./body.ts";
import { codingReason, connectionBroke, failureReason, statusReason } from "./reasons.ts";
import { isRedirect } from "./redirect.ts";

export type FetchOutcome =
  | {
    readonly ok: true;
    /** Decompressed. */
    readonly body: Uint8Array;
    /**
     * There when the body lies in lent memory: gives it back, so that nobody may look at the body any more. To be
     * called once, and soon.
     */
    readonly release?: () => void;
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
    /** There when the request was not made at all. */
    readonly refused?: Refusal;
    /** Where the target redirects to; there only when redirects are followed. */
    readonly location?: string;
  };

type Stage = "connect" | "headers" | "body";

export interface ExchangeOptions {
  readonly clock: Clock;
  /** Until the deadline. */
  readonly remainingMs: number;
  /** The whole timeout, for the reason. */
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** The target as its metric names it, for reasons. */
  readonly address: string;
  readonly followRedirects: boolean;
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
      this.#answered(status, headers["location"]);
      return;
    }
    if (Number(headers["content-length"] ?? 0) > this.#options.bodyBytesMax) {
      this.#exceeded();
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
    if (error instanceof DeniedAddressError) this.#failWith(error.message, { refused: "address" });
    else this.fail(failureReason(error), this.#stage === "headers" && connectionBroke(error));
  }

  /** Ends the exchange with a reason, unless it has ended. */
  fail(reason: string, unanswered = false): void {
    this.#settle({ ok: false, reason, status: this.#status, unanswered });
  }

  #failWith(reason: string, more: { readonly refused?: Refusal; readonly location?: string }): void {
    this.#settle({ ok: false, reason, status: this.#status, unanswered: false, ...more });
  }

  /** Any status but 200 is a failure, unless it says where to go on. */
  #answered(status: number, location: string | string[] | undefined): void {
    if (!isRedirect(status) || !this.#options.followRedirects) this.fail(statusReason(status));
    else if (typeof location !== "string") this.fail(`HTTP ${status} without a location`);
    else this.#failWith(`HTTP ${status}`, { location });
  }

  #exceeded(): void {
    this.fail(bodyExceeds(this.#options.bodyBytesMax, this.#options.address));
  }

  #openBody(encoding: string): void {
    const handlers = {
      done: (body: Uint8Array) => this.#settle({ ok: true, body, contentType: this.#contentType }),
      exceeded: () => this.#exceeded(),
      fail: (reason: string) => this.fail(reason),
      drain: () => this.#controller?.resume(),
    };
    const { bodyBytesMax } = this.#options;
    if (encoding === "identity" || encoding === "") this.#body = plainBody(bodyBytesMax, handlers);
    else if (encoding === "gzip") this.#body = gzipBody(bodyBytesMax, handlers);
    else if (encoding === "zstd") this.#body = zstdBody(bodyBytesMax, handlers);
    else this.fail(codingReason(encoding));
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
