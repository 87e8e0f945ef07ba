import { logCatalogChanges } from "../core/config/catalog_log.ts";
import { isIntact } from "../core/config/collection.ts";
import type { ConfigDocument } from "../core/config/schema.ts";
import type { Registry, RegistryRecord } from "../core/registry/records.ts";
import { type Store, type StoreEvent, systemPrefix } from "../core/store/store.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { ConfigState } from "./config_state.ts";
import type { Discovery, Snapshot } from "./discovery/discovery.ts";
import { makeDocumentsDiscovery } from "./discovery/documents.ts";
import { makeRegistryDiscovery } from "./discovery/registry.ts";
import { CollectorRecords } from "./health/collector_records.ts";
import { StatusState } from "./health/status_state.ts";
import type { CollectorReports } from "./health/target_rows.ts";
import type { View } from "./reconcile/view.ts";
import { scopeOf, Sources } from "./targets/sources.ts";

export interface WorldDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly log: Logger;
  /** Lowest frequency of a metric. */
  readonly frequencyMinSeconds: number;
}

/** Everything that the service knows of what is around it, kept up to date by watching. */
export class World {
  readonly config: ConfigState;
  readonly #statuses = new StatusState();
  readonly #deps: WorldDeps;
  readonly #discoveries: readonly Discovery[];
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #generations = new Map<string, number>();
  readonly #watches: { close(): Promise<void> }[] = [];
  #collectors = new CollectorRecords([]);
  #exporters: readonly RegistryRecord[] = [];
  #storeReason = "it has not been read yet";

  constructor(deps: WorldDeps) {
    this.#deps = deps;
    this.config = new ConfigState(deps);
    this.#discoveries = [makeDocumentsDiscovery(this.config), makeRegistryDiscovery(deps.registry)];
  }

  get collectors(): CollectorRecords {
    return this.#collectors;
  }

  get exporters(): readonly RegistryRecord[] {
    return this.#exporters;
  }

  /** Whether the store can be read, and why not. */
  get storeState(): { readonly synced: boolean; readonly reason: string } {
    return { synced: this.config.catalog.synced, reason: this.config.catalog.synced ? "" : this.#storeReason };
  }

  get reports(): CollectorReports {
    return {
      statusOf: (clusterId, namespace, collector) => this.#statuses.get(clusterId, namespace, collector),
      isAlive: (clusterId, namespace, collector) => this.#collectors.find(clusterId, namespace, collector) !== null,
    };
  }

  /** Begins to watch; `onChange` is called after each change that may concern a reconciliation. */
  async start(onChange: () => void): Promise<void> {
    const { store, registry } = this.#deps;
    this.config.onChange(onChange);
    for (const discovery of this.#discoveries) {
      this.#watches.push(
        await discovery.watch((snapshot) => {
          this.#snapshots.set(discovery.name, snapshot);
          onChange();
        }),
      );
    }
    const takeCollectors = (records: readonly RegistryRecord[]) => this.#collectors = new CollectorRecords(records);
    this.#watches.push(await registry.watch("collector", takeCollectors));
    this.#watches.push(await registry.watch("exporter", (records) => this.#exporters = records));
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
      return;
    }
    const changes = this.config.apply(event);
    logCatalogChanges(log, changes);
    for (const change of changes) if (change.type === "put") this.#noteGeneration(change.document);
  }

  /**
   * What a reconciliation is to look at; null while something has never been read completely, since what is missing
   * would be taken for gone.
   */
  view(): Omit<View, "previous"> | null {
    if (!this.config.everSynced || this.#snapshots.size < this.#discoveries.length) return null;
    for (const [scope, generation] of this.#statuses.appliedGenerations()) this.#raiseGeneration(scope, generation);
    const sources = new Sources([...this.#snapshots.values()]);
    return { ...this.config.view(), sources, generations: this.#generations };
  }

  #applyToStatuses(event: StoreEvent): void {
    const problem = this.#statuses.apply(event);
    if (problem !== null) this.#deps.log.warn({ reason: problem }, "a collector's status cannot be read");
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
