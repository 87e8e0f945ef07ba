import { messageOf } from "../../core/errors.ts";
import { OrchestratorError, PartialListError, WorkloadMissingError } from "../orchestrator/orchestrator.ts";
import type { WorkloadStatus } from "../orchestrator/workload.ts";
import type { Failure } from "./care.ts";
import { isSameListing } from "./wish.ts";

/** How much a listing tells of a cluster. */
export interface ListedCluster {
  /** Whether it could not be listed the last time, so that what is known is from before. */
  readonly isStale: boolean;
  /** Monotonic milliseconds when the listing began. */
  readonly listedMs: number;
}

interface Unlisted {
  readonly reason: string;
  readonly failures: number;
  /** Null for all clusters. */
  readonly clusters: ReadonlyMap<string, Failure> | null;
  readonly all: Failure;
}

/**
 * The workloads as they were found last. A cluster that cannot be listed keeps what was found before, and the others go
 * on; missing is not empty.
 */
export class Listing {
  #found: readonly WorkloadStatus[] | null = null;
  #listedMs = -Infinity;
  #unlisted: Unlisted | null = null;
  #unseen: ReadonlySet<string> = new Set();

  /** Null while nothing could be listed. */
  get found(): readonly WorkloadStatus[] | null {
    return this.#found;
  }

  /** Clusters that could not be listed since the first listing: whether there is something is not known. */
  get unseen(): ReadonlySet<string> {
    return this.#unseen;
  }

  /** Why not everything could be listed the last time, and how often that has been so; null when everything could. */
  get problem(): { readonly reason: string; readonly failures: number } | null {
    return this.#unlisted;
  }

  /** Takes what a listing gave. Returns whether it shows something else than the one before. */
  take(found: readonly WorkloadStatus[], beganMs: number): boolean {
    this.#unlisted = null;
    return this.#show(found, new Set(), beganMs);
  }

  /** Takes what became of a listing that failed, with what it gave all the same. Returns as {@link take}. */
  fail(error: unknown, time: { readonly beganMs: number; readonly wallMs: number }): boolean {
    const before = this.#unlisted;
    const failure = failureOf(error);
    const partial = error instanceof PartialListError ? error : null;
    const sinceMs = (cluster: string) => this.failureIn(cluster)?.sinceMs ?? time.wallMs;
    this.#unlisted = {
      reason: failure.reason,
      failures: (before?.failures ?? 0) + 1,
      all: { ...failure, sinceMs: before?.all.sinceMs ?? time.wallMs },
      clusters: partial === null ? null : new Map(
        [...partial.missing].map(([cluster, one]) => [cluster, { ...failureOf(one), sinceMs: sinceMs(cluster) }]),
      ),
    };
    if (partial === null) return false;
    const kept = (this.#found ?? []).filter(({ clusterId }) => partial.missing.has(clusterId));
    const unseen = [...partial.missing.keys()].filter((cluster) => this.of(cluster) === null);
    return this.#show([...partial.found, ...kept], new Set(unseen), time.beganMs);
  }

  /** Null when nothing is known of it. */
  of(clusterId: string): ListedCluster | null {
    if (this.#found === null || this.#unseen.has(clusterId)) return null;
    const isStale = this.failureIn(clusterId) !== null;
    // What is stale does not hold up what is new: applying is idempotent.
    return { isStale, listedMs: isStale ? Infinity : this.#listedMs };
  }

  /** Why the cluster could not be listed the last time; null when it could. */
  failureIn(clusterId: string): Failure | null {
    if (this.#unlisted === null) return null;
    return this.#unlisted.clusters === null ? this.#unlisted.all : this.#unlisted.clusters.get(clusterId) ?? null;
  }

  #show(found: readonly WorkloadStatus[], unseen: ReadonlySet<string>, beganMs: number): boolean {
    const isSame = isSameListing(this.#found, found) && [...this.#unseen].every((cluster) => unseen.has(cluster));
    this.#found = found;
    this.#unseen = unseen;
    this.#listedMs = beganMs;
    return !isSame;
  }
}

/** What an orchestrator's error means for whoever called it. */
export function failureOf(error: unknown): Omit<Failure, "sinceMs"> {
  if (error instanceof OrchestratorError) return { kind: error.kind, reason: messageOf(error) };
  return { kind: error instanceof WorkloadMissingError ? "conflict" : "unavailable", reason: messageOf(error) };
}
