import type { RegistryRecord } from "../core/registry/records.ts";
import type { Clock } from "../core/runtime/env.ts";
import type { Readiness } from "../core/telemetry/health.ts";
import type { Registry as MetricsRegistry } from "../core/telemetry/metrics.ts";
import { countDocuments, countTargets, type ServiceStatus, serviceStatus } from "./api/status.ts";
import { type CollectorRow, collectorRows } from "./health/collector_rows.ts";
import { type TargetRow, targetRows } from "./health/target_rows.ts";
import type { Orchestrator } from "./orchestrator/orchestrator.ts";
import { carryOut } from "./reconcile/carry_out.ts";
import { reconcile } from "./reconcile/reconcile.ts";
import { ReconcileLoop } from "./reconcile/reconcile_loop.ts";
import type { NamespacePlan } from "./reconcile/view.ts";
import { makeServiceMetrics, type ServiceMetrics } from "./service_metrics.ts";
import { World, type WorldDeps } from "./world.ts";

export interface ServiceDeps extends WorldDeps {
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  /** Makes what runs the collectors; `onRestart` is to be called for each that is started anew after it ended. */
  makeOrchestrator(onRestart: () => void): Orchestrator;
}

/**
 * The Metric-Service: keeps collections and collectors as the documents want them. It holds nothing that it could not
 * read again: it may be killed and started anew at any moment.
 */
export class Service {
  readonly #deps: ServiceDeps;
  readonly #world: World;
  readonly #orchestrator: Orchestrator;
  readonly #metrics: ServiceMetrics;
  readonly #loop: ReconcileLoop;
  /** As last planned; null before the first time. */
  #namespaces: readonly NamespacePlan[] | null = null;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#world = new World(deps);
    this.#metrics = makeServiceMetrics(deps.metrics, {
      targets: () => countTargets(this.targets()),
      documents: () => countDocuments(this.#world.config.catalog.statuses()),
    });
    this.#orchestrator = deps.makeOrchestrator(() => this.#metrics.restarted());
    this.#loop = new ReconcileLoop({ clock: deps.clock, log: deps.log, run: () => this.#reconcile() });
  }

  /** Begins to watch and to reconcile. */
  async start(): Promise<void> {
    this.#orchestrator.watch(() => this.#loop.changed());
    await this.#world.start(() => this.#loop.changed());
  }

  /** Ends the reconciliation, then what the orchestrator runs. The store stays open. */
  async close(): Promise<void> {
    await this.#loop.close();
    await this.#orchestrator.close();
    await this.#world.close();
  }

  readiness(): Readiness {
    const { synced, reason } = this.#world.storeState;
    if (!synced) return { ready: false, reason: `the store cannot be read: ${reason}` };
    return this.#namespaces === null ? { ready: false, reason: "nothing has been reconciled yet" } : { ready: true };
  }

  targets(): TargetRow[] {
    return targetRows(this.#namespaces ?? [], this.#world.reports);
  }

  async collectors(): Promise<CollectorRow[]> {
    return collectorRows({
      namespaces: this.#namespaces ?? [],
      workloads: await this.#orchestrator.list(),
      records: this.#world.collectors,
      reports: this.#world.reports,
    });
  }

  exporters(): readonly RegistryRecord[] {
    return this.#world.exporters;
  }

  async status(): Promise<ServiceStatus> {
    return serviceStatus({
      store: this.#world.storeState,
      files: this.#world.config.catalog.statuses(),
      targets: this.targets(),
      collectors: await this.collectors(),
    });
  }

  /** Returns whether everything was done. */
  async #reconcile(): Promise<boolean> {
    const view = this.#world.view();
    // What is still missing makes itself known.
    if (view === null) return true;
    const { store, log, clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    const plan = reconcile({ ...view, previous: this.#namespaces ?? [] });
    this.#namespaces = plan.namespaces;
    const done = await carryOut(plan, view.synced, {
      store,
      log,
      orchestrator: this.#orchestrator,
      onChange: (event) => this.#world.apply(event),
    });
    const durationMs = clock.monotonicMs() - startedMs;
    this.#metrics.reconciled(durationMs, done.failures);
    this.#metrics.changed(done.written, done.removed);
    if (done.written + done.removed > 0) log.info({ ...done, durationMs: Math.round(durationMs) }, "reconciled");
    return done.failures === 0;
  }
}
