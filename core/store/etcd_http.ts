import { Client, type Dispatcher, Pool } from "undici";
import { errorCode } from "../errors.ts";
import { Deadline } from "../runtime/deadline.ts";
import type { Clock, SocketAddress } from "../runtime/env.ts";
import { formatAddress } from "../runtime/system_net.ts";
import { LineBuffer, LineTooLongError } from "./etcd_lines.ts";
import { grpcCode, refusal } from "./etcd_messages.ts";

export interface EtcdHttpOptions {
  /** At least one; the first is tried first. */
  readonly endpoints: readonly SocketAddress[];
  readonly clock: Clock;
  /** For one request to one endpoint, from connecting to the end of the answer; 5 s by default. */
  readonly timeoutMs?: number;
}

/** etcd did not do what was asked of it. */
export class EtcdError extends Error {
  override name = "EtcdError";
  /** gRPC's code of etcd's own answer; null when there was no such answer. */
  readonly code: number | null;

  constructor(message: string, details: { code?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.code = details.code ?? null;
  }

  /** The request never left us. */
  get isUnsent(): boolean {
    return this.code === null && unsentCodes.has(errorCode(this.cause));
  }

  /** The connection broke off, as one does that was kept from earlier requests when its other end has gone. */
  get isBrokenOff(): boolean {
    return this.code === null && brokenCodes.has(errorCode(this.cause));
  }

  /** Whether another endpoint, or the same one later, may answer otherwise. */
  get isTransient(): boolean {
    return this.code === null || this.code === grpcCode.unavailable || this.code === grpcCode.deadlineExceeded;
  }
}

/** The answer is longer than we read: ask for less. */
export class EtcdAnswerTooLongError extends EtcdError {
  override name = "EtcdAnswerTooLongError";
}

/** Holds the largest entry as base64 (22.4 MiB), with room for what is around it. */
const answerBytesMax = 32 * 1024 * 1024;

const connectionsMax = 8;
const timeoutMsDefault = 5000;

/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

/** A member that has lost its leader is to say so, instead of serving what may be long out of date. */
const headers = { "content-type": "application/json", "grpc-metadata-hasleader": "true" };

interface Endpoint {
  readonly name: string;
  readonly origin: string;
  readonly pool: Pool;
}

/** Posts JSON to the gateways of an etcd's endpoints, to one after the other when one does not answer. */
export class EtcdHttp {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #preferred = 0;

  constructor(options: EtcdHttpOptions) {
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    const settings = this.#settings();
    this.#endpoints = options.endpoints.map((address) => {
      const name = formatAddress(address);
      const origin = `http://${name}`;
      return { name, origin, pool: new Pool(origin, { ...settings, connections: connectionsMax }) };
    });
  }

  /** `host:port` of the endpoint that is asked first now. */
  get preferred(): string {
    return this.#endpoint().name;
  }

  /** Makes another endpoint the preferred one. */
  avoid(): void {
    this.#preferred = (this.#preferred + 1) % this.#endpoints.length;
  }

  /**
   * Asks until one endpoint answers, each once, or twice if the connection broke off. A request that is not
   * `repeatable` goes on to another endpoint only when it certainly has not reached the one before.
   * @throws EtcdError with etcd's own refusal, or with the reason why the last endpoint did not answer.
   */
  async call(path: string, body: object, repeatable: boolean): Promise<unknown> {
    let failure: EtcdError | null = null;
    const brokenOff = new Set<Endpoint>();
    for (let asked = 0; asked < this.#endpoints.length;) {
      const endpoint = this.#endpoint();
      try {
        return await this.#post(endpoint, path, body);
      } catch (error) {
        if (!(error instanceof EtcdError) || !error.isTransient || error instanceof EtcdAnswerTooLongError) throw error;
        failure = error;
        if (repeatable && error.isBrokenOff && !brokenOff.has(endpoint)) {
          brokenOff.add(endpoint);
          continue;
        }
        asked++;
        // Others may have moved on from this endpoint meanwhile.
        if (this.#endpoint() === endpoint) this.avoid();
        if (!repeatable && !error.isUnsent) break;
      }
    }
    throw failure ?? new EtcdError("Cannot ask etcd: no endpoint is known");
  }

  /**
   * The lines of a streamed answer of the preferred endpoint, over a connection of its own. It ends when the answer
   * does, and when nothing came for `silenceMs`.
   * @throws EtcdError when there is no answer, it breaks off, or the signal is aborted; LineTooLongError.
   */
  async *stream(path: string, body: object, silenceMs: number, signal: AbortSignal): AsyncGenerator<string> {
    const endpoint = this.#endpoint();
    const client = new Client(endpoint.origin, this.#settings());
    const deadline = new Deadline(this.#clock, this.#timeoutMs);
    try {
      const answer = await request(client, path, body, AbortSignal.any([signal, deadline.signal]));
      if (answer.statusCode !== 200) throw refusalOf(answer.statusCode, await readCapped(answer.body));
      const lines = new LineBuffer(answerBytesMax);
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        deadline.restart(silenceMs);
        yield* lines.push(chunk);
      }
    } catch (error) {
      if (error instanceof EtcdError || error instanceof LineTooLongError) throw error;
      throw unanswered(endpoint.name, deadline.passed ? `nothing came for ${deadline.ms} ms` : describe(error), error);
    } finally {
      deadline.cancel();
      await client.destroy();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#endpoints.map(({ pool }) => pool.destroy()));
  }

  #endpoint(): Endpoint {
    const endpoint = this.#endpoints[this.#preferred];
    if (endpoint === undefined) throw new EtcdError("Cannot ask etcd: no endpoint is known");
    return endpoint;
  }

  /** undici's own timeouts are coarse, and each covers a part only: the clock measures ours. */
  #settings() {
    const connectTimeout = this.#timeoutMs + connectGraceMs;
    return { allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout };
  }

  async #post(endpoint: Endpoint, path: string, body: object): Promise<unknown> {
    const deadline = new Deadline(this.#clock, this.#timeoutMs);
    try {
      const answer = await request(endpoint.pool, path, body, deadline.signal);
      const text = await readCapped(answer.body);
      if (answer.statusCode !== 200) throw refusalOf(answer.statusCode, text);
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof EtcdError) throw error;
      const why = deadline.passed ? `no answer within ${this.#timeoutMs} ms` : describe(error);
      throw unanswered(endpoint.name, why, error);
    } finally {
      deadline.cancel();
    }
  }
}

function request(to: Dispatcher, path: string, body: object, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  return to.request({ path, method: "POST", headers, body: JSON.stringify(body), signal });
}

async function readCapped(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (bytes > answerBytesMax) throw new EtcdAnswerTooLongError(`etcd's answer exceeds ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusalOf(status: number, text: string): EtcdError {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new EtcdError(
      `HTTP ${status} ${JSON.stringify(text.slice(0, 100))}: is it an etcd of version 3.4 or newer?`,
    );
  }
  const parsed = refusal.safeParse(value);
  if (!parsed.success) return new EtcdError(`HTTP ${status} without a reason`);
  return new EtcdError(parsed.data.message, { code: parsed.data.code });
}

const unsentCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const brokenCodes = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

function unanswered(endpoint: string, why: string, cause: unknown): EtcdError {
  return new EtcdError(`${endpoint}: ${why}`, { cause });
}

/** Some of the runtimes' network errors have their reason only in `cause`, or several of them in `errors`. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join("; ");
  if (!(error instanceof Error)) return String(error);
  return error.message === "" && error.cause !== undefined ? describe(error.cause) : error.message;
}
