import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface MockRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** Parsed; undefined where there was none. */
  readonly body: unknown;
}

export type MockAnswer =
  | { readonly status: number; readonly body?: unknown }
  /** The response is kept open; `stream` writes to it until it closes. */
  | { readonly stream: (response: ServerResponse) => void };

/** An HTTP server of this machine for tests, which can go away and come back. */
export class HttpHost {
  /** Requests so far, as `GET /v2/apps`. */
  readonly requests: string[] = [];
  readonly #answer: (request: MockRequest) => MockAnswer;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  constructor(answer: (request: MockRequest) => MockAnswer) {
    this.#answer = answer;
  }

  /** `http://127.0.0.1:PORT`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Serves (again), on the port that it had before. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    const address = server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
  }

  /** Goes away with all connections; what it holds stays. */
  async goAway(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const url = new URL(incoming.url ?? "/", "http://localhost");
    this.requests.push(`${incoming.method} ${url.pathname}${url.search}`);
    const answer = this.#answer({
      method: incoming.method ?? "",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers: incoming.headers,
      body: text === "" ? undefined : JSON.parse(text) as unknown,
    });
    if ("stream" in answer) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.flushHeaders();
      answer.stream(response);
      return;
    }
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
  }
}
