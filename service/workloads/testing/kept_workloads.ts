import { documentSchemas } from "../../../core/config/schema.ts";
import type { CollectorDocument, MetricDocument } from "../../../core/config/schema.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { ScaleOverride } from "../../autoscale/scale_override.ts";
import { wishedWorkload } from "../../reconcile/wished_workload.ts";
import { type WishSettings, wishSettingsDefault } from "../../reconcile/workloads.ts";
import { scopeOf } from "../../targets/sources.ts";
import { metricOf } from "../../testing/documents.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { WorkloadKeeper } from "../keeper.ts";
import { recordPath } from "../record.ts";
import { RecordState } from "../record_state.ts";
import type { WorkloadRow } from "../workload_rows.ts";
import { WildOrchestrator } from "./wild_orchestrator.ts";

/** A keeper over a wild orchestrator, with the part of the reconciliation that is about workloads, in virtual time. */
export class KeptWorkloads {
  readonly clock = new ManualClock();
  readonly random;
  readonly orchestrator: WildOrchestrator;
  readonly keeper: WorkloadKeeper;
  readonly records = new RecordState();
  readonly metrics = new Map<string, MetricDocument>();
  readonly collectors = new Map<string, CollectorDocument>();
  /** Approved numbers, by scope. */
  readonly scales = new Map<string, ScaleOverride>();
  settings: WishSettings = wishSettingsDefault;
  mayAct = true;
  failures = 0;
  #revision = 0;
  #isDue = false;

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    this.orchestrator = new WildOrchestrator(this.clock, this.random);
    this.keeper = new WorkloadKeeper({
      clock: this.clock,
      random: this.random,
      log: makeLogger("test", "silent"),
      mayAct: () => this.mayAct,
      onFound: () => this.reconcileSoon(),
      onAction: (_type, failure) => void (this.failures += failure === null ? 0 : 1),
    });
    this.keeper.serve(this.orchestrator);
  }

  /** A namespace of the same name as its metric and its Collector document `<name>-own`. */
  declare(namespace: string, spec: Record<string, unknown> = {}): void {
    this.metrics.set(namespace, metricOf("cart", {}, namespace));
    const metadata = { clusterId: "c1", namespace, name: `${namespace}-own` };
    const document = { apiVersion: "bcs-metric/v1", kind: "Collector", metadata, spec: { replicas: 2, ...spec } };
    this.collectors.set(namespace, documentSchemas.Collector.parse(document));
    this.reconcileSoon();
  }

  declareMetricOnly(namespace: string): void {
    this.metrics.set(namespace, metricOf("cart", {}, namespace));
    this.reconcileSoon();
  }

  /** A plan of the namespace is approved. */
  approve(namespace: string, replicas: number, approval: string): void {
    const declared = this.collectors.get(namespace)?.spec.replicas ?? 1;
    const place = { clusterId: "c1", namespace };
    this.scales.set(scopeOf(place), { ...place, replicas, declared, approval, epoch: 1 });
    this.reconcileSoon();
  }

  forget(namespace: string): void {
    this.metrics.delete(namespace);
    this.reconcileSoon();
  }

  row(path: string): WorkloadRow | undefined {
    return this.keeper.rows().find(({ cluster, namespace, name }) => `${cluster}/${namespace}/${name}` === path);
  }

  reconcileSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.clock.after(100, () => this.#reconcile());
  }

  /** Lets so much time pass. */
  async advance(byMs: number, stepMs = 25): Promise<void> {
    for (let passed = 0; passed < byMs; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, byMs - passed));
      for (let turn = 0; turn < 12; turn++) await Promise.resolve();
    }
  }

  /** Closes the keeper, with the time that what is under way takes. */
  async close(): Promise<void> {
    const closing = this.keeper.close();
    await this.advance(30_000, 1000);
    await closing;
  }

  #reconcile(): void {
    this.#isDue = false;
    const records = this.records.byScope();
    const wishes = [...this.metrics].map(([namespace, metric]) => {
      const collectors = [...this.collectors].filter(([name]) => name === namespace).map(([, document]) => document);
      const inputs = {
        clusterId: "c1",
        namespace,
        metrics: [metric],
        collectors,
        unreadableCollectors: [],
        replicasKept: 0,
      };
      const { workload, rule, record } = wishedWorkload(inputs, {
        found: this.keeper.found,
        records,
        scales: this.scales,
        settings: this.settings,
      });
      if (record !== null) this.#write(record.path, record.text);
      return { workload, rule };
    });
    this.keeper.wish(wishes, new Set(this.records.byScope().keys()));
    const paths = new Set(wishes.map(({ workload: one }) => `${one.clusterId}/${one.namespace}/${one.name}`));
    this.orchestrator.isWished = (path) => paths.has(path);
    for (const { record } of this.records.byScope().values()) {
      const isThere = this.keeper.found?.some(({ namespace }) => namespace === record.namespace) ?? true;
      if (this.keeper.scopes.has(`c1/${record.namespace}`)) continue;
      if (!this.metrics.has(record.namespace) && !isThere) {
        this.records.apply({ type: "delete", path: recordPath(record) });
      }
    }
  }

  #write(path: string, text: string): void {
    this.#revision += 1;
    this.records.apply({ type: "put", entry: { path, text, revision: String(this.#revision) } });
  }
}
