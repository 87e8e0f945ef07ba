import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { uncompressSync } from "snappy";
import { decodeRequest2 } from "./decode_2_testing.ts";
import { type DecodedSeries, decodeWriteRequest } from "./decode_testing.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly version: "1.0" | "2.0";
  readonly series: readonly DecodedSeries[];
}

/** What a receiver answers; `hang` never answers, and `reset` cuts the connection. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly fault?: "hang" | "reset";
  /** Says nothing of what was written, as a receiver of 1.0. */
  readonly silent?: boolean;
}

/** A remote write receiver on loopback that decodes each request and answers as it is told. */
export interface Receiver {
  /** Without a path. */
  readonly url: string;
  readonly requests: ReceivedRequest[];
  /** How the next requests are answered; 204 at first. A success says that every sample was written, as 2.0 has it. */
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
      respond(response, receiver.answer(received), received);
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
  const version = headers["x-prometheus-remote-write-version"] === "2.0.0" ? "2.0" : "1.0";
  const bytes = uncompressSync(body) as Buffer;
  const series = version === "2.0" ? decodeRequest2(bytes) : decodeWriteRequest(bytes);
  return { method, path, headers, version, series };
}

function respond(response: ServerResponse, answer: ReceiverAnswer, { version, series }: ReceivedRequest): void {
  if (answer.fault === "hang") return;
  if (answer.fault === "reset") {
    response.destroy();
    return;
  }
  const written: Record<string, string> = {};
  if (version === "2.0" && answer.status < 300 && answer.silent !== true) {
    written["x-prometheus-remote-write-samples-written"] = String(series.length);
  }
  response.writeHead(answer.status, { ...written, ...answer.headers }).end(answer.body);
}
