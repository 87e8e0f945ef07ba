import { Client, type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { causeMessageOf, UserError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { Deadline } from "../../core/runtime/deadline.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";
import type { ApiAccess } from "./access.ts";
import { ApiError } from "./api_error.ts";

export interface ApiClientOptions {
  readonly access: ApiAccess;
  readonly clock: Clock;
  /** Of every request, such as `BCS-ClusterID`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The header that carries a token; `Authorization: Bearer` by default. */
  readonly tokenHeader?: (token: string) => Readonly<Record<string, string>>;
  /** For one request, from connecting to the end of the answer; 15 s by default. */
  readonly timeoutMs?: number;
  /** Longest answer; 128 MiB by default. */
  readonly answerBytesMax?: number;
  /** Called for each request, and with the kind of its failure, but not when a thing was asked for that is not there. */
  onRequest?(): void;
  onFailure?(kind: OrchestratorErrorKind): void;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the server's base, such as `/api/v1/pods`; its names are encoded already. */
  readonly path: string;
  /** In pairs a name may come more than once. */
  readonly query?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: unknown;
  /** `application/json` by default, as is `accept`. */
  readonly contentType?: string;
  readonly accept?: string;
}

export interface ApiStream extends ApiRequest {
  /** How long it may bring nothing before it counts as dead. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once the server has agreed to it, before the first bytes. */
  onOpen?(): void;
}

const connectionsMax = 8;
const timeoutMsDefault = 15_000;
const answerBytesMaxDefault = 128 * 1024 * 1024;

/** Longer pauses that a server asks for are cut. */
const retryAfterMsMax = 300_000;
/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

const refusal = z.looseObject({ message: z.string().min(1) });

const asBearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Speaks HTTP with the API of a cluster; each request has a deadline, and each answer a limit. */
export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #pool: Pool;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    this.#bytesMax = options.answerBytesMax ?? answerBytesMaxDefault;
    const base = new URL(options.access.server);
    this.#origin = base.origin;
    this.#basePath = base.pathname.replace(/\/+$/, "");
    this.#pool = new Pool(this.#origin, { ...this.#settings(), connections: connectionsMax });
  }

  /**
   * The answer as JSON; undefined where it has no body. Asks twice when the first answer is that the token is not valid
   * (any more).
   * @throws ApiError
   */
  async request(request: ApiRequest): Promise<unknown> {
    try {
      return await this.#ask(request);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.#options.access.token.refused();
      return await this.#ask(request);
    }
  }

  /**
   * What `read` makes of the bytes of an answer that goes on, until the server or the signal ends it.
   * @throws ApiError also for what `read` throws.
   */
  async *stream<Item>(stream: ApiStream, read: (chunk: Uint8Array) => Iterable<Item>): AsyncGenerator<Item> {
    const client = new Client(this.#origin, this.#settings());
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const answer = await this.#send(client, stream, AbortSignal.any([stream.signal, deadline.signal]));
      if (answer.statusCode !== 200) throw await this.#refusalOf(answer);
      stream.onOpen?.();
      deadline.restart(stream.silenceMs);
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        deadline.restart(stream.silenceMs);
        yield* read(chunk);
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#options.access.token.refused();
      throw this.#asApiError(error, deadline);
    } finally {
      deadline.cancel();
      await client.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(request: ApiRequest): Promise<unknown> {
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const answer = await this.#send(this.#pool, request, deadline.signal);
      if (answer.statusCode >= 300) throw await this.#refusalOf(answer);
      const text = await this.#readCapped(answer.body);
      return text.trim() === "" ? undefined : parsedAnswer(text);
    } catch (error) {
      throw this.#asApiError(error, deadline);
    } finally {
      deadline.cancel();
    }
  }

  async #send(to: Dispatcher, request: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, query = [], body, contentType = "application/json", accept = "application/json" } = request;
    const { access, headers, tokenHeader = asBearer } = this.#options;
    this.#options.onRequest?.();
    const token = await access.token.current();
    const pairs = Symbol.iterator in query ? query : Object.entries(query);
    const search = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString();
    return await to.request({
      method,
      path: `${this.#basePath}${path}${search === "" ? "" : `?${search}`}`,
      headers: {
        accept,
        "user-agent": "bcs-metric",
        ...headers,
        ...(token === "" ? {} : tokenHeader(token)),
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
  }

  /** undici's own timeouts are coarse, and each covers a part only: the clock measures ours. */
  #settings() {
    const { ca, cert, key, serverName, insecureSkipVerify } = this.#options.access;
    const connect = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(insecureSkipVerify === true ? { rejectUnauthorized: false } : {}),
      timeout: this.#timeoutMs + connectGraceMs,
    };
    return { allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect };
  }

  async #refusalOf({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<ApiError> {
    const text = await this.#readCapped(body);
    const said = refusal.safeParse(parseJson(text));
    const message = said.success ? said.data.message : JSON.stringify(text.slice(0, 200));
    return new ApiError(`HTTP ${status}: ${message}`, { status, retryAfterMs: retryAfterMsOf(headers["retry-after"]) });
  }

  async #readCapped(body: AsyncIterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (bytes > this.#bytesMax) throw new ApiError(`the answer exceeds ${this.#bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #asApiError(error: unknown, deadline: Deadline): ApiError {
    const failure = error instanceof ApiError ? error : this.#unanswered(error, deadline);
    if (!failure.isMissing) this.#options.onFailure?.(failure.kind);
    return failure;
  }

  #unanswered(error: unknown, deadline: Deadline): ApiError {
    if (deadline.passed) {
      return new ApiError(`${this.#origin}: nothing came within ${deadline.ms} ms`, { cause: error });
    }
    const message = error instanceof UserError ? error.message : `${this.#origin}: ${describe(error)}`;
    return new ApiError(message, { cause: error });
  }
}

/** @throws ApiError when the text is no JSON. */
export function parsedAnswer(text: string): unknown {
  const value = parseJson(text);
  if (value === undefined) throw new ApiError(`the answer is no JSON: ${JSON.stringify(text.slice(0, 100))}`);
  return value;
}

/** Seconds, as API servers say it; null for anything else. */
function retryAfterMsOf(header: string | string[] | undefined): number | null {
  const seconds = typeof header === "string" && /^\d{1,6}$/.test(header) ? Number(header) : null;
  return seconds === null ? null : Math.min(seconds * 1000, retryAfterMsMax);
}

/** Several attempts to connect have their reasons in `errors` only. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join("; ");
  return causeMessageOf(error);
}
