import { Pool, ProxyAgent } from "undici";
import type { ClientTls, Clock } from "../../../core/runtime/env.ts";
import type { Answer } from "./answer.ts";

export interface HttpClientOptions {
  /** http or https, without user information. */
  readonly url: URL;
  /** Asked for every request; they may hold secrets. Rejects with a reason when they cannot be had. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  /** Null: the system's certificates. */
  readonly tls: ClientTls | null;
  /** An HTTP proxy, asked for a tunnel; null connects directly. */
  readonly proxy: URL | null;
  /** For a whole request: connecting, sending, and reading the answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface HttpRequest {
  readonly body: Uint8Array;
  /** Over those of the client. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpClient {
  /**
   * Posts one request. Redirects are not followed: they would carry the credentials elsewhere.
   * @throws RequestFailedError when there was no whole answer in time, or the signal was aborted.
   */
  post(request: HttpRequest, signal: AbortSignal): Promise<Answer>;
  /** From the next connection on; what runs on the present one ends there. */
  renewTls(tls: ClientTls): void;
  close(): Promise<void>;
}

/** The request got no answer; whether the destination has taken it is not known. */
export class RequestFailedError extends Error {
  override name = "RequestFailedError";
  /** A human has to mend it: a certificate that is not trusted, a secret that cannot be read. */
  readonly alarm: boolean;

  constructor(message: string, options: { readonly cause: unknown; readonly alarm: boolean }) {
    super(message, options);
    this.alarm = options.alarm;
  }
}

/** Bytes of an answer that are read; the connection of one that says more is given up. */
const answerBytesMax = 16 * 1024;

/** One connection, kept alive. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { url, timeoutMs, clock } = options;
  const path = url.pathname + url.search;
  const retired = new Set<Promise<void>>();
  let dispatcher = makeDispatcher(options, options.tls);

  async function exchange({ body, headers }: HttpRequest, signal: AbortSignal): Promise<Answer> {
    const own = await options.headers();
    const response = await dispatcher.request({
      origin: url.origin,
      method: "POST",
      path,
      headers: { ...own, ...headers },
      body,
      signal,
    });
    return {
      status: response.statusCode,
      headers: firstOfEach(response.headers),
      body: await readCapped(response.body),
    };
  }

  return {
    async post(request, signal) {
      // undici's own timeouts are coarse, and each covers a part only.
      const deadline = new AbortController();
      const cancel = clock.after(timeoutMs, () => deadline.abort());
      try {
        return await exchange(request, AbortSignal.any([signal, deadline.signal]));
      } catch (error) {
        const why = deadline.signal.aborted ? `no answer within ${timeoutMs} ms` : describe(error);
        const alarm = !deadline.signal.aborted && (error instanceof RangeError || isDistrust(error));
        throw new RequestFailedError(`Cannot send to "${url.origin}${url.pathname}": ${why}`, { cause: error, alarm });
      } finally {
        cancel();
      }
    },
    renewTls(tls) {
      const ending = dispatcher.close().finally(() => retired.delete(ending));
      retired.add(ending);
      dispatcher = makeDispatcher(options, tls);
    },
    async close() {
      await dispatcher.destroy();
      await Promise.all(retired);
    },
  };
}

function makeDispatcher({ url, proxy, timeoutMs }: HttpClientOptions, tls: ClientTls | null): Pool | ProxyAgent {
  const { ca, cert, key, serverName: servername } = tls ?? {};
  const secure = { minVersion: "TLSv1.2" as const, ...defined({ ca, cert, key, servername }) };
  const common = { connections: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  if (proxy !== null) return new ProxyAgent({ ...common, uri: proxy.href, proxyTunnel: true, requestTls: secure });
  return new Pool(url.origin, { ...common, connect: { timeout: timeoutMs, ...secure } });
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

function firstOfEach(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const first = typeof value === "string" ? value : value?.[0];
    if (first !== undefined) found[name.toLowerCase()] = first;
  }
  return found;
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
  return Buffer.concat(chunks).subarray(0, answerBytesMax);
}

/** Whether the certificate of one side is not trusted by the other. The runtimes have no codes in common for that. */
function isDistrust(error: unknown): boolean {
  return /certificate|self[- ]signed|altname/i.test(describe(error));
}

/** Some of the runtimes' network errors have their reason only in `cause`, or several of them in `errors`. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join("; ");
  if (!(error instanceof Error)) return String(error);
  return error.message === "" && error.cause !== undefined ? describe(error.cause) : error.message;
}
