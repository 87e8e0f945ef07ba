import { Sources, type UnreadSource } from "../targets/sources.ts";
import type { Discovery, Snapshot } from "./discovery.ts";

type Source = Pick<Discovery, "name" | "clusters">;

/** What each source has told last. Missing is not empty: which have told nothing yet is known, and of which clusters. */
export class Snapshots {
  readonly #sources: readonly Source[];
  readonly #told = new Map<string, Snapshot>();

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  /** Returns whether it is the first of this source. */
  take(source: Source, snapshot: Snapshot): boolean {
    const isFirst = !this.#told.has(source.name);
    this.#told.set(source.name, snapshot);
    return isFirst;
  }

  /** One for each source and each cluster of it. */
  get unread(): UnreadSource[] {
    return this.#sources.filter(({ name }) => !this.#told.has(name)).flatMap(perCluster);
  }

  /** Number of unread sources by cluster, with 0 where there are none; "" has those that speak for every cluster. */
  get unreadCounts(): Record<string, number> {
    const counts = Object.fromEntries(this.#sources.flatMap(perCluster).map(({ cluster }) => [cluster, 0]));
    for (const { cluster } of this.unread) counts[cluster] = (counts[cluster] ?? 0) + 1;
    return counts;
  }

  /** Null while a source that speaks for every cluster has told nothing. */
  get sources(): Sources | null {
    const { unread } = this;
    return unread.some(({ cluster }) => cluster === "") ? null : new Sources([...this.#told.values()], unread);
  }
}

function perCluster({ name, clusters }: Source): UnreadSource[] {
  return (clusters === "all" ? [""] : clusters).map((cluster) => ({ source: name, cluster }));
}
