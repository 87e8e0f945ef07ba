import { ConfigState } from "../../service/config_state.ts";
import { emptySnapshot, type Pod } from "../../service/discovery/discovery.ts";
import { reconcile, reconcilePeriodMs } from "../../service/reconcile/reconcile.ts";
import type { NamespacePlan, Plan, View } from "../../service/reconcile/view.ts";
import { gatherMs } from "../../service/run_loop.ts";
import { Sources } from "../../service/targets/sources.ts";
import { collectorOf, metricOf } from "../../service/testing/documents.ts";
import { ModelCollector } from "./model_collector.ts";
import { place, startMs, type VirtualWorld } from "./virtual_world.ts";

export const workloadName = "bcs-collector-shop";

/** What the users want. */
export interface Wish {
  replicas: number;
  pods: Pod[];
  /** Of each metric: name and frequency in seconds. */
  metrics: { readonly name: string; readonly frequency: number }[];
  /** Changes with every edit of the metrics. */
  uri: string;
  /** What each scrape of a target (by address) costs now, in samples; then it is divided, not the number of targets. */
  costOf?: (address: string) => number;
}

/** A service around the real reconciliation, with the orchestrator beside it. It may end in the middle of its work. */
export class ModelService {
  readonly wish: Wish;
  readonly collectors = new Map<string, ModelCollector>();
  writes = 0;
  handovers = 0;
  namespaces: readonly NamespacePlan[] = [];
  onCrash = () => {};
  /** How long nobody leads after a crash: at least, and at most. */
  downMsMin = 0;
  downMsMax = 1400;
  readonly #world: VirtualWorld;
  #config = new ConfigState({ frequencyMinSeconds: 1 });
  /** One for each run of the process; 0 while it is down. */
  #run = 1;
  #isUp = true;
  #plannedMs = Infinity;
  #crashAfterWrites = Infinity;
  #generation = 0;

  constructor(world: VirtualWorld, wish: Wish) {
    this.#world = world;
    this.wish = wish;
    world.onNews = () => this.changed();
    this.#boot();
  }

  changed(): void {
    this.#plan(gatherMs);
  }

  /** Ends the service right after so many more writes, even amid a reconciliation; it comes back after a while. */
  crashAfter(writes: number): void {
    this.#crashAfterWrites = writes;
    this.changed();
  }

  #boot(): void {
    this.#config = new ConfigState({ frequencyMinSeconds: 1 });
    for (const [path, text] of this.#world.files) {
      this.#config.apply({ type: "put", entry: { path, text, revision: text } });
    }
    this.#config.apply({ type: "synced" });
    this.namespaces = [];
    this.changed();
  }

  #crash(): void {
    this.onCrash();
    this.#isUp = false;
    this.#run++;
    this.#plannedMs = Infinity;
    this.#crashAfterWrites = Infinity;
    this.#world.at(this.downMsMin + this.#world.int(this.downMsMax - this.downMsMin), () => {
      this.#isUp = true;
      this.#boot();
    });
  }

  #plan(delayMs: number): void {
    const dueMs = this.#world.nowMs + delayMs;
    if (!this.#isUp || dueMs >= this.#plannedMs) return;
    this.#plannedMs = dueMs;
    const run = this.#run;
    this.#world.at(delayMs, () => {
      if (run !== this.#run || this.#plannedMs !== dueMs) return;
      this.#plannedMs = Infinity;
      this.#reconcile();
    });
  }

  #reconcile(): void {
    const plan = reconcile(this.#view(), this.#world.nowMs);
    this.namespaces = plan.namespaces;
    if (!this.#carryOut(plan)) {
      this.#crash();
      return;
    }
    this.#plan(Math.min(reconcilePeriodMs, Math.max(gatherMs, plan.nextLookMs - this.#world.nowMs)));
  }

  #view(): View {
    const { replicas, pods, metrics, uri, costOf } = this.wish;
    const { collections } = this.#config.view();
    this.#generation = Math.max(this.#generation, ...collections.map((one) => one.document?.spec.generation ?? 0));
    return {
      metrics: metrics.map(({ name, frequency }) =>
        metricOf(name, { frequency, timeout: 1, uri, selector: { app: name }, version: uri })
      ),
      collectors: [collectorOf(workloadName, replicas, place.namespace, costOf === undefined ? "count" : "cost")],
      collections,
      sources: new Sources([{ ...emptySnapshot, pods }]),
      unreadable: [],
      synced: true,
      previous: this.namespaces,
      generations: new Map([[`${place.clusterId}/${place.namespace}`, this.#generation]]),
      reports: {
        isAlive: (_cluster, _namespace, name) => this.#world.alive.has(name),
        statusOf: (_cluster, _namespace, collector) => {
          const generation = this.#world.told.get(collector);
          const targets = costOf === undefined ? [] : this.collectors.get(collector)?.statuses(costOf) ?? [];
          return generation === undefined ? null : { collector, generation, reportedAtMs: startMs, targets };
        },
      },
    };
  }

  /** Returns false when the service ends in the middle of it. */
  #carryOut(plan: Plan): boolean {
    if (this.#crashAfterWrites <= 0) return false;
    for (const { path, text } of plan.writes) {
      this.writes++;
      this.handovers += text.split("untilMs").length - 1;
      this.#config.apply(this.#world.put(path, text));
      if (--this.#crashAfterWrites <= 0) return false;
    }
    for (const { name, replicas } of plan.workloads) this.#scale(name, replicas);
    for (const { path } of plan.removals) {
      this.writes++;
      this.#config.apply(this.#world.delete(path));
      if (--this.#crashAfterWrites <= 0) return false;
    }
    return true;
  }

  #scale(name: string, replicas: number): void {
    for (let ordinal = 0; ordinal < replicas; ordinal++) {
      const instance = `${name}-${ordinal}`;
      if (this.collectors.has(instance)) continue;
      const collector = new ModelCollector(this.#world, instance);
      this.collectors.set(instance, collector);
      this.#world.at(this.#world.int(this.#world.delays.startMs), () => {
        if (this.collectors.get(instance) === collector) collector.start();
      });
    }
    for (const [instance, collector] of this.collectors) {
      if (Number(instance.slice(instance.lastIndexOf("-") + 1)) < replicas) continue;
      collector.stop();
      this.collectors.delete(instance);
    }
  }
}
