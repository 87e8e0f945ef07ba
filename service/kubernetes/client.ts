import { Client, type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { causeMessageOf, UserError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { Deadline } from "../../core/runtime/deadline.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { LineBuffer, LineTooLongError } from "../../core/store/etcd_lines.ts";
import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";
import type { KubeAccess } from "./access.ts";
import { KubeError } from "./kube_error.ts";

export interface KubeClientOptions {
  readonly access: KubeAccess;
  readonly clock: Clock;
  /** For one request, from connecting to the end of the answer; 15 s by default. */
  readonly timeoutMs?: number;
  /** Called for each request, and with the kind of its failure when it ended with one, but not when a thing was asked for that is not there. */
  onRequest?(): void;
  onFailure?(kind: OrchestratorErrorKind): void;
  /** Longest answer, and longest line of a watch; 64 MiB by default. */
  readonly answerBytesMax?: number;
}

export interface StreamOptions {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** How long it may bring nothing before it counts as dead. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once the server has agreed to it, before the first line. */
  onOpen?(): void;
}

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the server's base, such as `/api/v1/pods`; its names are encoded already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** `application/json` by default. */
  readonly contentType?: string;
}

const connectionsMax = 8;
const timeoutMsDefault = 15_000;
const answerBytesMaxDefault = 64 * 1024 * 1024;

/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

/** Longer pauses that a server asks for are cut. */
const retryAfterMsMax = 300_000;

const refusal = z.looseObject({ message: z.string().default(""), reason: z.string().optional() });

/** Speaks with one API server of Kubernetes, directly or through a tunnel of BCS. */
export class KubeClient {
  readonly #options: KubeClientOptions;
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #pool: Pool;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    this.#bytesMax = options.answerBytesMax ?? answerBytesMaxDefault;
    const base = new URL(options.access.server);
    this.#origin = base.origin;
    this.#basePath = base.pathname.replace(/\/+$/, "");
    this.#pool = new Pool(this.#origin, { ...this.#settings(), connections: connectionsMax });
  }

  /**
   * Asks once, or twice when the first answer is that the token is not valid (any more).
   * @throws KubeError
   */
  async request(request: KubeRequest): Promise<unknown> {
    try {
      return await this.#ask(request);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 401) throw error;
      this.#options.access.token.refused();
      return await this.#ask(request);
    }
  }

  /**
   * The lines of an answer that goes on, each parsed as JSON, until the server or the signal ends it.
   * @throws KubeError
   */
  async *stream(options: StreamOptions): AsyncGenerator {
    const { path, query, silenceMs, signal } = options;
    const client = new Client(this.#origin, this.#settings());
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const either = AbortSignal.any([signal, deadline.signal]);
      const answer = await this.#send(client, { method: "GET", path, query }, either);
      if (answer.statusCode !== 200) throw await this.#refusalOf(answer);
      options.onOpen?.();
      deadline.restart(silenceMs);
      const lines = new LineBuffer(this.#bytesMax);
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        deadline.restart(silenceMs);
        for (const line of lines.push(chunk)) yield parsed(line);
      }
    } catch (error) {
      if (error instanceof KubeError && error.status === 401) this.#options.access.token.refused();
      throw this.#asKubeError(error, deadline);
    } finally {
      deadline.cancel();
      await client.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(request: KubeRequest): Promise<unknown> {
    const deadline = new Deadline(this.#options.clock, this.#timeoutMs);
    try {
      const answer = await this.#send(this.#pool, request, deadline.signal);
      if (answer.statusCode >= 300) throw await this.#refusalOf(answer);
      return parsed(await this.#readCapped(answer.body));
    } catch (error) {
      throw this.#asKubeError(error, deadline);
    } finally {
      deadline.cancel();
    }
  }

  async #send(to: Dispatcher, request: KubeRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, query = {}, body, contentType = "application/json" } = request;
    this.#options.onRequest?.();
    const token = await this.#options.access.token.current();
    const search = new URLSearchParams(query).toString();
    return await to.request({
      method,
      path: `${this.#basePath}${path}${search === "" ? "" : `?${search}`}`,
      headers: {
        accept: "application/json",
        "user-agent": "bcs-metric",
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
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
      ...(insecureSkipVerify ? { rejectUnauthorized: false } : {}),
      timeout: this.#timeoutMs + connectGraceMs,
    };
    return { allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect };
  }

  async #refusalOf({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<KubeError> {
    const text = await this.#readCapped(body);
    const retryAfterMs = retryAfterMsOf(headers["retry-after"]);
    const said = refusal.safeParse(parseJson(text));
    const message = said.success && said.data.message !== "" ? said.data.message : JSON.stringify(text.slice(0, 200));
    return new KubeError(`HTTP ${status}: ${message}`, { status, retryAfterMs });
  }

  async #readCapped(body: AsyncIterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (bytes > this.#bytesMax) throw new KubeError(`the answer exceeds ${this.#bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #asKubeError(error: unknown, deadline: Deadline): KubeError {
    const failure = error instanceof KubeError ? error : this.#unanswered(error, deadline);
    if (!failure.isMissing) this.#options.onFailure?.(failure.kind);
    return failure;
  }

  #unanswered(error: unknown, deadline: Deadline): KubeError {
    if (deadline.passed) {
      return new KubeError(`${this.#origin}: nothing came within ${deadline.ms} ms`, { cause: error });
    }
    if (error instanceof LineTooLongError || error instanceof UserError) {
      return new KubeError(error.message, { cause: error });
    }
    return new KubeError(`${this.#origin}: ${describe(error)}`, { cause: error });
  }
}

function parsed(text: string): unknown {
  const value = parseJson(text);
  if (value === undefined) throw new KubeError(`the answer is no JSON: ${JSON.stringify(text.slice(0, 100))}`);
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
