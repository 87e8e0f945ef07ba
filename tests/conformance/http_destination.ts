import { once } from "node:events";
import { createServer as createPlain, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { createHttpClient, type HttpClient } from "../../exporter/sinks/http/mod.ts";
import { type SinkFixture, type Trouble, troubleRetryAfterMs } from "./sink_suite.ts";

export interface ReceivedBody {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface DestinationAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** How the protocol of a destination answers. */
export interface DestinationProtocol {
  /** Takes a request as a destination in good health. */
  take(request: ReceivedBody): DestinationAnswer;
  /** What one answers that refuses one sample of a request and takes the others; absent when it cannot say so. */
  takePart?(request: ReceivedBody): DestinationAnswer;
}

export interface HttpDestination extends Pick<SinkFixture, "breakDestination" | "mendDestination" | "close"> {
  /** For the sink, which closes it. Its `path` is `/`. */
  readonly client: HttpClient;
}

const timeoutMs = 30_000;
const hangingTimeoutMs = 150;
const slowMs = 200;
const endlessBytes = 8 * 1024 * 1024;

/** An HTTP destination on loopback, in trouble until it is mended. One that is distrusted speaks TLS and stays so. */
export async function startHttpDestination(
  trouble: Trouble | null,
  protocol: DestinationProtocol,
): Promise<HttpDestination> {
  let present = trouble;
  const listener = (request: ReceivedBody, response: ServerResponse) => answer(request, response, present, protocol);
  const secure = trouble === "distrusted";
  let server = await listen(0, secure, listener);
  const { port } = server.address() as AddressInfo;
  const client = createHttpClient({
    url: new URL(`${secure ? "https" : "http"}://127.0.0.1:${port}/`),
    headers: () => Promise.resolve({}),
    // The destination's certificate is signed by another one.
    tls: secure ? { ca: makeCa().cert } : null,
    proxy: null,
    timeoutMs: trouble === "hanging" ? hangingTimeoutMs : timeoutMs,
    clock: systemEnv.clock,
  });
  return {
    client,
    breakDestination: () => stop(server),
    async mendDestination() {
      present = null;
      if (!server.listening) server = await listen(port, secure, listener);
    },
    close: () => stop(server),
  };
}

async function listen(
  port: number,
  secure: boolean,
  listener: (request: ReceivedBody, response: ServerResponse) => void,
): Promise<Server> {
  const server = secure ? createSecure(makeCa().issue({ ips: ["127.0.0.1"] })) : createPlain();
  server.on("request", (request, response: ServerResponse) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => listener({ headers: request.headers, body: Buffer.concat(chunks) }, response));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function answer(
  request: ReceivedBody,
  response: ServerResponse,
  trouble: Trouble | null,
  protocol: DestinationProtocol,
): void {
  const say = ({ status, headers, body }: DestinationAnswer) => void response.writeHead(status, headers).end(body);
  switch (trouble) {
    case "busy":
      return say({ status: 429, headers: { "retry-after": String(troubleRetryAfterMs / 1000) }, body: "slow down" });
    case "failing":
      return say({ status: 503, body: "overloaded" });
    case "refusing":
      return say({ status: 400, body: "this is wrong" });
    case "unauthorized":
      return say({ status: 401, body: "who are you" });
    case "endless":
      return say({ status: 400, body: "x".repeat(endlessBytes) });
    case "hanging":
      return;
    case "cutting":
      return void response.destroy();
    case "slow":
      return void setTimeout(() => say(protocol.take(request)), slowMs);
    case "partial":
      return say(protocol.takePart?.(request) ?? protocol.take(request));
    case "distrusted":
    case null:
      break;
  }
  say(protocol.take(request));
}
