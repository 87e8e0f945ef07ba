import { isObject, type JsonObject } from "./field_sets.ts";
import { applyConfiguration, ApplyConflict, type Managers } from "./managed.ts";
import { matches } from "./selector.ts";
import type { KubeJson, KubeStore, Stored } from "./store.ts";
import { at, setProblem, textAt, withDefaults } from "./validate.ts";

export interface ApiRequest {
  /** That of HTTP, or `WATCH`. */
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: string;
}

export type Answer =
  | { readonly type: "object"; readonly status: number; readonly body: unknown }
  | {
    readonly type: "watch";
    readonly resource: string;
    readonly namespace: string;
    readonly selector: string;
    readonly version: number;
  };

/** A refusal, in the shape that API servers give it. */
export class ApiFault extends Error {
  override name = "ApiFault";
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds: number | null;

  constructor(status: number, reason: string, message: string, retryAfterSeconds: number | null = null) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  body(): JsonObject {
    const { status: code, reason, message } = this;
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  }
}

interface Place {
  readonly resource: string;
  readonly namespace: string;
  /** "" for the collection. */
  readonly name: string;
  readonly subresource: string;
}

const pathPattern =
  /^\/(?:api|apis)\/(v1|apps\/v1)(?:\/namespaces\/([^/]+))?\/(pods|statefulsets|events)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/**
 * What an API server answers, and what becomes of its store.
 * @throws ApiFault
 */
