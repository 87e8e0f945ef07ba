import { logCatalogChanges } from "../core/config/catalog_log.ts";
import { isIntact } from "../core/config/collection.ts";
import type { ConfigDocument } from "../core/config/schema.ts";
import type {
  LiveRecord,
  Registry,
  RegistryModule,
  RegistryRecord,
  RegistryWatching,
} from "../core/registry/records.ts";
import { keyOfStatusPath } from "../core/registry/status.ts";
import { type Store, type StoreEvent, systemPrefix } from "../core/store/store.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { Approvals } from "./autoscale/approvals/approvals.ts";
import { ScaleState } from "./autoscale/scale_override.ts";
import { ConfigState } from "./config_state.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { makeDocumentsDiscovery } from "./discovery/documents.ts";
import { makeRegistryDiscovery } from "./discovery/registry.ts";
import { Snapshots } from "./discovery/snapshots.ts";
import type { EventRecorder } from "./events/mod.ts";
import { HoldState } from "./guards/hold_state.ts";
import { CollectorRecords } from "./health/collector_records.ts";
import type { KnownStatus } from "./health/remove_statuses.ts";
import { StatusState } from "./health/status_state.ts";
import type { CollectorReports } from "./health/target_rows.ts";
import type { View } from "./reconcile/view.ts";
import { CollectionFeed } from "./stream/collection_feed.ts";
import { scopeOf, type Sources, type UnreadSource } from "./targets/sources.ts";
import { RecordState } from "./workloads/record_state.ts";

export interface WorldDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly log: Logger;
  /** Lowest frequency of a metric. */
  readonly frequencyMinSeconds: number;
  /** Told of what happens. */
  readonly recorder?: EventRecorder;
  /** Sources of instances besides the documents and the registry; none by default. */
  readonly discoveries?: readonly Discovery[];
}

/** Everything that the service knows of what is around it, kept up to date by watching. */
export class World {
  readonly config: ConfigState;
  /** For the streams to collectors. */
  readonly feed: CollectionFeed;
  /** Changes that wait for a confirmation. */
  readonly holds: HoldState;
  /** Plans for other numbers of collectors. */
  readonly approvals: Approvals;
  /** Numbers of collectors that were approved. */
  readonly scales: ScaleState = new ScaleState();
  /** What is remembered of the collector workloads. */
  readonly workloadRecords = new RecordState();
  readonly #statuses = new StatusState();
  readonly #deps: WorldDeps;
  readonly #discoveries: readonly Discovery[];
  readonly #snapshots: Snapshots;
  readonly #generations = new Map<string, number>();
  readonly #watches: { close(): Promise<void> }[] = [];
  #collectors = new CollectorRecords<RegistryRecord>([]);
  readonly #registry = new Map<RegistryModule, RegistryWatching>();
  #onChange = () => {};
  #storeReason = "it has not been read yet";

  constructor(deps: WorldDeps) {
    this.#deps = deps;
    this.config = new ConfigState(deps);
    this.holds = new HoldState(deps.store);
    this.approvals = new Approvals(deps.store);
    this.feed = new CollectionFeed(this.config.catalog);
    const own = [makeDocumentsDiscovery(this.config), makeRegistryDiscovery(deps.registry)];
    this.#discoveries = [...own, ...deps.discoveries ?? []];
    this.#snapshots = new Snapshots(this.#discoveries);
  }

  /** The live records of a module, with their leases as they stand now. */
  records(module: RegistryModule): readonly LiveRecord[] {
    return this.#registry.get(module)?.live() ?? [];
  }

