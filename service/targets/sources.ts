import type { Component, Pod, Snapshot, SuppliedTargets } from "../discovery/discovery.ts";

/** A namespace of a cluster. */
export interface Place {
  readonly clusterId: string;
  readonly namespace: string;
}

/** A namespace of a cluster as one text; safe names hold no slash. */
export function scopeOf(place: Place): string {
  return `${place.clusterId}/${place.namespace}`;
}

/** The reverse of {@link scopeOf}. */
export function placeIn(scope: string): Place {
  const slash = scope.indexOf("/");
  return { clusterId: scope.slice(0, slash), namespace: scope.slice(slash + 1) };
}

/** A source that has not been read completely since this process began. */
export interface UnreadSource {
  readonly source: string;
  /** "" for one that speaks for every cluster. */
  readonly cluster: string;
}

/** What all sources know, found by namespace, so that a metric looks only at what can concern it. */
export class Sources {
  readonly components: readonly Component[];
  /** What is missing here: of their clusters nobody can tell what is gone. */
  readonly unread: readonly UnreadSource[];
  readonly #pods: ReadonlyMap<string, readonly Pod[]>;
  readonly #supplied: ReadonlyMap<string, readonly SuppliedTargets[]>;
  readonly #unread: ReadonlyMap<string, readonly UnreadSource[]>;

  constructor(snapshots: readonly Snapshot[], unread: readonly UnreadSource[] = []) {
    this.components = snapshots.flatMap((snapshot) => snapshot.components);
    this.unread = unread;
    this.#pods = Map.groupBy(snapshots.flatMap((snapshot) => snapshot.pods), scopeOf);
    this.#supplied = Map.groupBy(snapshots.flatMap((snapshot) => snapshot.supplied), scopeOf);
    this.#unread = Map.groupBy(unread, ({ cluster }) => cluster);
  }

  /** The pods of all namespaces: what looks through them costs in proportion to the whole installation. */
  get pods(): Iterable<Pod> {
    return [...this.#pods.values()].flat();
  }

  /** The same without the pods and tasks of namespaces that are not kept. */
  within(keep: (place: Place) => boolean): Sources {
    const supplied = [...this.#supplied.values()].flat().filter(keep);
    const pods = [...this.pods].filter(keep);
    return new Sources([{ pods, components: this.components, supplied }], this.unread);
  }

  podsIn(scope: string): readonly Pod[] {
    return this.#pods.get(scope) ?? [];
  }

  suppliedIn(scope: string): readonly SuppliedTargets[] {
    return this.#supplied.get(scope) ?? [];
  }

  /** Why the namespaces of the cluster stay as they are, in a few words; "" when all its sources have been read. */
  problemOf(clusterId: string): string {
    const names = (this.#unread.get(clusterId) ?? []).map(({ source }) => source);
    return names.length === 0 ? "" : `cluster ${clusterId} has not been read yet (source ${names.join(", ")})`;
  }
}
