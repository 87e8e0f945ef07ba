import { Agent, Client } from "undici";
import { messageOf } from "../../core/errors.ts";
import type { Clock } from "../../core/runtime/env.ts";

export interface HttpRequest {
  /** Base of the service, such as `http://10.0.0.1:7070`. */
  readonly url: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** JSON; absent for none. */
  readonly body?: string;
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export interface StreamHandlers {
  opened(): void;
  /** Valid only during the call. */
  data(bytes: Uint8Array): void;
  /** Called exactly once, unless the stream was closed from here. */
  ended(reason: string): void;
}

/** HTTP to services, as the client needs it. */
export interface ServiceTransport {
  /** Rejects when there is no whole answer in time; any status is an answer. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Opens a stream, which ends when it is closed or breaks. */
  stream(url: string, path: string, headers: Readonly<Record<string, string>>, handlers: StreamHandlers): () => void;
  close(): Promise<void>;
}

/** Largest answer to a request; a list of services or exporters is far smaller. */
const answerBytesMax = 1024 * 1024;

/** How much of a refusal's text is told. */
const refusalCharactersMax = 300;

/**
 * Redirects are not followed, and answers are asked for unencoded. `token` is sent as a bearer token unless ""; a
 * function is asked for each request.
 */
export function makeTransport(
  { clock, token }: { readonly clock: Clock; readonly token: string | (() => string) },
): ServiceTransport {
  const agent = new Agent({ allowH2: false, connections: 2, pipelining: 1, connectTimeout: 5000 });
  const common = () => {
    const current = typeof token === "string" ? token : token();
    return current === "" ? {} : { authorization: `Bearer ${current}` };
  };
  return {
    async request({ url, method, path, body, timeoutMs }) {
      const base = new URL(url);
      const abort = new AbortController();
      const cancel = clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
      try {
        const answer = await agent.request({
          origin: base.origin,
          path: pathBelow(base, path),
          method,
          headers: { ...common(), ...body === undefined ? {} : { "content-type": "application/json" } },
          body: body ?? null,
          signal: abort.signal,
        });
        return { status: answer.statusCode, text: await bounded(answer.body, answerBytesMax) };
      } finally {
        cancel();
      }
    },
    stream: (url, path, headers, handlers) => openStream(new URL(url), path, { ...common(), ...headers }, handlers),
    close: () => agent.destroy(),
  };
}

/**
 * A stream over a connection of its own, which is destroyed with it. Whether the other side still lives is for the
 * caller to judge, by the bytes that come.
 */
function openStream(
  base: URL,
  path: string,
  headers: Readonly<Record<string, string>>,
  handlers: StreamHandlers,
): () => void {
  const client = new Client(base.origin, {
    allowH2: false,
    pipelining: 1,
    connectTimeout: 5000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  let closed = false;
  const close = () => {
    closed = true;
    // Rejections concern the one request, which nobody waits for any more.
    client.destroy().catch(() => null);
  };
  const follow = async () => {
    const answer = await client.request({
      path: pathBelow(base, path),
      method: "GET",
      headers: { accept: "text/event-stream", ...headers },
    });
    if (answer.statusCode !== 200) {
      const text = await bounded(answer.body, answerBytesMax);
      return `HTTP ${answer.statusCode}${refusalIn(text)}`;
    }
    if (!closed) handlers.opened();
    for await (const bytes of answer.body as AsyncIterable<Uint8Array>) {
      if (closed) break;
      handlers.data(bytes);
    }
    return "the stream ended";
  };
  void follow().catch((error: unknown) => messageOf(error)).then((reason) => {
    if (closed) return;
    close();
    handlers.ended(reason);
  });
  return close;
}

async function bounded(body: AsyncIterable<unknown>, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop destroys the body and its connection.
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function pathBelow(base: URL, path: string): string {
  return base.pathname.replace(/\/$/, "") + path;
}

/** What a refusal (problem+json, or anything else) says of itself. */
function refusalIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const detail = typeof value === "object" && value !== null && "detail" in value ? value.detail : null;
    if (typeof detail === "string") return `: ${detail.slice(0, refusalCharactersMax)}`;
  } catch {
    return "";
  }
  return "";
}
