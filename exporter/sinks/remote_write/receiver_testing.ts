import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { uncompressSync } from "snappy";
import { type DecodedSeries, decodeWriteRequest } from "./decode_testing.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly series: readonly DecodedSeries[];
}

/** What a receiver answers; `hang` never answers, and `reset` cuts the connection. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly fault?: "hang" | "reset";
}

/** A remote write receiver on loopback that decodes each request and answers as it is told. */
export interface Receiver {
  /** Without a path. */
  readonly url: string;
  readonly requests: ReceivedRequest[];
  /** How the next requests are answered; 204 at first. */
  answer: (request: ReceivedRequest) => ReceiverAnswer;
  close(): Promise<void>;
}

/** `port` 0 takes a free one. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const received = read(request, Buffer.concat(chunks));
      requests.push(received);
      respond(response, receiver.answer(received));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: () => ({ status: 204 }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

function read(request: IncomingMessage, body: Uint8Array): ReceivedRequest {
  const { method = "", url: path = "", headers } = request;
  return { method, path, headers, series: decodeWriteRequest(uncompressSync(body) as Buffer) };
}

function respond(response: ServerResponse, answer: ReceiverAnswer): void {
  if (answer.fault === "hang") return;
  if (answer.fault === "reset") {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, answer.headers).end(answer.body);
}