export function answer(store: KubeStore, request: ApiRequest): Answer {
  const place = placeOf(request.path);
  if (place.name === "") return collectionAnswer(store, place, request);
  const stored = store.get(place.resource, place.namespace, place.name);
  if (place.subresource === "scale") return object(200, scale(store, required(stored, place), request));
  switch (request.method) {
    case "GET":
      return object(200, required(stored, place).object);
    case "PATCH":
      return patch(store, place, stored, request);
    case "DELETE":
      return object(200, remove(store, required(stored, place), place, request));
    default:
      throw new ApiFault(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
}

function placeOf(path: string): Place {
  const match = pathPattern.exec(path);
  if (match === null) throw new ApiFault(404, "NotFound", "the server could not find the requested resource");
  const [, group = "", namespace = "", kind = "", name = "", subresource = ""] = match;
  return { resource: `${group}/${kind}`, namespace, name: decodeURIComponent(name), subresource };
}

function object(status: number, body: unknown): Answer {
  return { type: "object", status, body };
}

function required(stored: Stored | null, { resource, name }: Place): Stored {
  if (stored !== null) return stored;
  throw new ApiFault(404, "NotFound", `${resource.split("/").at(-1)} "${name}" not found`);
}

function collectionAnswer(store: KubeStore, { resource, namespace }: Place, request: ApiRequest): Answer {
  const { method, query } = request;
  const selector = query.get("labelSelector") ?? "";
  if (method === "WATCH") {
    return { type: "watch", resource, namespace, selector, version: Number(query.get("resourceVersion") ?? "0") };
  }
  if (method === "POST") return object(201, create(store, resource, namespace, bodyOf(request)));
  if (method !== "GET") throw new ApiFault(405, "MethodNotAllowed", "not allowed");
  const [version, after] = readContinuation(store, query.get("continue") ?? "");
  const limit = Number(query.get("limit") ?? "0");
  const all = store.list(resource, namespace).filter((one) => matches(selector, one) && keyOf(one) > after);
  const items = limit > 0 ? all.slice(0, limit) : all;
  const last = items.at(-1);
  const more = items.length < all.length && last !== undefined;
  const continuation = more ? Buffer.from(JSON.stringify([version, keyOf(last)])).toString("base64") : "";
  return object(200, { kind: "List", metadata: { resourceVersion: String(version), continue: continuation }, items });
}

/** Later chunks are of what is there now, but with the version of the first, behind which a watch tells the rest. */
function readContinuation(store: KubeStore, token: string): [number, string] {
  if (token === "") return [store.version, ""];
  const [version, after] = JSON.parse(Buffer.from(token, "base64").toString("utf8")) as [number, string];
  if (version < store.compacted) {
    throw new ApiFault(
      410,
      "Expired",
      "The provided continue parameter is too old to display a consistent list result",
    );
  }
  return [version, after];
}

function keyOf({ metadata }: KubeJson): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function create(store: KubeStore, resource: string, namespace: string, body: JsonObject): KubeJson {
  const made = completed(body, { namespace, name: textAt(at(body, "metadata"), "name") });
  if (store.get(resource, namespace, made.metadata.name) !== null) {
    throw new ApiFault(409, "AlreadyExists", `"${made.metadata.name}" already exists`);
  }
  return put(store, resource, made, null, { manager: "outside" });
}

function patch(store: KubeStore, place: Place, stored: Stored | null, request: ApiRequest): Answer {
  const { resource, namespace, name } = place;
  const body = bodyOf(request);
  requireVersion(at(body, "metadata"), stored);
  const manager = request.query.get("fieldManager") ?? "unknown";
  if (request.contentType === "application/merge-patch+json") {
    const { object: before } = required(stored, place);
    return object(200, put(store, resource, completed(merge(before, body), { namespace, name }), before, { manager }));
  }
  if (request.contentType !== "application/apply-patch+yaml") {
    throw new ApiFault(415, "UnsupportedMediaType", `the body of the request was in an unknown format`);
  }
  const next = structuredClone(stored?.object ?? completed({ ...body, spec: {} }, { namespace, name }));
  const managers: Managers = new Map([...stored?.managers ?? []].map(([key, owned]) => [key, new Set(owned)]));
  try {
    applyConfiguration(next, managers, { config: body, manager, force: request.query.get("force") === "true" });
  } catch (error) {
    if (error instanceof ApplyConflict) throw new ApiFault(409, "Conflict", error.message);
    throw error;
  }
  return object(stored === null ? 201 : 200, put(store, resource, next, stored?.object ?? null, { managers }));
}

function put(
  store: KubeStore,
  resource: string,
  next: KubeJson,
  before: KubeJson | null,
  by: Parameters<KubeStore["put"]>[2],
): KubeJson {
  if (!resource.endsWith("/statefulsets")) return store.put(resource, next, by);
  const filled = withDefaults(next);
  const problem = setProblem(filled, before);
  const message = `StatefulSet.apps "${next.metadata.name}" is invalid: ${problem}`;
  if (problem !== null) throw new ApiFault(422, "Invalid", message);
  return store.put(resource, filled, by);
}

function scale(store: KubeStore, { object: set }: Stored, request: ApiRequest): JsonObject {
  if (request.method === "PUT" || request.method === "PATCH") {
    const replicas = at(bodyOf(request), "spec")["replicas"] ?? 0;
    put(store, "apps/v1/statefulsets", { ...set, spec: { ...at(set, "spec"), replicas } }, set, { manager: "scale" });
  }
  const { namespace, name } = set.metadata;
  const current = store.get("apps/v1/statefulsets", namespace, name)?.object ?? set;
  const { resourceVersion } = current.metadata;
  const metadata = { name, namespace, resourceVersion };
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata,
    spec: { replicas: at(current, "spec")["replicas"] ?? 1 },
  };
}

function remove(store: KubeStore, { object: set }: Stored, place: Place, request: ApiRequest): unknown {
  const wanted = request.body === "" ? undefined : at(bodyOf(request), "preconditions")["uid"];
  if (wanted !== undefined && wanted !== set.metadata["uid"]) {
    throw new ApiFault(409, "Conflict", "the UID in the precondition does not match the UID in record");
  }
  return store.delete(place.resource, place.namespace, place.name);
}

function requireVersion(metadata: JsonObject, stored: Stored | null): void {
  const wanted = metadata["resourceVersion"];
  if (wanted !== undefined && wanted !== stored?.object.metadata.resourceVersion) {
    throw new ApiFault(
      409,
      "Conflict",
      "the object has been modified; please apply your changes to the latest version",
    );
  }
}

function bodyOf({ body }: ApiRequest): JsonObject {
  const value: unknown = JSON.parse(body);
  if (!isObject(value)) throw new ApiFault(400, "BadRequest", "the body is no object");
  return value;
}

function completed(
  body: JsonObject,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): KubeJson {
  return { ...body, metadata: { resourceVersion: "", ...at(body, "metadata"), namespace, name } };
}

function merge(base: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const former = merged[name];
    if (value === null) delete merged[name];
    else merged[name] = isObject(former) && isObject(value) ? merge(former, value) : value;
  }
  return merged;
}
