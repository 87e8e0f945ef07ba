import assert from "node:assert/strict";
import { test } from "node:test";
import { Scenario } from "./scenario.ts";

const quick = { configMs: 150, statusMs: 300, startMs: 500 };

/** A namespace with collectors that share its targets by cost. */
class CostlyNamespace extends Scenario {
  /** Samples of a target's scrape, before noise. */
  readonly costs = new Map<string, number>();
  /** Share by which each observation is off at most. */
  noise = 0;

  constructor(seed: number) {
    super(seed, quick);
    for (let count = 0; count < 28; count++) this.addPod();
    this.wish.replicas = 4;
    this.wish.costOf = (address) => this.#costOf(address) * (1 + this.noise * (2 * this.world.int(1001) / 1000 - 1));
    this.service.changed();
  }

  /** The fullest collector's load above the mean, as a share of it. */
  get uneven(): number {
    const loads = [...this.service.collectors.values()].map((collector) =>
      collector.statuses((address) => this.#costOf(address))
        .reduce((sum, { metric, samples }) => sum + samples / this.#frequencyOf(metric), 0)
    );
    return Math.max(...loads) / (loads.reduce((sum, load) => sum + load, 0) / loads.length) - 1;
  }

  /** Targets that begin to move while so much time passes. */
  movedIn(forMs: number): number {
    const before = this.service.handovers;
    this.run(forMs);
    return this.service.handovers - before;
  }

  #frequencyOf(metric: string): number {
    return this.wish.metrics.find(({ name }) => name === metric)?.frequency ?? assert.fail(metric);
  }

  #costOf(address: string): number {
    return this.costs.get(address) ?? 1000;
  }
}

test("costs that become uneven are levelled with few moves, and no tick is missed or doubled meanwhile", () => {
  for (const seed of [1, 2, 3]) {
    const namespace = new CostlyNamespace(seed);
    namespace.run(120_000);
    assert.equal(namespace.movedIn(200_000), 0, "even costs move nothing");
    const [first] = namespace.service.collectors.values();
    const heavy = first?.statuses(() => 1).slice(0, 4) ?? [];
    for (const { address } of heavy) namespace.costs.set(address, 8000);
    assert.ok(namespace.uneven > 0.5, `${namespace.uneven}`);
    const moved = namespace.movedIn(1_200_000);
    assert.ok(namespace.uneven < 0.2, `still uneven by ${namespace.uneven}`);
    assert.ok(moved >= 1 && moved <= 24, `${moved} moved`);
    assert.equal(namespace.movedIn(400_000), 0, "what is level stays");
    assert.equal(namespace.ledger.check(namespace.world.nowMs).excused, 0);
  }
});

test("costs that never stay the same do not move targets to and fro", () => {
  for (const seed of [4, 5, 6]) {
    const namespace = new CostlyNamespace(seed);
    namespace.noise = 0.5;
    namespace.run(240_000);
    const moved = namespace.movedIn(1_200_000);
    assert.ok(moved <= 2, `${moved} targets moved in 20 minutes of noise`);
    assert.equal(namespace.ledger.check(namespace.world.nowMs).excused, 0);
  }
});
