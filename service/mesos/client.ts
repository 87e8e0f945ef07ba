import { Client, type Dispatcher, Pool } from "undici";
import { causeMessageOf, UserError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { Deadline } from "../../core/runtime/deadline.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { TokenSource } from "../kubernetes/access.ts";
import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";
import { MesosError } from "./mesos_error.ts";

/** How an API of BCS or Marathon is reached, and as whom. */
export interface MesosAccess {
  /** Base of all paths, without a slash at its end. */
  readonly server: string;
  /** PEM of who may have signed its certificate; undefined for those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** "" for none. */
  readonly token: TokenSource;
}

export interface MesosClientOptions {
  readonly access: MesosAccess;
  readonly clock: Clock;
  /** Of every request, such as `BCS-ClusterID`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The header that carries a token. */
  readonly tokenHeader: (token: string) => Readonly<Record<string, string>>;
  /** For one request, from connecting to the end of the answer; 15 s by default. */
  readonly timeoutMs?: number;
  /** Longest answer; 128 MiB by default. */
  readonly answerBytesMax?: number;
  /** Called for each request, and with the kind of its failure, but not when a thing was asked for that is not there. */
  onRequest?(): void;
  onFailure?(kind: OrchestratorErrorKind): void;
}

export interface MesosRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the base; its names are encoded already. */
  readonly path: string;
  /** A name may come more than once. */
  readonly query?: readonly (readonly [string, string])[];
  readonly body?: unknown;
  readonly accept?: string;
}

export interface MesosStream extends MesosRequest {
  /** How long it may bring nothing before it counts as dead. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once the server has agreed to it, before the first bytes. */
  onOpen?(): void;
}

const connectionsMax = 8;
const timeoutMsDefault = 15_000;
const answerBytesMaxDefault = 128 * 1024 * 1024;
/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

/** Speaks HTTP with BCS or Marathon; each request has a deadline, and each answer a limit. */
export class MesosClient {
  readonly #options: MesosClientOptions;
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #pool: Pool;

  constructor(options: MesosClientOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    this.#bytesMax = options.answerBytesMax ?? answerBytesMaxDefault;
    const base = new URL(options.access.server);
    this.#origin = base.origin;
    this.#basePath = base.pathname.replace(/\/+$/, "");
    this.#pool = new Pool(this.#origin, { ...this.#settings(), connections: connectionsMax });
  }

  /**
   * The answer as JSON; undefined where it has no body. Asks twice when the first answer is that the token is not valid.
   * @throws MesosError
   */
  async request(request: MesosRequest): Promise<unknown> {
    try {
      return await this.#ask(request);
    } catch (error) {
      if (!(error instanceof MesosError) || error.status !== 401) throw error;
      this.#options.access.token.refused();
      return await this.#ask(request);
    }
  }

  /**
   * The bytes of an answer that goes on, until the server or the signal ends it.
   * @throws MesosError
   */
  async *stream(stream: MesosStream): AsyncGenerator<Uint8Array> {
    const client = new Client(this.#origin, this.#settings());
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const answer = await this.#send(client, stream, AbortSignal.any([stream.signal, deadline.signal]));
      if (answer.statusCode !== 200) throw await this.#refusalOf(answer);
      stream.onOpen?.();
      deadline.restart(stream.silenceMs);
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        deadline.restart(stream.silenceMs);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof MesosError && error.status === 401) this.#options.access.token.refused();
      throw this.#asMesosError(error, deadline);
    } finally {
      deadline.cancel();
      await client.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(request: MesosRequest): Promise<unknown> {
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const answer = await this.#send(this.#pool, request, deadline.signal);
      if (answer.statusCode >= 300) throw await this.#refusalOf(answer);
      const text = await this.#readCapped(answer.body);
      const value = text.trim() === "" ? null : parseJson(text);
      if (value === undefined) throw new MesosError(`the answer is no JSON: ${JSON.stringify(text.slice(0, 100))}`);
      return value ?? undefined;
    } catch (error) {
      throw this.#asMesosError(error, deadline);
    } finally {
      deadline.cancel();
    }
  }

  async #send(to: Dispatcher, request: MesosRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, query = [], body, accept = "application/json" } = request;
    const { access, headers, tokenHeader } = this.#options;
    this.#options.onRequest?.();
    const token = await access.token.current();
    const search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString();
    return await to.request({
      method,
      path: `${this.#basePath}${path}${search === "" ? "" : `?${search}`}`,
      headers: {
        accept,
        "user-agent": "bcs-metric",
        ...headers,
        ...(token === "" ? {} : tokenHeader(token)),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
  }

  /** undici's own timeouts are coarse, and each covers a part only: the clock measures ours. */
  #settings() {
    const { ca } = this.#options.access;
    const connect = { ...(ca === undefined ? {} : { ca }), timeout: this.#timeoutMs + connectGraceMs };
    return { allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect };
  }

  async #refusalOf({ statusCode: status, body }: Dispatcher.ResponseData): Promise<MesosError> {
    const text = await this.#readCapped(body);
    const said = parseJson(text);
    const message = typeof said === "object" && said !== null && "message" in said && typeof said.message === "string"
      ? said.message
      : JSON.stringify(text.slice(0, 200));
    return new MesosError(`HTTP ${status}: ${message}`, { status });
  }

  async #readCapped(body: AsyncIterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (bytes > this.#bytesMax) throw new MesosError(`the answer exceeds ${this.#bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #asMesosError(error: unknown, deadline: Deadline): MesosError {
    const failure = error instanceof MesosError ? error : this.#unanswered(error, deadline);
    if (!failure.isMissing) this.#options.onFailure?.(failure.kind);
    return failure;
  }

  #unanswered(error: unknown, deadline: Deadline): MesosError {
    if (deadline.passed) {
      return new MesosError(`${this.#origin}: nothing came within ${deadline.ms} ms`, { cause: error });
    }
    const message = error instanceof UserError ? error.message : `${this.#origin}: ${describe(error)}`;
    return new MesosError(message, { cause: error });
  }
}

/** Several attempts to connect have their reasons in `errors` only. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join("; ");
  return causeMessageOf(error);
}
