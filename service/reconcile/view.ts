import type { DocumentKey } from "../../core/config/key.ts";
import type { CollectionDocument, CollectorDocument, MetricDocument } from "../../core/config/schema.ts";
import type { Endpoint } from "../../core/scrape/endpoint.ts";
import type { ScaleOverride } from "../autoscale/scale_override.ts";
import type { CollectorReports } from "../health/target_rows.ts";
import type { Workload, WorkloadStatus } from "../orchestrator/workload.ts";
import type { Target, Unresolved } from "../targets/candidate.ts";
import type { Sources } from "../targets/sources.ts";
import type { StoredRecord } from "../workloads/record_state.ts";
import type { WorkloadRule } from "../workloads/wish.ts";
import type { BalanceMemory } from "./balance.ts";
import type { PeerMemory } from "./peers.ts";
import type { WishSettings } from "./workloads.ts";

/** Everything that a reconciliation looks at. */
export interface View {
  readonly metrics: readonly MetricDocument[];
  readonly collectors: readonly CollectorDocument[];
  readonly collections: readonly StoredCollection[];
  readonly sources: Sources;
  /**
   * Documents that are in the store and have not been valid since this process began, so that there is no last good
   * version of them. What their collections say stays in force.
   */
  readonly unreadable: readonly DocumentKey[];
  /** Whether the store is read completely. While it is not, nothing is removed: missing is not empty. */
  readonly synced: boolean;
  /**
   * What was planned last. It tells who owned the targets of a collection that somebody removed or edited meanwhile,
   * so that they come back to the same collector.
   */
  readonly previous: readonly NamespacePlan[];
  /** Highest generation that a namespace (by scope) is known to have had, whatever its files say now. */
  readonly generations: ReadonlyMap<string, number>;
  /** Which collectors are there, and which generation each has confirmed. */
  readonly reports: CollectorReports;
  /** The workloads as they were found last; null, as by default, while that is not known. */
  readonly found?: readonly WorkloadStatus[] | null;
  /** Clusters whose workloads could not be listed yet; none by default. */
  readonly unseen?: ReadonlySet<string>;
  /** Namespaces, by scope, where a workload may still show up that is not among `found`; none by default. */
  readonly unsettled?: ReadonlySet<string>;
  /** What is remembered of the namespaces' workloads, by scope; nothing by default. */
  readonly records?: ReadonlyMap<string, StoredRecord>;
  readonly settings?: WishSettings;
  /** Numbers of collectors that were approved, by scope; none by default. */
  readonly scales?: ReadonlyMap<string, ScaleOverride>;
}

/** A collection file as it is in the store. */
export interface StoredCollection {
  readonly path: string;
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  readonly text: string;
  /** Null when the file is there and cannot be read. */
  readonly revision: string | null;
  /** Null when somebody else wrote or changed it. */
  readonly document: CollectionDocument | null;
}

/** What is to be done, and what it will mean. */
export interface Plan {
  readonly writes: readonly CollectionWrite[];
  readonly removals: readonly CollectionRemoval[];
  readonly workloads: readonly Workload[];
  /** How the workloads are to be treated, by path. */
  readonly rules: ReadonlyMap<string, WorkloadRule>;
  /** Records of workloads that are to be written before the workloads are changed. */
  readonly records: readonly RecordWrite[];
  readonly recordRemovals: readonly RecordRemoval[];
  readonly namespaces: readonly NamespacePlan[];
  /** Unix milliseconds when to reconcile again even if nothing changes; Infinity for never. */
  readonly nextLookMs: number;
}

export interface CollectionWrite {
  readonly path: string;
  readonly text: string;
  /** Revision of the file that it replaces; null when there is none, undefined when it is not known. */
  readonly replaces: string | null | undefined;
}

export interface CollectionRemoval {
  readonly path: string;
  /** Null when it is not known. */
  readonly revision: string | null;
}

/** A record of a namespace's workload: service/workloads/record.ts. */
export interface RecordWrite {
  readonly scope: string;
  readonly path: string;
  readonly text: string;
  /** Revision of the one that it replaces; null when there is none. */
  readonly replaces: string | null;
}

export interface RecordRemoval {
  readonly scope: string;
  readonly path: string;
  readonly revision: string;
}

export interface NamespacePlan {
  readonly clusterId: string;
  readonly namespace: string;
  /** The highest of the namespace's collections. */
  readonly generation: number;
  readonly targets: readonly PlannedTarget[];
  /** Collectors that were to go and did not confirm for too long: their targets have moved without them. */
  readonly givenUp?: readonly string[];
  /** How many collectors there are to be; not there while that cannot be told, or the namespace is held as it is. */
  readonly scale?: PlannedScale;
  /** What the next reconciliation is to know and no file tells; without it, it begins anew. */
  readonly memory?: NamespaceMemory;
}

export interface PlannedScale {
  /** Name of the collector workload. */
  readonly workload: string;
  /** With what was approved or taken over. */
  readonly replicas: number;
  /** What the documents ask for. */
  readonly declared: number;
}

export interface NamespaceMemory {
  /** By collector. */
  readonly peers: ReadonlyMap<string, PeerMemory>;
  /** The moment of each handover under way, with the generation that brought it to the collections. */
  readonly moments: ReadonlyMap<number, number>;
  readonly balance: BalanceMemory;
}

/** A target with its owner, or something that a metric selects and nobody scrapes, with the reason. */
export type PlannedTarget =
  | (Target & {
    readonly metric: string;
    readonly collector: string;
    readonly generation: number;
    /** The collector that it is being handed over to, and when that begins to scrape it (Unix milliseconds). */
    readonly movesTo?: { readonly collector: string; readonly atMs: number };
  })
  | (Unresolved & Partial<Endpoint> & { readonly metric: string });