  /** Whether the store can be read, and why not. */
  get storeState(): { readonly synced: boolean; readonly reason: string } {
    return { synced: this.config.catalog.synced, reason: this.config.catalog.synced ? "" : this.#storeReason };
  }

  /** Every status that a collector has told, whether or not the collector is there. */
  get statuses(): KnownStatus[] {
    return this.#statuses.all();
  }

  get reports(): CollectorReports {
    return {
      statusOf: (clusterId, namespace, collector) => this.#statuses.get(clusterId, namespace, collector),
      isAlive: (clusterId, namespace, collector) => this.#collectors.find(clusterId, namespace, collector) !== null,
    };
  }

  /** The sources that have not been read completely yet. */
  get unread(): UnreadSource[] {
    return this.#snapshots.unread;
  }

  /** Number of unread sources by cluster: {@link Snapshots.unreadCounts}. */
  get unreadCounts(): Record<string, number> {
    return this.#snapshots.unreadCounts;
  }

  /** Where targets come from; null while something that concerns every cluster has never been read completely. */
  get sources(): Sources | null {
    return this.config.everSynced ? this.#snapshots.sources : null;
  }

  /** Begins to watch; `onChange` is called after each change that may concern a reconciliation. */
  async start(onChange: () => void): Promise<void> {
    const { store, log } = this.#deps;
    this.config.onChange(onChange);
    for (const discovery of this.#discoveries) {
      this.#watches.push(
        await discovery.watch((snapshot) => {
          const isFirst = this.#snapshots.take(discovery, snapshot);
          const { name: source, clusters } = discovery;
          if (isFirst && clusters !== "all") log.info({ source, clusters }, "the pods of a cluster have been read");
          onChange();
        }),
      );
    }
    this.#onChange = onChange;
    await this.#follow("collector", (records) => this.#takeCollectors(records));
    await this.#follow("exporter");
    await this.#follow("service");
    this.#watches.push(await store.watch("", (event) => this.apply(event)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  /** Takes a change of the store, seen by the watch or made by ourselves. */
  apply(event: StoreEvent): void {
    const { log } = this.#deps;
    if (event.type === "unavailable") {
      this.#storeReason = event.reason;
      log.error({ reason: event.reason }, "the store cannot be read; everything stays as it is");
    } else if (event.type === "synced") {
      log.info("the store has been read");
    }
    const path = event.type === "put" ? event.entry.path : "path" in event ? event.path : "";
    if (path.startsWith(systemPrefix)) {
      this.#applyToStatuses(event);
      if (this.holds.apply(event) || this.workloadRecords.apply(event)) this.#onChange();
      if (this.scales.apply(event)) this.#onChange();
      this.approvals.apply(event);
      return;
    }
    const isNews = this.config.everSynced;
    const changes = this.config.apply(event);
    logCatalogChanges(log, changes);
    if (isNews) this.#deps.recorder?.documents(changes);
    for (const change of changes) if (change.type === "put") this.#noteGeneration(change.document);
    this.feed.apply(event);
  }

  /**
   * What a reconciliation is to look at; null while something that concerns every cluster has never been read
   * completely, since what is missing would be taken for gone.
   */
  view(): Omit<View, "previous"> | null {
    const { sources } = this;
    if (sources === null) return null;
    for (const [scope, generation] of this.#statuses.appliedGenerations()) this.#raiseGeneration(scope, generation);
    return {
      ...this.config.view(),
      sources,
      generations: this.#generations,
      reports: this.reports,
      records: this.workloadRecords.byScope(),
      scales: this.scales.byScope(),
    };
  }

  async #follow(module: RegistryModule, onChange: (records: readonly RegistryRecord[]) => void = () => {}) {
    const watching = await this.#deps.registry.watch(module, onChange);
    this.#registry.set(module, watching);
    this.#watches.push(watching);
  }

  /** Who comes and who goes matters to a reconciliation; a renewed record does not. */
  #takeCollectors(records: readonly RegistryRecord[]): void {
    const before = new Set(this.#collectors.all.map((record) => record.id));
    this.#collectors = new CollectorRecords(records);
    this.#deps.recorder?.collectors(records);
    if (records.length !== before.size || records.some((record) => !before.has(record.id))) this.#onChange();
  }

  #applyToStatuses(event: StoreEvent): void {
    const key = event.type === "put" ? keyOfStatusPath(event.entry.path) : null;
    const confirmed = () =>
      key === null ? undefined : this.#statuses.get(key.clusterId, key.namespace, key.collector)?.generation;
    const before = confirmed();
    const problem = this.#statuses.apply(event);
    if (problem !== null) this.#deps.log.warn({ reason: problem }, "a collector's status cannot be read");
    const status = key === null ? null : this.#statuses.get(key.clusterId, key.namespace, key.collector);
    if (key !== null && status !== null) this.#deps.recorder?.status(key, status, this.config.everSynced);
    // A generation that is confirmed may be what a handover waits for; how targets fare is nothing to reconcile.
    if (confirmed() !== before) this.#onChange();
  }

  /** A generation that was in force once is never given again, even when its file is gone before anybody looks. */
  #noteGeneration(document: ConfigDocument): void {
    if (document.kind !== "Collection" || !isIntact(document)) return;
    this.#raiseGeneration(scopeOf(document.metadata), document.spec.generation);
  }

  #raiseGeneration(scope: string, generation: number): void {
    this.#generations.set(scope, Math.max(this.#generations.get(scope) ?? 0, generation));
  }
}
