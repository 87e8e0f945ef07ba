import { randomUUID } from "node:crypto";
import { isObject, type JsonObject } from "./field_sets.ts";
import { managedFields, type Managers, noteUpdate } from "./managed.ts";

/** An object with its labels at hand. */
export interface Stored {
  readonly object: KubeJson;
  readonly managers: Managers;
}

export interface KubeJson extends JsonObject {
  metadata: Metadata;
}

export interface Metadata extends JsonObject {
  name: string;
  namespace: string;
  resourceVersion: string;
}

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: string;
  readonly version: number;
  readonly object: KubeJson;
  /** As it was before; null for a new one. */
  readonly before: KubeJson | null;
}

/** The objects of an API server with one revision for all, and the changes that watches may begin behind. */
export class KubeStore {
  readonly #resources = new Map<string, Map<string, Stored>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #compacted = 0;
  version = 100;

  /** Changes behind this version are forgotten. */
  get compacted(): number {
    return this.#compacted;
  }

  /** Forgets all changes so far. */
  compact(): void {
    this.#compacted = this.version;
    this.#history = [];
  }

  get(resource: string, namespace: string, name: string): Stored | null {
    return this.#of(resource).get(`${namespace}/${name}`) ?? null;
  }

  /** Sorted as etcd has them, by namespace and name. */
  list(resource: string, namespace: string): KubeJson[] {
    return [...this.#of(resource).entries()].toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([, { object }]) => object)
      .filter(({ metadata }) => namespace === "" || metadata.namespace === namespace);
  }

  since(resource: string, version: number): Change[] {
    return this.#history.filter((change) => change.resource === resource && change.version > version);
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Makes or replaces an object; one that is as it was keeps its version. */
  put(resource: string, next: KubeJson, by: { readonly managers: Managers } | { readonly manager: string }): KubeJson {
    const { namespace, name } = next.metadata;
    const known = this.get(resource, namespace, name);
    const managers: Managers = "managers" in by
      ? by.managers
      : new Map([...known?.managers ?? []].map(([key, owned]) => [key, new Set(owned)]));
    if ("manager" in by) noteUpdate(known?.object ?? {}, next, managers, by.manager);
    const object: KubeJson = {
      ...next,
      metadata: { uid: randomUUID(), ...next.metadata, managedFields: managedFields(managers) },
    };
    if (known !== null && sameButVersion(known.object, object)) return known.object;
    object.metadata.resourceVersion = String(++this.version);
    this.#of(resource).set(`${namespace}/${name}`, { object, managers });
    this.#tell({
      type: known === null ? "ADDED" : "MODIFIED",
      resource,
      version: this.version,
      object,
      before: known?.object ?? null,
    });
    return object;
  }

  delete(resource: string, namespace: string, name: string): KubeJson | null {
    const known = this.get(resource, namespace, name);
    if (known === null) return null;
    this.#of(resource).delete(`${namespace}/${name}`);
    const version = ++this.version;
    const metadata = { ...known.object.metadata, resourceVersion: String(version) };
    const object = { ...known.object, metadata };
    this.#tell({ type: "DELETED", resource, version, object, before: known.object });
    return object;
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const listener of this.#listeners) listener(change);
  }

  #of(resource: string): Map<string, Stored> {
    let objects = this.#resources.get(resource);
    if (objects === undefined) this.#resources.set(resource, objects = new Map());
    return objects;
  }
}

function sameButVersion(a: KubeJson, b: KubeJson): boolean {
  const text = ({ metadata, ...rest }: KubeJson) =>
    JSON.stringify(sorted({ ...rest, metadata: { ...metadata, resourceVersion: "" } }));
  return text(a) === text(b);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => [key, sorted(member)]),
  );
}
