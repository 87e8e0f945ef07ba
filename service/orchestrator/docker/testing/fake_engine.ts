import type { Listener, ServerTls } from "../../../../core/runtime/env.ts";
import { serveHttp } from "../../../../core/runtime/http.ts";

/** A container as the fake engine keeps it. */
export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly config: Record<string, unknown> & { readonly Labels?: Record<string, string>; readonly Env?: string[] };
  readonly host: Record<string, unknown>;
  readonly networks: Set<string>;
  status: string;
  pid: number;
  exitCode: number;
}

interface Refusal {
  readonly method: string;
  readonly path: RegExp;
  readonly status: number;
  readonly message: string;
  /** Answers it only so many times. */
  left: number;
}

/** What a fake image gives its containers. */
export const fakeImageEnv: readonly string[] = ["PATH=/usr/local/bin"];

/** As much of the Docker Engine API 1.41 as collectors need, without any container. */
export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly images = new Set<string>();
  /** What the registry has. */
  readonly registry = new Set<string>();
  readonly networks = new Set(["bridge"]);
  readonly volumes = new Map<string, Record<string, string>>();
  /** `METHOD path` of each call that changed something. */
  readonly changes: string[] = [];
  /** Holds up calls. */
  slow: (path: string) => Promise<void> = () => Promise.resolve();
  readonly #refusals: Refusal[] = [];
  readonly #followers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #listener: Listener | null = null;
  #last = 0;

  static async start(tls?: ServerTls): Promise<FakeEngine> {
    const engine = new FakeEngine();
    engine.#listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => engine.#answer(request), tls);
    return engine;
  }

  get port(): number {
    return this.#listener?.address.port ?? 0;
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  /** Answers such calls with an error, `times` of them. */
  refuse(method: string, path: RegExp, status: number, message: string, times = Infinity): void {
    this.#refusals.push({ method, path, status, message, left: times });
  }

  /** By name. */
  container(name: string): FakeContainer {
    const found = [...this.containers.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`Cannot find container "${name}"`);
    return found;
  }

  /** Ends a container as somebody does by hand. */
  end(name: string, exitCode: number): void {
    const found = this.container(name);
    Object.assign(found, { status: "exited", pid: 0, exitCode });
    this.#tell("die", found);
  }

  /** Ends the streams of events. */
  dropFollowers(): void {
    for (const follower of this.#followers) follower.close();
    this.#followers.clear();
  }

  async close(): Promise<void> {
    this.dropFollowers();
    await this.#listener?.close();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const path = decodeURIComponent(pathname.replace(/^\/v1\.41/, ""));
    const { method } = request;
    await this.slow(path);
    const refusal = this.#refusals.find((one) => one.left > 0 && one.method === method && one.path.test(path));
    if (refusal !== undefined) {
      refusal.left--;
      return refused(refusal.status, refusal.message);
    }
    if (method !== "GET") this.changes.push(`${method} ${path}`);
    const body = method === "POST" ? await readJson(request) : {};
    if (path === "/events") return this.#follow();
    if (path.startsWith("/images/")) return this.#image(path, searchParams);
    if (path.startsWith("/volumes")) return this.#volume(method, path, searchParams);
    if (path.startsWith("/networks/")) return this.#connect(path, body);
    if (path === "/containers/json") return this.#list(searchParams);
    if (path === "/containers/create") return this.#create(searchParams.get("name") ?? "", body);
    const [, id = "", action = ""] = /^\/containers\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const found = this.#find(id);
    if (found === undefined) return refused(404, `No such container: ${id}`);
    return this.#act(method, action, found, body);
  }

  /** By id or name. */
  #find(text: string): FakeContainer | undefined {
    return this.containers.get(text) ?? [...this.containers.values()].find(({ name }) => name === text);
  }

  #act(method: string, action: string, found: FakeContainer, body: Record<string, unknown>): Response {
    if (method === "GET") return Response.json(inspected(found));
    if (method === "DELETE") {
      this.containers.delete(found.id);
      this.#tell("destroy", found);
    } else if (action === "start") {
      const missing = [...found.networks].find((name) => !this.networks.has(name));
      if (missing !== undefined) return refused(404, `network ${missing} not found`);
      Object.assign(found, { status: "running", pid: ++this.#last });
      this.#tell("start", found);
    } else if (action === "stop") {
      Object.assign(found, { status: "exited", pid: 0 });
      this.#tell("die", found);
    } else if (action === "update") {
      Object.assign(found.host, body);
      this.#tell("update", found);
    }
    return new Response(null, { status: 204 });
  }

  #create(name: string, body: Record<string, unknown>): Response {
    const { HostConfig, ...config } = body;
    if ([...this.containers.values()].some((one) => one.name === name)) {
      return refused(409, `Conflict. The container name "/${name}" is already in use`);
    }
    if (!this.images.has(String(config["Image"]))) return refused(404, `No such image: ${String(config["Image"])}`);
    const host = (HostConfig ?? {}) as Record<string, unknown>;
    const id = `c${++this.#last}`;
    const networks = new Set([textOf(host["NetworkMode"], "bridge")]);
    const made = { id, name, config, host, networks, status: "created", pid: 0, exitCode: 0 };
    this.containers.set(id, made);
    for (const { Source, VolumeOptions } of (host["Mounts"] ?? []) as Mount[]) {
      this.volumes.set(Source, VolumeOptions?.Labels ?? {});
    }
    this.#tell("create", made);
    return Response.json({ Id: id }, { status: 201 });
  }

  #list(query: URLSearchParams): Response {
    const found = [...this.containers.values()].filter((one) => hasLabels(one.config.Labels ?? {}, query));
    return Response.json(found.map((one) => ({ Id: one.id, Labels: one.config.Labels ?? {} })));
  }

  #connect(path: string, body: Record<string, unknown>): Response {
    const name = path.split("/")[2] ?? "";
    const found = this.#find(String(body["Container"]));
    if (!this.networks.has(name) || found === undefined) return refused(404, `network ${name} not found`);
    found.networks.add(name);
    this.#tell("connect", found, "network");
    return new Response(null, { status: 200 });
  }

  #image(path: string, query: URLSearchParams): Response {
    if (path !== "/images/create") {
      const name = path.slice("/images/".length, -"/json".length);
      return this.images.has(name)
        ? Response.json({ Config: { Env: fakeImageEnv } })
        : refused(404, `No such image: ${name}`);
    }
    const image = `${query.get("fromImage")}:${query.get("tag")}`;
    if (!this.registry.has(image)) {
      return new Response(`{"status":"Pulling"}\n{"error":"manifest for ${image} not found"}\n`);
    }
    this.images.add(image);
    return new Response(`{"status":"Pulling"}\n{"status":"Downloaded"}\n`);
  }

  #volume(method: string, path: string, query: URLSearchParams): Response {
    if (method === "GET") {
      const found = [...this.volumes].filter(([, labels]) => hasLabels(labels, query));
      return Response.json({ Volumes: found.map(([Name]) => ({ Name })) });
    }
    this.volumes.delete(path.split("/")[2] ?? "");
    return new Response(null, { status: 204 });
  }

  #follow(): Response {
    let follower: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        follower = controller;
        this.#followers.add(controller);
        // Node's server sends the head with the first bytes.
        controller.enqueue(new TextEncoder().encode("\n"));
      },
      cancel: () => void this.#followers.delete(follower),
    });
    return new Response(stream);
  }

  #tell(Action: string, { id, config }: FakeContainer, Type = "container"): void {
    const event = { Type, Action, Actor: { ID: id, Attributes: Type === "container" ? config.Labels ?? {} : {} } };
    for (const follower of this.#followers) follower.enqueue(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
  }
}

interface Mount {
  readonly Source: string;
  readonly VolumeOptions?: { readonly Labels?: Record<string, string> };
}

function inspected({ id, name, config, host, networks, status, pid, exitCode }: FakeContainer): unknown {
  return {
    Id: id,
    Name: `/${name}`,
    Image: String(config["Image"]),
    RestartCount: 0,
    State: { Status: status, Pid: pid, ExitCode: exitCode },
    Config: { ...config, Env: [...fakeImageEnv, ...config.Env ?? []] },
    HostConfig: host,
    NetworkSettings: { Networks: Object.fromEntries([...networks].map((network) => [network, {}])) },
  };
}

function hasLabels(labels: Readonly<Record<string, string>>, query: URLSearchParams): boolean {
  const { label = [] } = JSON.parse(query.get("filters") ?? "{}") as { label?: string[] };
  return label.every((text) => {
    const end = text.indexOf("=");
    return labels[text.slice(0, end)] === text.slice(end + 1);
  });
}

function textOf(value: unknown, absent: string): string {
  return typeof value === "string" ? value : absent;
}

function refused(status: number, message: string): Response {
  return Response.json({ message }, { status });
}

async function readJson(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  return text === "" ? {} : JSON.parse(text) as Record<string, unknown>;
}
