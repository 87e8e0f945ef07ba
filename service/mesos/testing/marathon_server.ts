import type { ServerResponse } from "node:http";
import { isObject, type JsonObject } from "../../orchestrator/kubernetes/overlay.ts";
import { HttpHost, type MockAnswer, type MockRequest } from "./http_host.ts";

const taskMs = 20;

interface MockTask {
  readonly id: string;
  state: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

interface MockApp {
  app: JsonObject;
  tasks: MockTask[];
}

/** Marathon as far as bcs-metric calls it: apps, tasks, locks and events, written from its documented API. */
export class MarathonServer {
  readonly host: HttpHost;
  readonly apps = new Map<string, MockApp>();
  /** Ids that a deployment holds. */
  readonly locked = new Set<string>();
  readonly #events = new Set<ServerResponse>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #count = 0;

  private constructor() {
    this.host = new HttpHost((request) => this.#answer(request));
  }

  static async start(): Promise<MarathonServer> {
    const server = new MarathonServer();
    await server.host.listen();
    return server;
  }

  /** Number of listeners to events. */
  get listeners(): number {
    return this.#events.size;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const response of this.#events) response.end();
    await this.host.goAway();
  }

  #answer(request: MockRequest): MockAnswer {
    const { method, path, query } = request;
    if (path === "/v2/events") return { stream: (response) => this.#listen(response) };
    if (path === "/v2/apps") return method === "POST" ? this.#create(request) : this.#list(query.get("id") ?? "");
    const id = path.slice("/v2/apps".length);
    const known = this.apps.get(id);
    if (known === undefined) return { status: 404, body: { message: `App '${id}' does not exist` } };
    if (method === "GET") return { status: 200, body: { app: known.app } };
    if (this.locked.has(id) && query.get("force") !== "true") {
      return { status: 409, body: { message: "App is locked by one or more deployments." } };
    }
    this.locked.delete(id);
    if (method === "DELETE") {
      this.apps.delete(id);
      this.#tell("app_terminated_event");
      return { status: 200, body: { deploymentId: "d", version: "v" } };
    }
    return this.#update(known, request.body);
  }

  #list(part: string): MockAnswer {
    const apps = [...this.apps.values()].filter(({ app }) => idOf(app).includes(part))
      .map(({ app, tasks }) => ({ ...app, tasks }));
    return { status: 200, body: { apps } };
  }

  #create({ body }: MockRequest): MockAnswer {
    if (!isObject(body)) return { status: 400, body: { message: "Invalid JSON" } };
    const id = idOf(body);
    if (!/^(\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$/.test(id)) return { status: 422, body: { message: "bad id" } };
    if (this.apps.has(id)) return { status: 409, body: { message: `An app with id [${id}] already exists.` } };
    const known: MockApp = { app: { instances: 1, env: {}, labels: {}, ...body }, tasks: [] };
    this.apps.set(id, known);
    this.#start(known);
    return { status: 201, body: known.app };
  }

  /** What is named replaces what is there; anything but the number of instances starts the tasks anew. */
  #update(known: MockApp, body: unknown): MockAnswer {
    if (!isObject(body)) return { status: 400, body: { message: "Invalid JSON" } };
    const isScaling = Object.keys(body).every((name) => name === "instances");
    known.app = { ...known.app, ...body };
    if (!isScaling) known.tasks = [];
    this.#start(known);
    return { status: 200, body: { deploymentId: "d", version: "v" } };
  }

  #start(known: MockApp): void {
    const { env, labels, instances } = known.app;
    known.tasks = known.tasks.slice(0, Number(instances));
    while (known.tasks.length < Number(instances)) {
      const task: MockTask = {
        id: `task-${this.#count++}`,
        state: "TASK_STAGING",
        env: env as Record<string, string>,
        labels: labels as Record<string, string>,
      };
      known.tasks.push(task);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        task.state = "TASK_RUNNING";
        this.#tell("status_update_event");
      }, taskMs);
      this.#timers.add(timer);
    }
    this.#tell("deployment_info");
  }

  #listen(response: ServerResponse): void {
    this.#events.add(response);
    response.once("close", () => this.#events.delete(response));
    response.write("event: event_stream_attached\ndata: {}\n\n");
  }

  #tell(event: string): void {
    for (const response of this.#events) response.write(`event: ${event}\ndata: {}\n\n`);
  }
}

function idOf(app: JsonObject): string {
  const { id } = app;
  return typeof id === "string" ? id : "";
}
