import type { AutoscaleRule } from "../../../core/config/autoscale.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { MemoryStore } from "../../../core/store/memory_store.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { Registry } from "../../../core/telemetry/metrics.ts";
import { scopeOf } from "../../targets/sources.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { Approvals } from "../approvals/approvals.ts";
import { Decider } from "../approvals/decider.ts";
import { makeAutoscaleMetrics } from "../autoscale_metrics.ts";
import { Autoscaler, type NamespaceNow } from "../autoscaler.ts";
import { Delivery } from "../notify/delivery.ts";
import type { Notifier } from "../notify/notifier.ts";
import { namesOf } from "../plan/plan.ts";
import { ScaleState } from "../scale_override.ts";
import type { CollectorUsage } from "../usage/usage.ts";
import { wishedReplicas } from "../wished_replicas.ts";
import { hastyRule, scaledNamespace, testLinks } from "./plans.ts";

/** Services over one store, with collectors that are there as soon as they are wished. */
export class ScalingWorld {
  readonly store = new MemoryStore();
  readonly clock = new ManualClock();
  readonly services: SimulatedService[] = [];
  /** Index of the service that may act; -1 for none. */
  leader = 0;
  declared = 2;
  generation = 7;
  rule: AutoscaleRule | null = hastyRule;
  cpuPercent: number | null = 50;
  /** Collectors that are there; all that are wished by default. */
  alive = (wished: readonly string[]): readonly string[] => wished;
  unsettled = "";
  /** Whether a change of the namespace is held. */
  isHeld = false;
  /** Texts of each write of an approved number, in order. */
  readonly written: string[] = [];

  async add(mode: "propose" | "auto" = "propose", notifiers: readonly Notifier[] = []): Promise<SimulatedService> {
    const service = new SimulatedService(this, this.services.length, mode, notifiers);
    this.services.push(service);
    await this.store.watch("", (event) => service.apply(event));
    return service;
  }
}

export class SimulatedService {
  readonly approvals: Approvals;
  readonly scales = new ScaleState();
  readonly autoscaler: Autoscaler;
  readonly decider: Decider;
  readonly #world: ScalingWorld;

  constructor(world: ScalingWorld, index: number, mode: "propose" | "auto", notifiers: readonly Notifier[]) {
    this.#world = world;
    const { clock, store } = world;
    const log = makeLogger("test", "silent");
    this.approvals = new Approvals(store);
    this.decider = new Decider(this.approvals, clock);
    const mayAct = () => world.leader === index;
    const metrics = makeAutoscaleMetrics(new Registry(), { notifiers: [], approvals: () => this.approvals.all() });
    const wallMs = () => clock.wallMs();
    const delivery = new Delivery(notifiers, {
      approvals: this.approvals,
      links: testLinks,
      log,
      wallMs,
      mayAct,
      onOutcome() {},
    });
    this.autoscaler = new Autoscaler({
      mode,
      store: {
        put: (path, text, expected) => {
          world.written.push(text);
          return store.put(path, text, expected);
        },
        delete: (path, expected) => store.delete(path, expected),
      },
      approvals: this.approvals,
      scales: this.scales,
      usage: {
        name: "test",
        read: (asked) =>
          Promise.resolve({ usages: asked.map(({ name }) => usageOf(name, world.cpuPercent)), problem: "" }),
      },
      delivery,
      clock,
      random: seededRandom(index + 1),
      log,
      metrics,
      lookMs: 15_000,
      expiryMs: 3_600_000,
      namespaces: () =>
        Promise.resolve(
          world.isHeld
            ? { places: [], held: new Set([scopeOf(this.now())]) }
            : { places: [this.now()], held: new Set<string>() },
        ),
      acting: () => ({ mayAct, epoch: index + 1, name: `service-${index}` }),
      apply: (event) => this.apply(event),
    });
  }

  /** Collectors that there are to be. */
  get replicas(): number {
    return wishedReplicas(this.#world.declared, this.scales.find({ clusterId: "c1", namespace: "shop" }));
  }

  apply(event: Parameters<ScaleState["apply"]>[0]): void {
    this.scales.apply(event);
    this.approvals.apply(event);
  }

  now(): NamespaceNow {
    const { declared, generation, rule, unsettled, alive } = this.#world;
    const wished = namesOf("one", this.replicas);
    const { clusterId, namespace, ...rest } = scaledNamespace({ replicas: this.replicas, declared, generation });
    const collectors = alive(wished).map((name) => ({
      clusterId,
      namespace,
      name,
      id: name,
      metricsAddress: "",
      load: {},
    }));
    return { ...rest, clusterId, namespace, rule, unsettled, collectors };
  }
}

function usageOf(collector: string, cpuPercent: number | null): CollectorUsage {
  return { collector, cpuPercent, memoryMiB: null, lagSeconds: null };
}
