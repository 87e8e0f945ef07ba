import type { Component, Pod, Snapshot, SuppliedTargets } from "../discovery/discovery.ts";

/** A namespace of a cluster as one text; safe names hold no slash. */
export function scopeOf(place: { readonly clusterId: string; readonly namespace: string }): string {
  return `${place.clusterId}/${place.namespace}`;
}

/** What all sources know, found by namespace, so that a metric looks only at what can concern it. */
export class Sources {
  readonly components: readonly Component[];
  readonly #pods: ReadonlyMap<string, readonly Pod[]>;
  readonly #supplied: ReadonlyMap<string, readonly SuppliedTargets[]>;

  constructor(snapshots: readonly Snapshot[]) {
    this.components = snapshots.flatMap((snapshot) => snapshot.components);
    this.#pods = Map.groupBy(snapshots.flatMap((snapshot) => snapshot.pods), scopeOf);
    this.#supplied = Map.groupBy(snapshots.flatMap((snapshot) => snapshot.supplied), scopeOf);
  }

  /** The pods of all namespaces: what looks through them costs in proportion to the whole installation. */
  get pods(): Iterable<Pod> {
    return [...this.#pods.values()].flat();
  }

  /** The same without the pods and tasks of namespaces that are not kept. */
  within(keep: (place: { readonly clusterId: string; readonly namespace: string }) => boolean): Sources {
    const supplied = [...this.#supplied.values()].flat().filter(keep);
    return new Sources([{ pods: [...this.pods].filter(keep), components: this.components, supplied }]);
  }

  podsIn(scope: string): readonly Pod[] {
    return this.#pods.get(scope) ?? [];
  }

  suppliedIn(scope: string): readonly SuppliedTargets[] {
    return this.#supplied.get(scope) ?? [];
  }
}
