import type { ServerResponse } from "node:http";
import { isObject, type JsonObject } from "../../orchestrator/kubernetes/overlay.ts";
import { HttpHost, type MockAnswer, type MockRequest } from "./http_host.ts";

const scheduler = "/bcsapi/v4/scheduler/mesos";
const storage = "/bcsapi/v4/storage";
/** What stands before the offsets is of no concern to anyone. */
const codeBase = 1_400_000;
const updateMs = 20;

interface MockApplication {
  definition: JsonObject;
  instance: number;
  taskgroups: MockTaskgroup[];
}

export interface MockTaskgroup {
  readonly id: string;
  status: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface StoredItem {
  readonly _id: string;
  readonly namespace: string;
  readonly resourceName: string;
  readonly resourceType: string;
  readonly updateTime: string;
  readonly data: unknown;
}

/**
 * The scheduler of BCS for Mesos, and BCS storage, as far as bcs-metric calls them, written from their documented APIs:
 * applications with definitions and taskgroups, updates that replace one taskgroup after the other, and storage with
 * lists and watches.
 */
export class BcsServer {
  readonly host: HttpHost;
  /** By `<namespace>/<name>`. */
  readonly applications = new Map<string, MockApplication>();
  /** Of storage, by resource type and `_id`. */
  readonly items = new Map<string, Map<string, StoredItem>>();
  /** Headers of the last request. */
  headers: MockRequest["headers"] = {};
  /** Answers in place of the server; replaced by tests. */
  refuse: (request: MockRequest) => MockAnswer | null = () => null;
  readonly #watches = new Set<{ readonly type: string; readonly response: ServerResponse }>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #time = 1_500_000_000_000_000_000n;

  private constructor() {
    this.host = new HttpHost((request) => this.#answer(request));
  }

  static async start(): Promise<BcsServer> {
    const server = new BcsServer();
    await server.host.listen();
    return server;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Puts an item into storage, and tells the watches. */
  put(item: Omit<StoredItem, "updateTime">): void {
    const items = this.items.get(item.resourceType) ?? new Map<string, StoredItem>();
    this.items.set(item.resourceType, items);
    const { _id: id } = item;
    const type = items.has(id) ? 3 : 1;
    const stored = { ...item, updateTime: this.#now() };
    items.set(id, stored);
    this.tell(item.resourceType, { type, value: stored });
  }

  /** Removes an item, and tells no more than its `_id`. */
  remove(resourceType: string, id: string): void {
    this.items.get(resourceType)?.delete(id);
    this.tell(resourceType, { type: 2, value: { _id: id } });
  }

  /** Objects follow each other without anything in between. */
  tell(resourceType: string, event: unknown): void {
    for (const { type, response } of this.#watches) if (type === resourceType) response.write(JSON.stringify(event));
  }

  endWatches(): void {
    for (const { response } of this.#watches) response.end();
  }

  /** As somebody who works past bcs-metric. */
  create(definition: JsonObject): void {
    const { namespace, name } = placeOf(definition);
    const application = { definition, instance: instancesIn(definition), taskgroups: [] };
    this.applications.set(`${namespace}/${name}`, application);
    this.#settle(`${namespace}/${name}`, application);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.endWatches();
    await this.host.goAway();
  }

  #answer(request: MockRequest): MockAnswer {
    this.headers = request.headers;
    const refusal = this.refuse(request);
    if (refusal !== null) return refusal;
    if (request.path.startsWith(`${storage}/`)) return this.#storage(request, request.path.slice(storage.length));
    if (request.path.startsWith(`${scheduler}/`)) return this.#scheduler(request, request.path.slice(scheduler.length));
    return { status: 404, body: { message: "no such path" } };
  }

  #storage({ method }: MockRequest, path: string): MockAnswer {
    const [, listed] = /^\/query\/(?:mesos|k8s)\/dynamic\/clusters\/[^/]+\/(\w+)$/.exec(path) ?? [];
    if (method === "GET" && listed !== undefined) {
      return success([...this.items.get(listed)?.values() ?? []]);
    }
    const [, watched] = /^\/dynamic\/watch\/[^/]+\/(\w+)$/.exec(path) ?? [];
    if (method !== "POST" || watched === undefined) return { status: 404, body: { message: "no such path" } };
    return {
      stream: (response) => {
        const watch = { type: watched, response };
        this.#watches.add(watch);
        response.once("close", () => this.#watches.delete(watch));
      },
    };
  }

  #scheduler(request: MockRequest, path: string): MockAnswer {
    const [, ns, name] = /^\/definition\/application\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (ns !== undefined) {
      const application = this.applications.get(`${ns}/${name}`);
      return application === undefined ? missing() : success(application.definition);
    }
    const [, namespace, one, more] = /^\/namespaces\/([^/]+)\/applications(?:\/([^/]+))?(\/.*)?$/.exec(path) ?? [];
    if (namespace === undefined) return { status: 404, body: { message: "no such path" } };
    if (one !== undefined) return this.#one(request.method, `${namespace}/${one}`, more ?? "");
    return this.#all(request, namespace);
  }

  #all({ method, body, query }: MockRequest, namespace: string): MockAnswer {
    if (!isObject(body)) return failure(200, "no application");
    const path = `${namespace}/${placeOf(body).name}`;
    const known = this.applications.get(path);
    if (method === "POST") {
      if (known !== undefined) return failure(201, "application already exists");
      this.create(body);
      return success({});
    }
    if (known === undefined) return missing();
    known.definition = body;
    // One after the other, each with its number.
    known.taskgroups.slice(0, Number(query.get("instances"))).forEach((old, index) => {
      this.#later(updateMs * (index + 1), () => {
        const place = known.taskgroups.indexOf(old);
        if (place >= 0) known.taskgroups[place] = this.#taskgroup(path, known, Number(old.id.split(".")[0]));
        this.#store(path, known);
      });
    });
    return success({});
  }

