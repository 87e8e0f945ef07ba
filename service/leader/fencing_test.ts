/** Two whole services over one store, with pauses and clocks that disagree: what is written only ever gets newer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../core/runtime/env.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { createInStore } from "../../core/store/create_entry.ts";
import { MemoryStore } from "../../core/store/memory_store.ts";
import type { Store } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry as MetricsRegistry } from "../../core/telemetry/metrics.ts";
import { guardDefaults } from "../guards/guard.ts";
import { makeNoneOrchestrator } from "../orchestrator/none_orchestrator.ts";
import { Service } from "../service.ts";
import { FakeRegistry } from "../testing/fake_registry.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { makeClaims } from "./claims.ts";
import { type Leadership, makeLeader } from "./leader.ts";
import { settle, SimulatedProcess, type Weather } from "./testing/simulated_process.ts";

const log = makeLogger("simulation", "silent");
const leaseMs = 2000;
const stepMs = 20;

/** A store as a process reaches it; what its watches tell is late too, but in order. */
function reachStore(process: SimulatedProcess, store: MemoryStore): Store {
  const reached = process.reach<Store>(store);
  return new Proxy(reached, {
    get: (target, name) => {
      if (name !== "watch") return Reflect.get(target, name, target) as unknown;
      return (prefix: string, onEvent: Parameters<Store["watch"]>[1]) => {
        let told = Promise.resolve();
        return store.watch(prefix, (event) => {
          told = told.then(() => process.latency()).then(() => onEvent(event));
        });
      };
    },
  });
}

interface Machine {
  readonly process: SimulatedProcess;
  readonly weather: Weather;
  readonly service: Service;
  readonly leadership: Leadership;
}

class Simulation {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  readonly random: Random;
  readonly machines: Machine[] = [];
  readonly history = new Map<string, number[]>();
  /** What each orchestrator was told, with whether its service led at that moment. */
  readonly applied: boolean[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  async start(): Promise<void> {
    this.put("Metric", "cart", { version: "1", port: 9100, uri: "/metrics" });
    this.put("Collector", "one", { replicas: 2 });
    this.setInstances(5);
    await this.store.watch("c1/collection/", (event) => {
      if (event.type !== "put") return;
      const generation = Number(/^ {2}generation: (\d+)$/m.exec(event.entry.text)?.[1]);
      this.history.set(event.entry.path, [...this.history.get(event.entry.path) ?? [], generation]);
    });
    for (const name of ["one", "two"]) await this.#startMachine(name);
  }

  put(kind: string, name: string, spec: unknown): void {
    const metadata = { clusterId: "c1", namespace: "shop", name };
    const text = JSON.stringify({ apiVersion: "bcs-metric/v1", kind, metadata, spec });
    this.store.putElsewhere(`c1/${kind.toLowerCase()}/shop/${name}.yaml`, text);
  }

  setInstances(count: number): void {
    const instances = Array.from({ length: count }, (_, index) => ({ name: `cart-${index}`, ip: `10.0.0.${index}` }));
    this.put("Application", "cart", { instances });
  }

  async run(durationMs: number, disturb: () => void = () => {}): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
      this.clock.advance(stepMs);
      await settle();
      disturb();
      assert.ok(this.machines.filter(({ leadership }) => leadership.mayAct()).length <= 1, "two lead");
    }
  }

  async #startMachine(name: string): Promise<void> {
    const weather: Weather = { delayMsMax: 50, failureChance: 0 };
    const process = new SimulatedProcess(this.clock, this.random, weather);
    const store = reachStore(process, this.store);
    const registry = new FakeRegistry();
    const { clock } = process;
    const claims = makeClaims({ store, create: createInStore(store), log });
    const leadership = makeLeader({ claims, clock, log, holder: name, instance: name, leaseMs });
    const apply = () => Promise.resolve(void this.applied.push(leadership.mayAct()));
    const service = new Service({
      store,
      registry,
      clock,
      log,
      metrics: new MetricsRegistry(),
      frequencyMinSeconds: 60,
      guard: guardDefaults,
      makeOrchestrator: () => ({ ...makeNoneOrchestrator(), apply }),
    });
    await service.start(leadership);
    for (const module of ["service", "collector", "exporter"] as const) registry.set(module, []);
    this.machines.push({ process, weather, service, leadership });
  }
}

test("no collection goes back to an older generation, and nothing is applied by who does not lead", async () => {
  let changes = 0;
  let terms = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const simulation = new Simulation(seed);
    await simulation.start();
    const { random } = simulation;
    await simulation.run(60_000, () => {
      const dice = random.float();
      const machine = simulation.machines[random.float() < 0.5 ? 0 : 1] ?? assert.fail("nobody is there");
      if (dice < 0.03) simulation.setInstances(5 + Math.floor(random.float() * 5));
      else if (dice < 0.04) machine.process.pause(random.float() * 3 * leaseMs);
      else if (dice < 0.045) machine.process.setWallClock((random.float() - 0.3) * 4 * leaseMs);
      else if (dice < 0.055) {
        machine.weather.delayMsMax = [10, 50, leaseMs, 4 * leaseMs][Math.floor(random.float() * 4)] ?? 0;
      } else if (dice < 0.06) machine.weather.failureChance = random.float() < 0.5 ? 0.1 : 0;
    });
    for (const { weather } of simulation.machines) Object.assign(weather, { delayMsMax: 20, failureChance: 0 });
    simulation.setInstances(4);
    await simulation.run(60_000);
    for (const [path, generations] of simulation.history) {
      assert.deepEqual(generations, [...new Set(generations)].toSorted((a, b) => a - b), `${path}, seed ${seed}`);
      changes += generations.length;
    }
    assert.ok(simulation.applied.every(Boolean), `seed ${seed}`);
    for (const { service } of simulation.machines) {
      assert.equal(service.targets().filter(({ generation }) => generation > 0).length, 4, `seed ${seed}`);
    }
    terms += Math.max(...simulation.machines.map(({ leadership }) => leadership.status().epoch));
  }
  assert.ok(changes > 100 && terms > 20, `only ${changes} changes in ${terms} terms: nothing was tried`);
});
