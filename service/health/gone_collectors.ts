import type { CollectorReports } from "./target_rows.ts";

/** Names a collector's status in the store. */
export interface StatusKey {
  readonly clusterId: string;
  readonly namespace: string;
  readonly collector: string;
}

/** A status is kept so long after its collector has gone: what it told last is of use to whoever asks why. */
export const keepGoneMs = 3_600_000;

/** Statuses that are given up at once; the others wait for the next look. */
export const givenUpAtOnceMax = 100;

/**
 * Which statuses are of collectors that have gone for good: neither in the registry nor with a collection for
 * {@link keepGoneMs}, by the clock of whoever looks. It does no I/O. Who begins to look begins to count, so that a
 * service that was down does not take its own absence for theirs.
 */
export class GoneCollectors {
  /** Monotonic, by key: since when each has been seen gone. */
  #goneSinceMs = new Map<string, number>();

  /** Looks at all statuses there are; returns those to be removed now. */
  look<Key extends StatusKey>(statuses: readonly Key[], isThere: (key: Key) => boolean, nowMs: number): Key[] {
    const gone = statuses.filter((key) => !isThere(key));
    this.#goneSinceMs = new Map(gone.map((key) => [textOf(key), this.#goneSinceMs.get(textOf(key)) ?? nowMs]));
    return gone.filter((key) => nowMs - (this.#goneSinceMs.get(textOf(key)) ?? nowMs) >= keepGoneMs)
      .slice(0, givenUpAtOnceMax);
  }
}

/** Whether a collector is there: it is in the registry, or has a collection. */
export function presenceIn(
  collections: readonly { readonly clusterId: string; readonly namespace: string; readonly name: string }[],
  reports: Pick<CollectorReports, "isAlive">,
): (key: StatusKey) => boolean {
  const assigned = new Set(
    collections.map(({ clusterId, namespace, name }) => textOf({ clusterId, namespace, collector: name })),
  );
  return (key) => reports.isAlive(key.clusterId, key.namespace, key.collector) || assigned.has(textOf(key));
}

function textOf({ clusterId, namespace, collector }: StatusKey): string {
  return `${clusterId}/${namespace}/${collector}`;
}
