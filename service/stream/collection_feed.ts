import type { Catalog } from "../../core/config/catalog.ts";
import { digestOf, isIntact } from "../../core/config/collection.ts";
import { type DocumentKey, documentPath, keyOfPath } from "../../core/config/key.ts";
import type { ApplicationDocument, CollectionDocument } from "../../core/config/schema.ts";
import type { StoreEvent } from "../../core/store/store.ts";
import type { Current } from "./cursor.ts";

/** Whose collection is followed. */
export interface Subject {
  readonly clusterId: string;
  readonly namespace: string;
  readonly collector: string;
  /** Only the targets of these applications; empty for all. */
  readonly applications: readonly string[];
}

/** Removed collections that are remembered; those removed before count as never seen. */
const removedMax = 10_000;

/**
 * What the collections are now and who wants to know, from the same view of the store that the service has. It does
 * no I/O: the events of the store are applied to it, after the catalog has taken them.
 */
export class CollectionFeed {
  readonly #catalog: Catalog;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Paths of collections that this service has seen go. */
  readonly #removed = new Set<string>();
  readonly #intact = new WeakMap<CollectionDocument, boolean>();
  #storeReason = "the store has not been read yet";

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  apply(event: StoreEvent): void {
    switch (event.type) {
      case "unavailable":
        this.#storeReason = `the store cannot be read: ${event.reason}`;
        this.#tellAll();
        return;
      case "synced":
        this.#tellAll();
        return;
      case "unreadable":
        return;
      case "put":
        this.#changed(event.entry.path, false);
        return;
      case "delete":
        this.#changed(event.path, true);
        return;
      default:
        event satisfies never;
    }
  }

  /** Calls back after each change that may concern the subject's collection. Returns what ends it. */
  subscribe(subject: Subject, listener: () => void): () => void {
    const keys = [collectionKey(subject)];
    if (subject.applications.length > 0) keys.push(applicationsKey(subject));
    for (const key of keys) {
      const listeners = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, listeners.add(listener));
    }
    return () => {
      for (const key of keys) {
        const listeners = this.#listeners.get(key);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.#listeners.delete(key);
      }
    };
  }

  current(subject: Subject): Current {
    if (!this.#catalog.synced) return { type: "unavailable", reason: this.#storeReason };
    const { clusterId, namespace, collector: name } = subject;
    const document = this.#catalog.get({ clusterId, kind: "Collection", namespace, name });
    if (document === null) return this.#missing(subject);
    if (!this.#isIntact(document)) {
      return { type: "unavailable", reason: "the collection was edited by hand, and is about to be written anew" };
    }
    return { type: "collection", document: this.#narrow(document, subject) };
  }

  /** A collection that cannot be read is not an absent one, and neither is one in a store that holds nothing. */
  #missing(subject: Subject): Current {
    const path = collectionKey(subject);
    if (this.#removed.has(path)) return { type: "absent" };
    const statuses = this.#catalog.statuses();
    const problem = statuses.find((status) => status.path === path)?.problems[0];
    if (problem !== undefined) return { type: "unavailable", reason: problem.message };
    if (statuses.some((status) => status.path.startsWith(`${subject.clusterId}/`))) return { type: "absent" };
    return { type: "unavailable", reason: `the store holds nothing of "${subject.clusterId}" yet` };
  }

  #narrow(document: CollectionDocument, { clusterId, namespace, applications }: Subject): CollectionDocument {
    if (applications.length === 0) return document;
    const pods = podsOf(this.#catalog.documents("Application", { clusterId, namespace }), new Set(applications));
    const metrics = document.spec.metrics
      .map((metric) => ({ ...metric, targets: metric.targets.filter((target) => pods.has(target.pod)) }))
      .filter((metric) => metric.targets.length > 0);
    const spec = { ...document.spec, metrics };
    return { ...document, spec: { ...spec, digest: digestOf(spec) } };
  }

  #isIntact(document: CollectionDocument): boolean {
    const known = this.#intact.get(document) ?? isIntact(document);
    this.#intact.set(document, known);
    return known;
  }

  #changed(path: string, isGone: boolean): void {
    const key = keyOfPath(path);
    if (key?.kind === "Collection") {
      this.#removed.delete(path);
      if (isGone) this.#removed.add(path);
      const [oldest] = this.#removed;
      if (this.#removed.size > removedMax && oldest !== undefined) this.#removed.delete(oldest);
      this.#tell(path);
    } else if (key?.kind === "Application") {
      this.#tell(applicationsKey(key));
    }
  }

  #tell(key: string): void {
    for (const listener of this.#listeners.get(key) ?? []) listener();
  }

  #tellAll(): void {
    for (const key of this.#listeners.keys()) if (key.endsWith(".yaml")) this.#tell(key);
  }
}

function podsOf(applications: readonly ApplicationDocument[], names: ReadonlySet<string>): Set<string> {
  const chosen = applications.filter(({ metadata }) => names.has(metadata.name));
  return new Set(chosen.flatMap(({ spec }) => spec.instances.map((instance) => instance.name)));
}

function collectionKey({ clusterId, namespace, collector: name }: Subject): string {
  return documentPath({ clusterId, kind: "Collection", namespace, name });
}

/** No document's path. */
function applicationsKey({ clusterId, namespace }: Pick<DocumentKey, "clusterId" | "namespace">): string {
  return `${clusterId}/application/${namespace}`;
}
