import type { Clock } from "../../runtime/env.ts";
import { DeniedAddressError } from "../address_rules.ts";
import { bodyExceeds } from "../body.ts";
import type { FetchOutcome } from "../exchange.ts";
import { codingReason, connectionBroke, failureReason, statusReason } from "../reasons.ts";
import type { BodyMemory, LentBody } from "./body_memory.ts";
import { type Coding, decodeBody } from "./decode.ts";
import type { ResponseHead } from "./head.ts";
import { type PlainSocket, sharedRoom, type SocketUser } from "./plain_socket.ts";
import { ResponseError } from "./response_error.ts";
import { ResponseReader } from "./response_reader.ts";

type Stage = "connect" | "headers" | "body";

/**
 * Is told of a body while it comes: `body` is what is there of it, valid during the call, and its beginning does not
 * change any more. Bodies that are compressed come whole.
 */
export type BodyListener = (body: Uint8Array) => void;

export interface PlainExchangeOptions {
  readonly clock: Clock;
  readonly remainingMs: number;
  /** The whole timeout, for the reason. */
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** The target as its metric names it, for reasons. */
  readonly address: string;
  readonly request: Uint8Array;
  readonly memory: BodyMemory;
  /** About how long the body will be, before and after it is decoded. */
  readonly bytesExpected: BodySizes;
  readonly onBody: BodyListener | null;
  /** @param kept How long the connection may be used again; 0 when it is closed. */
  readonly settled: (outcome: FetchOutcome, kept: number, sizes: BodySizes) => void;
}

export interface BodySizes {
  readonly sent: number;
  readonly decoded: number;
}

/** A room is enlarged when less than so much of it is left. */
const roomLeftMin = 4 * 1024;
/** What framing may take of the room, beyond the largest body: more than one read of it brings. */
const framingBytes = 80 * 1024;
/** Room beyond what is expected of a body without announced length. */
const spareBytes = 16 * 1024;
/** First room of a body that announces more than the last one had. */
const firstRoomBytes = 256 * 1024;

/**
 * Room beyond a body of announced length: a read that does not fill its room is known to be the last one, which saves
 * asking for another; and what a target sends too much shows up.
 */
const unwantedBytes = 16;

/** One request and its response over a connection. Settles exactly once, as the exchange by undici does. */
export class PlainExchange implements SocketUser {
  readonly #options: PlainExchangeOptions;
  readonly #reader = new ResponseReader();
  readonly #cancelDeadline: () => void;
  #stage: Stage = "connect";
  #socket: PlainSocket | null = null;
  #lent: LentBody | null = null;
  #coding: Coding | null = null;
  #hasReceived = false;
  #isSettled = false;
  #stopDecoding = () => {};

