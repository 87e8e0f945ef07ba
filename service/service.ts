import type { LiveRecord } from "../core/registry/records.ts";
import type { Clock, Random } from "../core/runtime/env.ts";
import type { StoreEvent } from "../core/store/store.ts";
import type { Readiness } from "../core/telemetry/health.ts";
import type { Registry as MetricsRegistry } from "../core/telemetry/metrics.ts";
import { readinessOf } from "./api/readiness.ts";
import { countDocuments, countTargets, type ServiceStatus, serviceStatus } from "./api/status.ts";
import type { Approval } from "./autoscale/approvals/approval.ts";
import type { Approvals } from "./autoscale/approvals/approvals.ts";
import type { NamespacesNow } from "./autoscale/autoscaler.ts";
import type { AutoscaleConfig } from "./autoscale/config.ts";
import { namespacesNow } from "./autoscale/namespaces_now.ts";
import type { ScaleState } from "./autoscale/scale_override.ts";
import type { Documents } from "./documents/documents.ts";
import { makeDocuments } from "./documents/store_documents.ts";
import { EventLog, EventRecorder } from "./events/mod.ts";
import type { ExplainView } from "./explain/mod.ts";
import { guard, type Guarded, type GuardSettings } from "./guards/guard.ts";
import type { HoldState } from "./guards/hold_state.ts";
import { forgetHolds, tellHolds } from "./guards/keep_holds.ts";
import { CollectorRecords } from "./health/collector_records.ts";
import { type CollectorRow, collectorRows } from "./health/collector_rows.ts";
import { GoneCollectors, presenceIn } from "./health/gone_collectors.ts";
import { removeStatuses } from "./health/remove_statuses.ts";
import { type TargetRow, targetRows } from "./health/target_rows.ts";
import { asStored } from "./leader/as_stored.ts";
import type { Leadership, LeadershipStatus } from "./leader/leader.ts";
import { Term } from "./leader/term.ts";
import type { Orchestrator } from "./orchestrator/orchestrator.ts";
import type { Workload, WorkloadKey } from "./orchestrator/workload.ts";
import { carryOut } from "./reconcile/carry_out.ts";
import type { HandoverTiming } from "./reconcile/handover.ts";
import { removableScopes } from "./reconcile/kept_namespace.ts";
import {
  ignoredDocuments,
  type Notice,
  NoticeBoard,
  noticesOf,
  unreadNotices,
  unreadPatienceMs,
} from "./reconcile/notices.ts";
import { reconcile, reconcilePeriodMs } from "./reconcile/reconcile.ts";
import type { NamespacePlan, View } from "./reconcile/view.ts";
import { type WishSettings, wishSettingsDefault } from "./reconcile/workloads.ts";
import { RunLoop } from "./run_loop.ts";
import { makeServiceMetrics, type ServiceMetrics } from "./service_metrics.ts";
import type { CollectionFeed } from "./stream/collection_feed.ts";
import { scopeOf, type Sources } from "./targets/sources.ts";
import { WorkloadKeeper } from "./workloads/keeper.ts";
import { workloadNotices } from "./workloads/workload_notices.ts";
import type { WorkloadRow } from "./workloads/workload_rows.ts";
import { World, type WorldDeps } from "./world.ts";

export interface ServiceDeps extends WorldDeps {
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  readonly guard: GuardSettings;
  /** That of the default lease by default. */
  readonly handoverTiming?: HandoverTiming;
  /** What the operator says of all collector workloads, asked for at each reconciliation. */
  wishSettings?(): WishSettings;
  /** Spreads attempts; without it they are not spread. */
  readonly random?: Pick<Random, "float">;
  /**
   * Makes what runs the collectors, each time that this service begins to lead; `onRestart` is to be called for each
   * collector that is started anew after it ended.
   */
  makeOrchestrator(onRestart: () => void): Orchestrator;
}

/**
 * The Metric-Service: shows how everything is, and, as long as it leads, keeps collections and collectors as the
 * documents want them. It holds nothing that it could not read again: it may be killed and started anew at any moment.
 */