  #one(method: string, path: string, more: string): MockAnswer {
    const application = this.applications.get(path);
    if (application === undefined) return missing();
    const [namespace = "", name = ""] = path.split("/");
    const metadata = { namespace, name };
    if (method === "GET" && more === "/taskgroups") {
      return success(application.taskgroups.map((one) => taskgroupData(one, namespace)));
    }
    if (method === "GET") return success({ metadata, instance: application.instance, status: "Running" });
    if (method === "DELETE") {
      this.applications.delete(path);
      this.items.get("application")?.delete(path);
      return success({});
    }
    application.instance = Number(/^\/scale\/(\d+)$/.exec(more)?.[1]);
    application.taskgroups = application.taskgroups.filter(({ id }) => Number(id.split(".")[0]) < application.instance);
    this.#settle(path, application);
    return success({});
  }

  /** Makes the taskgroups that are missing. */
  #settle(path: string, application: MockApplication): void {
    for (let index = application.taskgroups.length; index < application.instance; index++) {
      application.taskgroups.push(this.#taskgroup(path, application, index));
    }
    this.#store(path, application);
  }

  #taskgroup(path: string, { definition }: MockApplication, index: number): MockTaskgroup {
    const [namespace = "", name = ""] = path.split("/");
    const template = at(at(definition, "spec"), "template");
    const [container] = at(template, "spec")["containers"] as unknown as JsonObject[];
    const env = (container?.["env"] ?? []) as unknown as { name: string; value: string }[];
    const taskgroup: MockTaskgroup = {
      id: `${index}.${name}.${namespace}.10001.${this.#now()}`,
      status: "Starting",
      env: Object.fromEntries(env.map((one) => [one.name, one.value.replaceAll("${bcs.instanceid}", String(index))])),
      labels: at(at(template, "metadata"), "labels") as Record<string, string>,
    };
    this.#later(updateMs, () => taskgroup.status = "Running");
    return taskgroup;
  }

  #store(path: string, { definition, instance }: MockApplication): void {
    const [namespace = "", name = ""] = path.split("/");
    const data = { metadata: at(definition, "metadata"), instance };
    this.put({ _id: path, namespace, resourceName: name, resourceType: "application", data });
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  #now(): string {
    return String(this.#time++);
  }
}

function taskgroupData({ id, status, env, labels }: MockTaskgroup, namespace: string): unknown {
  return { metadata: { name: id, namespace }, status, containerStatuses: [{ status, env, labels }] };
}

function placeOf(definition: JsonObject): { readonly namespace: string; readonly name: string } {
  const { namespace, name } = at(definition, "metadata");
  return { namespace: textOf(namespace), name: textOf(name) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function instancesIn(definition: JsonObject): number {
  return Number(at(definition, "spec")["instance"] ?? 0);
}

function at(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isObject(value) ? value : {};
}

function success(data: unknown): MockAnswer {
  return { status: 200, body: { result: true, code: 0, message: "success", data } };
}

function failure(offset: number, message: string): MockAnswer {
  return { status: 200, body: { result: false, code: codeBase + offset, message, data: null } };
}

function missing(): MockAnswer {
  return failure(202, "not found");
}