  constructor(options: PlainExchangeOptions) {
    this.#options = options;
    this.#cancelDeadline = options.clock.after(
      Math.max(0, options.remainingMs),
      () => this.fail(`timeout after ${options.timeoutMs / 1000} s (${this.#stage})`),
    );
  }

  /** Begins; a connection that is being made says `connected` itself. */
  start(socket: PlainSocket, isConnected: boolean): void {
    this.#socket = socket;
    if (isConnected) this.connected();
  }

  connected(): void {
    this.#stage = "headers";
    this.#socket?.write(this.#options.request);
  }

  room(): Uint8Array {
    const lent = this.#lent;
    if (this.#stage !== "body" || lent === null) return sharedRoom;
    const { bodyBytes } = this.#reader;
    const most = this.#roomBytesMax();
    if (lent.bytes.length - bodyBytes < Math.min(roomLeftMin, most - bodyBytes)) {
      this.#grow(lent, bodyBytes + roomLeftMin);
    }
    return lent.bytes.subarray(bodyBytes, most);
  }

  took(bytes: Uint8Array, count: number): void {
    this.#hasReceived = true;
    try {
      const taken = this.#read(bytes, count);
      if (this.#isSettled) return;
      if (this.#reader.isDone) this.#complete(taken === count);
      else if (this.#coding === null) this.#tell();
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      this.fail(error.message);
    }
  }

  ended(error: Error | null): void {
    if (error instanceof DeniedAddressError) {
      this.#settle({ ok: false, reason: error.message, status: 0, unanswered: false, refused: "address" }, 0);
      return;
    }
    const unanswered = this.#stage === "headers" && !this.#hasReceived && (error === null || connectionBroke(error));
    if (error !== null) {
      this.fail(failureReason(error), unanswered);
      return;
    }
    try {
      this.#reader.end();
      this.#complete(false);
    } catch (problem) {
      if (!(problem instanceof ResponseError)) throw problem;
      this.fail(problem.message, unanswered);
    }
  }

  /** Ends the exchange with a reason, unless it has ended. */
  fail(reason: string, unanswered = false): void {
    this.#settle({ ok: false, reason, status: this.#reader.head?.status ?? 0, unanswered }, 0);
  }

  /** Returns how many of the bytes belong to the response. */
  #read(bytes: Uint8Array, count: number): number {
    const reader = this.#reader;
    let at = 0;
    if (reader.head === null) {
      at = reader.pushHead(bytes, 0, count);
      if (reader.head === null) return at;
      this.#begin(reader.head);
    }
    if (this.#isSettled || at === count || reader.isDone || this.#lent === null) return at;
    const needed = Math.min(reader.bodyBytes + count - at, this.#roomBytesMax());
    if (this.#lent.bytes.length < needed) this.#grow(this.#lent, needed);
    at = reader.pushBody(bytes, at, count, this.#lent.bytes);
    if (reader.announcedBytes > this.#options.bodyBytesMax) this.#exceeded();
    return at;
  }

  /** The head is there. */
  #begin({ status, contentLength, contentEncoding }: ResponseHead): void {
    this.#stage = "body";
    const { bodyBytesMax, bytesExpected, memory } = this.#options;
    if (status !== 200) this.fail(statusReason(status));
    else if ((contentLength ?? 0) > bodyBytesMax) this.#exceeded();
    else if (contentEncoding === "gzip" || contentEncoding === "zstd") this.#coding = contentEncoding;
    else if (contentEncoding !== "" && contentEncoding !== "identity") this.fail(codingReason(contentEncoding));
    if (this.#isSettled) return;
    // What is announced has not come yet: a target gets little memory for an announcement alone.
    const usualBytes = Math.max(firstRoomBytes, 2 * bytesExpected.sent);
    this.#lent = memory.lend(
      contentLength === null
        ? bytesExpected.sent + (bytesExpected.sent >> 3) + spareBytes
        : Math.min(contentLength + unwantedBytes, usualBytes),
    );
  }

  /** The largest room that the body may need. */
  #roomBytesMax(): number {
    const length = this.#reader.head?.contentLength ?? null;
    return length === null ? this.#options.bodyBytesMax + framingBytes : length + unwantedBytes;
  }

  /** Room grows by doubling, as far as the body may go. */
  #grow(lent: LentBody, bytesMin: number): void {
    lent.grow(Math.max(bytesMin, Math.min(2 * lent.bytes.length, this.#roomBytesMax())));
  }

  #tell(): void {
    const { onBody } = this.#options;
    if (onBody !== null && this.#lent !== null) onBody(this.#lent.bytes.subarray(0, this.#reader.bodyBytes));
  }

  /** @param isExact whether nothing came behind the response. */
  #complete(isExact: boolean): void {
    const { head, bodyBytes } = this.#reader;
    const lent = this.#lent;
    if (head === null || lent === null) throw new Error("a response is complete without a head");
    const kept = isExact && head.keepAlive && (head.chunked || head.contentLength !== null)
      ? head.keepAliveMs ?? Infinity
      : 0;
    this.#leave(kept);
    const body = lent.bytes.subarray(0, bodyBytes);
    if (this.#coding === null) {
      this.#lent = null;
      this.#settle({ ok: true, body, contentType: head.contentType, release: () => lent.release() }, kept);
      return;
    }
    const { bodyBytesMax, bytesExpected, memory } = this.#options;
    this.#stopDecoding = decodeBody(this.#coding, body, bodyBytesMax, bytesExpected.decoded, memory, {
      done: (decodedBytes, decoded) => this.#decoded(decodedBytes, decoded, head.contentType, kept),
      exceeded: () => this.#exceeded(),
      fail: (reason) => this.fail(reason),
    });
  }

  /** Whoever reads bodies finds them all in its own memory. */
  #decoded(bodyBytes: number, lent: LentBody, contentType: string, kept: number): void {
    const coded = this.#lent;
    this.#lent = null;
    coded?.release();
    const body = lent.bytes.subarray(0, bodyBytes);
    this.#settle({ ok: true, body, contentType, release: () => lent.release() }, kept);
  }

  #exceeded(): void {
    this.fail(bodyExceeds(this.#options.bodyBytesMax, this.#options.address));
  }

  /** Is done with the connection, which another exchange may use or nobody. */
  #leave(kept: number): void {
    if (kept > 0) this.#socket?.use(null);
    else this.#socket?.destroy();
    this.#socket = null;
  }

  #settle(outcome: FetchOutcome, kept: number): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#cancelDeadline();
    this.#stopDecoding();
    const lent = this.#lent;
    this.#lent = null;
    // Until it is closed, the system may still be reading into the room.
    if (this.#socket === null) lent?.release();
    else this.#socket.destroy(() => lent?.release());
    const decoded = outcome.ok ? outcome.body.length : 0;
    this.#options.settled(outcome, kept, { sent: this.#reader.bodyBytes, decoded });
  }
}