export class Service {
  /** For the APIs. */
  readonly documents: Documents;
  /** What happened lately. */
  readonly events: EventLog;
  readonly #deps: ServiceDeps;
  readonly #recorder: EventRecorder;
  readonly #world: World;
  readonly #term: Term;
  readonly #metrics: ServiceMetrics;
  readonly #loop: RunLoop;
  readonly #keeper: WorkloadKeeper;
  readonly #gone = new GoneCollectors();
  readonly #notices = new NoticeBoard();
  readonly #workloadNotices = new NoticeBoard();
  readonly #sourceNotices = new NoticeBoard();
  /** Monotonic. */
  #startedMs = 0;
  #leadership: Leadership | null = null;
  /** As last planned. */
  #planned: readonly NamespacePlan[] = [];
  /** The workloads as last planned, by scope. */
  #workloads: ReadonlyMap<string, readonly Workload[]> = new Map();
  /** As last planned, with what the store says of it; null before the first time. */
  #namespaces: readonly NamespacePlan[] | null = null;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.events = new EventLog({
      epoch: Math.floor(deps.clock.wallMs()).toString(36),
      wallMs: () => deps.clock.wallMs(),
    });
    this.#recorder = new EventRecorder(this.events);
    this.#world = new World({ ...deps, recorder: this.#recorder });
    const world = this.#world;
    this.onApproval((approval) => {
      this.#recorder.approval(approval);
      const { id, clusterId, namespace, state, trail } = approval;
      deps.log.info({ approval: id, clusterId, namespace, by: trail.at(-1)?.by ?? "" }, `a plan is ${state}`);
    });
    this.documents = makeDocuments({ ...deps, config: world.config, apply: (event) => world.apply(event) });
    this.#metrics = makeServiceMetrics(deps.metrics, {
      targets: () => countTargets(this.targets()),
      documents: () => countDocuments(this.#world.config.catalog.statuses()),
      leadership: () => this.leadership(),
      heldChanges: () => this.holds.all().length,
      workloads: () => this.workloads(),
      unreadSources: () => this.#world.unreadCounts,
    });
    this.#term = new Term(() => this.#makeOrchestrator(), deps.log, () => this.#loop.changed());
    this.#keeper = new WorkloadKeeper({
      clock: deps.clock,
      random: deps.random ?? { float: () => 0.5 },
      log: deps.log,
      mayAct: () => this.#mayAct(),
      onFound: () => this.#loop.changed(),
      onAction: (type, failure) => this.#metrics.workloadAction(type, failure ?? "done"),
      onListFailure: () => this.#metrics.workloadListFailed(),
      onRows: (rows) => this.#tellOf(this.#workloadNotices, workloadNotices(rows)),
    });
    this.#loop = new RunLoop({
      ...deps,
      what: "reconciliation",
      periodMs: reconcilePeriodMs,
      run: () => this.#reconcile(),
    });
  }

  /** Begins to watch, and to reconcile whenever this service leads. The leadership is closed with the service. */
  async start(leadership: Leadership): Promise<void> {
    this.#leadership = leadership;
    this.#startedMs = this.#deps.clock.monotonicMs();
    leadership.start({
      onLead: (epoch) => {
        this.#recorder.leader(leadership.status().leader, `leads with epoch ${epoch}`);
        this.#loop.changed();
      },
      onLapse: () => {
        this.#recorder.leader("", "this service leads no more");
        this.#loop.changed();
      },
      onSuperseded: () => {
        this.#recorder.leader(leadership.status().leader, "another service leads");
        this.#keeper.serve(null);
        this.#term.end();
      },
    });
    await this.#world.start(() => this.#loop.changed());
  }

  /** Ends the reconciliation, then what this service runs, and only then the leadership. The store stays open. */
  async close(): Promise<void> {
    await this.#loop.close();
    const keeping = this.#keeper.close();
    await this.#term.close();
    await keeping;
    await this.#leadership?.close();
    await this.#world.close();
  }

  readiness(): Readiness {
    return readinessOf(this.#world.storeState, this.#world.unread, this.#namespaces !== null);
  }

  /** Whether the store has been read completely since this process began. */
  storeRead(): boolean {
    return this.#world.config.everSynced;
  }

  targets(): TargetRow[] {
    return targetRows(this.#namespaces ?? [], this.#world.reports);
  }

  collectors(): Promise<CollectorRow[]> {
    return Promise.resolve(collectorRows({
      namespaces: this.#namespaces ?? [],
      workloads: this.#keeper.found ?? [],
      records: new CollectorRecords(this.#world.records("collector")),
      reports: this.#world.reports,
      documents: this.#world.config.catalog.documents("Collector"),
    }));
  }

  /** How the collector workloads stand that this service runs, as the leader; none where somebody else runs them. */
  workloads(): WorkloadRow[] {
    return this.#term.orchestrator?.name === "none" ? [] : this.#keeper.rows();
  }

  /** How the workload of this place and name stands; undefined when this service does not know. */
  workloadOf({ clusterId, namespace, name }: WorkloadKey): WorkloadRow | undefined {
    return this.workloads().find((row) =>
      row.cluster === clusterId && row.namespace === namespace && row.name === name
    );
  }

  /** Reconciles soon, since something has changed that no watch tells of. */
  changed(): void {
    this.#loop.changed();
  }

  /** The collectors as they tell of themselves. */
  collectorRecords(): readonly LiveRecord[] {
    return this.#world.records("collector");
  }

  exporters(): readonly LiveRecord[] {
    return this.#world.records("exporter");
  }

  /** Where targets come from; null while not everything has been read. */
  sources(): Sources | null {
    return this.#world.sources;
  }

  /** What an explanation looks at; null while not everything has been read. */
  async explainView(): Promise<ExplainView | null> {
    const { sources, config: { catalog } } = this.#world;
    if (sources === null) return null;
    return {
      metrics: catalog.documents("Metric"),
      files: catalog.statuses(),
      sources,
      targets: this.targets(),
      collectors: await this.collectors(),
      workloads: this.workloads(),
      exporters: this.exporters(),
      nowMs: this.#deps.clock.wallMs(),
    };
  }

  services(): readonly LiveRecord[] {
    return this.#world.records("service");
  }

  /** What it tells of itself in the registry. */
  load(): Record<string, number> {
    const { leading, epoch } = this.leadership();
    const targets = (this.#namespaces ?? []).reduce((sum, plan) => sum + plan.targets.length, 0);
    return { targets, leading: leading ? 1 : 0, epoch };
  }

  leadership(): LeadershipStatus {
    return this.#leadership?.status() ?? { leading: false, epoch: 0, leader: "" };
  }

  /** Changes that wait for a confirmation. */
  get holds(): HoldState {
    return this.#world.holds;
  }

  /** Plans for other numbers of collectors. */
  get approvals(): Approvals {
    return this.#world.approvals;
  }

  /** Numbers of collectors that were approved. */
  get scales(): ScaleState {
    return this.#world.scales;
  }

  /** Calls back when a plan has come to a state, but not of what was there when the store was first read. */
  onApproval(listener: (approval: Approval) => void): void {
    this.approvals.onChange((approval, before) => {
      if (this.#world.config.everSynced && before?.state !== approval.state) listener(approval);
    });
  }

  /** The namespaces as they were planned last, for scaling; null while nothing is planned. */
  async scaledNamespaces(rules: AutoscaleConfig["rules"]): Promise<NamespacesNow | null> {
    const { storeState, config } = this.#world;
    if (this.#namespaces === null || !storeState.synced) return null;
    const documents = config.catalog.documents("Collector");
    return namespacesNow({ plans: this.#namespaces, collectors: await this.collectors(), documents, rules });
  }

  /** Whether this service may act as the leader now; to be asked right before every effect. */
  mayAct(): boolean {
    return this.#mayAct();
  }

  /** Takes a change that was made to the store, before its watch tells of it. */
  apply(event: StoreEvent): void {
    this.#world.apply(event);
  }

  /** What the collections are now, for the streams to collectors. */
  get feed(): CollectionFeed {
    return this.#world.feed;
  }

  async status(): Promise<ServiceStatus> {
    return serviceStatus({
      store: this.#world.storeState,
      unread: this.#world.unread,
      leader: this.leadership(),
      guards: this.holds.all(),
      files: this.#world.config.catalog.statuses(),
      ignored: ignoredDocuments(this.#world.config.view().collectors),
      targets: this.targets(),
      collectors: await this.collectors(),
      workloads: this.workloads(),
    });
  }

  /** Returns whether everything was done that this service is to do. */
  async #reconcile(): Promise<boolean> {
    const world = this.#world.view();
    // What is still missing makes itself known.
    if (world === null) return true;
    const settings = this.#deps.wishSettings?.() ?? wishSettingsDefault;
    if (this.#mayAct()) this.#keeper.serve(this.#term.begin());
    const view = {
      ...world,
      settings,
      found: this.#keeper.found,
      unseen: this.#keeper.unseen,
      unsettled: this.#keeper.scopes,
    };
    const { clock, log } = this.#deps;
    const startedMs = clock.monotonicMs();
    const { plan, held } = this.#plan({ ...view, previous: this.#planned });
    this.#loop.wakeAfter(plan.nextLookMs - clock.wallMs());
    this.#tellUnread(view.sources);
    if (!this.#mayAct()) {
      this.#namespaces = asStored(plan.namespaces, view.collections);
      return true;
    }
    this.#namespaces = plan.namespaces;
    this.#tellOf(this.#notices, noticesOf(plan, view));
    const holding = { holds: this.holds, log, mayAct: () => this.#mayAct() };
    let failures = await tellHolds(held, holding);
    const done = await carryOut(plan, {
      store: this.#deps.store,
      log,
      mayAct: () => this.#mayAct(),
      onChange: (event) => this.#world.apply(event),
      wish: (wishes) => this.#keeper.wish(wishes, removableScopes(this.#world.workloadRecords.byScope().keys(), view)),
    });
    failures += done.failures;
    // A confirmation stays until what it allows is done.
    if (failures === 0 && !done.fenced) failures += await forgetHolds(held, holding);
    if (view.synced) await this.#sweep(view);
    const durationMs = clock.monotonicMs() - startedMs;
    this.#metrics.reconciled(durationMs, failures);
    this.#metrics.changed(done.written, done.removed);
    if (done.written + done.removed > 0) log.info({ ...done, durationMs: Math.round(durationMs) }, "reconciled");
    return failures === 0;
  }

  /** What is to be done, but for what the guard holds. */
  #plan(view: View): Guarded {
    const plan = reconcile(view, this.#deps.clock.wallMs(), this.#deps.handoverTiming);
    const inputs = { plan, view, holds: this.holds.byScope(), workloads: this.#workloads };
    const guarded = guard(inputs, this.#deps.guard);
    this.#planned = guarded.plan.namespaces;
    this.#workloads = Map.groupBy(guarded.plan.workloads, scopeOf);
    return guarded;
  }

  /** What is read soon after the start is no news. */
  #tellUnread({ unread }: Sources): void {
    const leftMs = this.#startedMs + unreadPatienceMs - this.#deps.clock.monotonicMs();
    if (unread.length > 0 && leftMs > 0) this.#loop.wakeAfter(leftMs);
    else this.#tellOf(this.#sourceNotices, unreadNotices(unread));
  }

  #tellOf(board: NoticeBoard, notices: readonly Notice[]): void {
    const fresh = board.fresh(notices, this.#deps.clock.monotonicMs());
    for (const { type, clusterId, namespace, name, detail } of fresh) {
      this.#deps.log.warn({ type, clusterId, namespace, name }, detail);
    }
    this.#recorder.notices(fresh);
    this.#metrics.givenUp(fresh.filter(({ type }) => type === "collector.given-up").length);
  }

  /** Removes what collectors have told that went long ago. */
  async #sweep({ collections, reports }: Omit<View, "previous">): Promise<void> {
    const { clock, log, store } = this.#deps;
    const gone = this.#gone.look(this.#world.statuses, presenceIn(collections, reports), clock.monotonicMs());
    await removeStatuses(gone, { store, log, mayAct: () => this.#mayAct() });
  }

  #mayAct(): boolean {
    return this.#leadership?.mayAct() ?? false;
  }

  #makeOrchestrator(): Orchestrator {
    return this.#deps.makeOrchestrator(() => this.#metrics.restarted());
  }
}
