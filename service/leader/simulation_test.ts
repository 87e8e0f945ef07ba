/** Several services over one store, with slow and failing operations, pauses, kills and clocks that disagree. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { createInStore, createOnVolume } from "../../core/store/create_entry.ts";
import { MemoryStore } from "../../core/store/memory_store.ts";
import { openVolume } from "../../core/store/volume_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { type Claims, makeClaims } from "./claims.ts";
import { type Leadership, makeLeader } from "./leader.ts";
import { settle, SimulatedProcess, type Weather } from "./testing/simulated_process.ts";

const log = makeLogger("simulation", "silent");
const leaseMs = 2000;
const stepMs = 10;

interface Candidate {
  readonly process: SimulatedProcess;
  readonly leader: Leadership;
}

/** Makes a process's way to the claims that all share. */
type Reach = (process: SimulatedProcess, random: Random) => Promise<Claims>;

function exactStore(): Reach {
  const store = new MemoryStore();
  return (process) => {
    const reached = process.reach(store);
    return Promise.resolve(makeClaims({ store: reached, create: createInStore(reached), log }));
  };
}

/** A plain directory that every process opens as a volume of its own. */
function plainDirectory(): Reach {
  const disk = new MemoryFileSystem();
  const made = disk.makeDir("/volume");
  return async (process, random) => {
    await made;
    const env = { fs: process.reach<MemoryFileSystem>(disk), clock: process.clock, random };
    const store = await openVolume({ root: "/volume", env: { ...env, fs: disk }, log });
    await store.put("c1/task/shop/some.yaml", "so that the volume is not empty");
    const reached = await openUntilItSucceeds(() => openVolume({ root: "/volume", env, log }));
    return makeClaims({ store: reached, create: createOnVolume(env.fs, "/volume"), log });
  };
}

async function openUntilItSucceeds<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      assert.match(String(error), /the operation failed/);
    }
  }
}

class Simulation {
  readonly clock = new ManualClock();
  readonly weather: Weather = { delayMsMax: 0, failureChance: 0 };
  readonly candidates: Candidate[] = [];
  readonly epochs: number[] = [];
  readonly #random: Random;
  readonly #reach: Reach;
  #started = 0;

  constructor(seed: number, reach: Reach) {
    this.#random = seededRandom(seed);
    this.#reach = reach;
  }

  async add(): Promise<void> {
    const process = new SimulatedProcess(this.clock, this.#random, this.weather);
    const reached: Claims[] = [];
    const reaching = this.#reach(process, this.#random).then((claims) => void reached.push(claims));
    while (reached.length === 0) await this.#tick();
    await reaching;
    const [claims = assert.fail()] = reached;
    const instance = `${this.#started++}`;
    const leader = makeLeader({ claims, clock: process.clock, log, holder: `service-${instance}`, instance, leaseMs });
    leader.start({ onLead: (epoch) => void this.epochs.push(epoch), onLapse() {}, onSuperseded() {} });
    this.candidates.push({ process, leader });
  }

  async run(durationMs: number, disturb: (random: Random) => Promise<void> | void = () => {}): Promise<void> {
    const endMs = this.clock.monotonicMs() + durationMs;
    while (this.clock.monotonicMs() < endMs) {
      await this.#tick();
      await disturb(this.#random);
    }
  }

  leading(): Candidate[] {
    return this.candidates.filter(({ leader, process }) => !process.isKilled && leader.mayAct());
  }

  pick(): Candidate {
    return this.candidates[Math.floor(this.#random.float() * this.candidates.length)] ?? assert.fail("nobody is there");
  }

  drop(candidate: Candidate): void {
    this.candidates.splice(this.candidates.indexOf(candidate), 1);
  }

  async #tick(): Promise<void> {
    this.clock.advance(stepMs);
    await settle();
    assert.ok(this.leading().length <= 1, `two lead at ${this.clock.monotonicMs()} ms`);
    assert.deepEqual(this.epochs, [...new Set(this.epochs)].toSorted((a, b) => a - b), "epochs only grow");
  }
}

async function simulate(seed: number, reach: Reach): Promise<Simulation> {
  const simulation = new Simulation(seed, reach);
  for (let index = 0; index < 3; index++) await simulation.add();
  const { weather } = simulation;
  await simulation.run(40_000, async (random) => {
    const dice = random.float();
    if (dice < 0.004) simulation.pick().process.pause(random.float() * 3 * leaseMs);
    else if (dice < 0.006) {
      weather.delayMsMax = [5, 20, 100, leaseMs][Math.floor(random.float() * 4)] ?? 0;
      weather.failureChance = random.float() < 0.5 ? 0 : 0.1;
    } else if (dice < 0.007) simulation.pick().process.setWallClock((random.float() - 0.3) * 4 * leaseMs);
    else if (dice < 0.008) {
      const victim = simulation.pick();
      simulation.drop(victim);
      if (random.float() < 0.5) victim.process.kill();
      else void victim.leader.close();
      await simulation.add();
    }
  });
  weather.delayMsMax = 20;
  weather.failureChance = 0;
  for (const { process } of simulation.candidates) process.pause(0);
  await simulation.run(5 * leaseMs);
  assert.equal(simulation.leading().length, 1, "once all is well again somebody leads");
  return simulation;
}

for (const [name, makeReach] of [["an exact store", exactStore], ["a plain directory", plainDirectory]] as const) {
  test(`over ${name} never more than one leads, and epochs only grow, whatever happens`, async () => {
    let terms = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const { epochs } = await simulate(seed, makeReach());
      terms += epochs.length;
    }
    assert.ok(terms >= 20, `only ${terms} terms: nothing was tried`);
  });

  test(`over ${name} a killed leader is replaced within its lease and little more, a released one at once`, async () => {
    const simulation = new Simulation(42, makeReach());
    for (let index = 0; index < 3; index++) await simulation.add();
    await simulation.run(leaseMs);
    const [killed] = simulation.leading();
    assert.ok(killed !== undefined);
    killed.process.kill();
    await simulation.run(leaseMs * 1.15);
    const [next] = simulation.leading();
    assert.ok(next !== undefined && next !== killed);
    void next.leader.close();
    await simulation.run(leaseMs * 0.15);
    assert.equal(simulation.leading().length, 1);
    assert.deepEqual(simulation.epochs, [1, 2, 3]);
  });
}
