import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Answer, answer, ApiFault, type ApiRequest } from "./answer.ts";
import { matches } from "./selector.ts";
import { runSetController } from "./set_controller.ts";
import { type Change, type KubeJson, KubeStore } from "./store.ts";

/**
 * The API machinery of Kubernetes as far as bcs-metric calls it: chunked lists, watches with bookmarks, server-side
 * apply, conflicts, refusals and forgotten versions, over StatefulSets and pods, and a controller that makes the pods.
 */
export class KubeApiServer {
  readonly store = new KubeStore();
  /** Refuses a request by returning a fault; replaced by tests. */
  refuse: (request: ApiRequest) => ApiFault | null = () => null;
  /** Prefix of all paths, as behind BCS. */
  readonly basePath: string;
  /** Requests so far, as `GET /api/v1/pods`; a watch as `WATCH /api/v1/pods`. */
  readonly requests: string[] = [];
  /** `authorization` of the last request. */
  authorization = "";
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<{ readonly resource: string; end(): void; bookmark(): void }>();
  readonly #stopController: () => void;
  #server: Server | null = null;
  #port = 0;

  private constructor(basePath: string) {
    this.basePath = basePath;
    this.#stopController = runSetController(this.store);
  }

  static async start(basePath = ""): Promise<KubeApiServer> {
    const server = new KubeApiServer(basePath);
    await server.listen();
    return server;
  }

  /** `http://127.0.0.1:PORT` and the base path. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.basePath}`;
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
    this.endWatches();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Number of watches under way. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Ends all watches in order, as at the end of their time. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  bookmark(): void {
    for (const watch of this.#watches) watch.bookmark();
  }

  async close(): Promise<void> {
    this.#stopController();
    await this.goAway();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const url = new URL(incoming.url ?? "/", "http://localhost");
    this.authorization = incoming.headers.authorization ?? "";
    const inside = url.pathname.startsWith(`${this.basePath}/`);
    const watch = url.searchParams.get("watch") === "true";
    const request: ApiRequest = {
      method: watch ? "WATCH" : incoming.method ?? "",
      path: inside ? url.pathname.slice(this.basePath.length) : "",
      query: url.searchParams,
      contentType: incoming.headers["content-type"] ?? "",
      body: Buffer.concat(chunks).toString("utf8"),
    };
    this.requests.push(`${request.method} ${request.path}`);
    try {
      const fault = this.refuse(request);
      if (fault !== null) throw fault;
      const result = answer(this.store, request);
      if (result.type === "watch") this.#watch(result, response);
      else send(response, result.status, result.body);
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      if (error.retryAfterSeconds !== null) response.setHeader("Retry-After", String(error.retryAfterSeconds));
      send(response, error.status, error.body());
    }
  }

  #watch(
    { resource, namespace, selector, version }: Extract<Answer, { type: "watch" }>,
    response: ServerResponse,
  ): void {
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    const write = (type: string, object: unknown) => void response.write(`${JSON.stringify({ type, object })}\n`);
    const tell = (change: Change) => {
      if (change.resource !== resource) return;
      if (namespace !== "" && change.object.metadata.namespace !== namespace) return;
      const [was, is] = [change.before !== null && matches(selector, change.before), matches(selector, change.object)];
      if (change.type === "DELETED" ? was : is) write(is && !was ? "ADDED" : change.type, change.object);
      // It has left what is watched: to the watcher it is gone.
      else if (was) write("DELETED", change.object);
    };
    if (version < this.store.compacted) {
      const message = `too old resource version: ${version} (${this.store.compacted})`;
      write("ERROR", new ApiFault(410, "Expired", message).body());
      response.end();
      return;
    }
    for (const change of this.store.since(resource, version)) tell(change);
    const stop = this.store.onChange(tell);
    const done = () => {
      stop();
      this.#watches.delete(watch);
    };
    const watch = {
      resource,
      end() {
        done();
        response.end();
      },
      bookmark: () => write("BOOKMARK", bookmarkOf(this.store.version)),
    };
    this.#watches.add(watch);
    response.once("close", done);
  }
}

function bookmarkOf(version: number): KubeJson {
  return { kind: "Bookmark", metadata: { name: "", namespace: "", resourceVersion: String(version) } };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
