/** A process of its own: the destination of all agents. It decodes what it is sent, and counts samples. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { zstdDecompressSync } from "node:zlib";
import { uncompressSync } from "snappy";
import { countSamples, type SampleCounts } from "./count_samples.ts";
import { answerParent } from "./helper.ts";

export interface SinkCounts extends Readonly<SampleCounts> {
  readonly requests: number;
  /** Of the bodies as they were sent. */
  readonly bodyBytes: number;
  /** How the last request was encoded. */
  readonly protocol: string;
  /** Requests that could not be decoded, with the reason of the last one. */
  readonly failures: number;
  readonly failure: string;
}

export interface SinkRequests {
  /** Returns the port on 127.0.0.1. */
  start(): Promise<number>;
  read(): SinkCounts;
}

let total: SinkCounts = {
  samples: 0,
  stale: 0,
  others: 0,
  requests: 0,
  bodyBytes: 0,
  protocol: "",
  failures: 0,
  failure: "",
};

answerParent<SinkRequests>({
  start: async () => {
    const server = createServer((request, response) => receive(request, response));
    server.keepAliveTimeout = 600_000;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("Cannot tell the port of the sink");
    return address.port;
  },
  read: () => total,
});

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Uint8Array[] = [];
  request.on("error", () => response.destroy());
  request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  request.on("end", () => {
    try {
      const written = take(Buffer.concat(chunks), request);
      response.writeHead(204, { "x-prometheus-remote-write-samples-written": String(written) }).end();
    } catch (error) {
      total = { ...total, failures: total.failures + 1, failure: String(error) };
      response.writeHead(400).end(String(error));
    }
  });
}

/** Returns the samples of the request. */
function take(body: Buffer, { headers }: IncomingMessage): number {
  const isZstd = headers["content-encoding"] === "zstd";
  const version = (headers["content-type"] ?? "").includes("io.prometheus.write.v2") ? 2 : 1;
  const bytes = isZstd ? zstdDecompressSync(body) : uncompressSync(body) as Buffer;
  const counts = countSamples(bytes, version);
  total = {
    ...total,
    samples: total.samples + counts.samples,
    stale: total.stale + counts.stale,
    others: total.others + counts.others,
    requests: total.requests + 1,
    bodyBytes: total.bodyBytes + body.length,
    protocol: `${version}.0, ${isZstd ? "zstd" : "snappy"}`,
  };
  return counts.samples + counts.stale + counts.others;
}
