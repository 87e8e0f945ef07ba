import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Random } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { settledEntries } from "../ledger/books.ts";
import { ledgerOf } from "../ledger/ledger.ts";
import { readRoutes } from "../routing/routes.ts";
import type { Batch, DeliveryOutcome, Sink } from "../sink.ts";
import { testScrape, testTarget } from "../sinks/batch_testing.ts";
import { type Delivery, startDelivery } from "./delivery.ts";
import { MemoryWal, testOrigin } from "./wal_testing.ts";

const seeds = 200;
const hourMs = 3_600_000;

interface Alive {
  now: boolean;
}

/** Time that passes only when the simulation says so. */
class SimulatedClock implements Clock {
  nowMs = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();
  #count = 0;

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const id = this.#count++;
    this.#timers.set(id, { atMs: this.nowMs + delayMs, run });
    return () => void this.#timers.delete(id);
  }

  /** The clock of one process: once it is killed, nothing that it has planned, or plans yet, happens. */
  forProcess(alive: Alive): Clock {
    const after: Clock["after"] = (delayMs, run) => this.after(delayMs, () => alive.now && run());
    return { wallMs: () => this.wallMs(), monotonicMs: () => this.nowMs, after };
  }

  /** Runs what is due until then, in order. */
  async advance(delayMs: number): Promise<void> {
    const endMs = this.nowMs + delayMs;
    for (;;) {
      await settle();
      let [next, first]: [number, { atMs: number; run: () => void } | null] = [-1, null];
      for (const [id, timer] of this.#timers) {
        if (first === null || timer.atMs < first.atMs) [next, first] = [id, timer];
      }
      if (first === null || first.atMs > endMs) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, first.atMs);
      first.run();
    }
    this.nowMs = endMs;
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A destination that fails as chance has it, and remembers what it took. */
class SimulatedSink implements Sink {
  readonly type = "simulated";
  readonly name: string;
  readonly taken: Set<number>;
  readonly refuses: (time: number) => boolean;
  readonly #random: Random;
  readonly #isDown: () => boolean;
  readonly #alive: Alive;

  constructor(name: string, taken: Set<number>, alive: Alive, random: Random, isDown: () => boolean) {
    this.name = name;
    this.taken = taken;
    this.#alive = alive;
    this.#random = random;
    this.#isDown = isDown;
    this.refuses = (time) => name === "picky" && time % 7 === 0;
  }

  async deliver(batch: Batch): Promise<DeliveryOutcome> {
    await Promise.resolve();
    if (!this.#alive.now) return await new Promise(() => {});
    const chance = this.#random.float();
    if (this.#isDown()) return this.#failure(chance);
    const times = batch.scrapes.map(({ timestampMs }) => timestampMs);
    if (times.some((time) => this.refuses(time))) return { outcome: "rejected", reason: "HTTP 400" };
    for (const time of times) this.taken.add(time);
    // The answer is lost on its way: the batch was taken all the same.
    if (chance < 0.05) return { outcome: "retry", reason: "timeout" };
    return { outcome: "delivered", samples: batch.sampleCount, records: times.length };
  }

  #failure(chance: number): DeliveryOutcome {
    if (chance < 0.3) return { outcome: "retry", reason: "HTTP 503" };
    if (chance < 0.6) return { outcome: "retry", reason: "HTTP 429", afterMs: 30_000 };
    if (chance < 0.8) return { outcome: "retry", reason: "HTTP 401", afterMs: 60_000, alarm: true };
    throw new Error("broken");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const names = ["steady", "picky", "routed"] as const;

class Simulation {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly wal: MemoryWal;
  readonly taken = new Map(names.map((name) => [name, new Set<number>()]));
  readonly #targets = ["a", "b"].map((job) => testTarget({ job }));
  readonly #downUntilMs = new Map<string, number>();
  readonly #routes = readRoutes({
    sinks: names.map((name) => ({ name })),
    routes: [{ match: { labels: { job: "b" } }, sinks: ["steady", "picky"] }, { sinks: [...names] }],
  }, "");
  fs = new MemoryFileSystem();
  #alive: Alive = { now: true };
  delivery: Delivery | null = null;
  appended = 0;
  declared = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.wal = new MemoryWal({ segmentRecords: 10, wallMs: () => this.clock.wallMs() });
  }

  start(): void {
    const { clock, random, wal, fs } = this;
    const alive: Alive = { now: true };
    this.#alive = alive;
    const isDown = (name: string) => clock.nowMs < (this.#downUntilMs.get(name) ?? 0);
    const sinks = names.map((name) => new SimulatedSink(name, this.#takenBy(name), alive, random, () => isDown(name)));
    this.delivery = startDelivery({
      wal,
      sinks,
      routes: this.#routes,
      retention: { bytes: 60 * 100, ageMs: 6 * hourMs },
      dataDir: "/data",
      env: { clock: clock.forProcess(alive), random, fs },
      log: makeLogger("test", "silent"),
      metrics: new Registry(),
    });
  }

  /** Nothing that the process has planned or in hand happens any more; the disk keeps what was fsynced. */
  kill(): void {
    const survivor = this.fs.crash(this.random.float() < 0.5 ? "drop" : "keep");
    this.fs.before = () => {
      throw new Error("killed");
    };
    this.#alive.now = false;
    this.fs = survivor;
    this.start();
  }

  append(): void {
    const time = ++this.appended;
    if (this.random.float() < 0.02) {
      const lost = { firstSequence: time, lastSequence: time, records: 3, samples: 3, oldestMs: 1, newestMs: 2 };
      this.wal.append({ kind: "lost", origin: testOrigin, lost: { ...lost, reason: "full" } });
      this.declared += 3;
    }
    const target = this.#targets[time % 2];
    assert.ok(target !== undefined);
    this.wal.appendScrapes(testScrape([[{ name: "m", value: 1 }]], { timestampMs: time, target }));
  }

  fail(): void {
    const name = names[Math.floor(this.random.float() * names.length)] ?? "steady";
    this.#downUntilMs.set(name, this.clock.nowMs + this.random.float() * hourMs);
  }

  mend(): void {
    this.#downUntilMs.clear();
  }

  checkBalance(seed: number): void {
    const sinks = this.delivery?.books() ?? [];
    const logEntries = this.wal.stats().entries;
    const source = { exporter: "x", wallMs: 0, logEntries, sinks, acknowledged: () => 0 };
    const ledger = ledgerOf(source, null);
    assert.ok(ledger.balanced, `seed ${seed}: ${JSON.stringify(ledger.sinks)}`);
  }

  /** What each sink has, and what its books say. */
  checkEnd(seed: number): void {
    for (const { name, books, heldEntries } of this.delivery?.books() ?? []) {
      const { settled, notes } = books;
      const where = `seed ${seed}, ${name}`;
      const taken = this.#takenBy(name);
      const lost = settled.lostRetention.entries + settled.lostDamage.entries;
      assert.equal(heldEntries, 0, where);
      assert.equal(settledEntries(settled), this.appended, where);
      assert.equal(notes.declared.entries <= this.declared, true, where);
      // A batch whose answer was lost may be declared lost, or be refused in part, although the sink has it.
      assert.ok(taken.size >= settled.delivered.entries, `${where}: it has what counts as delivered`);
      const accounted = taken.size + lost + settled.rejected.entries + settled.notRouted.entries;
      assert.ok(accounted >= this.appended, `${where}: whatever it lacks is accounted for`);
      if (lost === 0) assert.equal(accounted, this.appended, where);
    }
  }

  #takenBy(name: string): Set<number> {
    const taken = this.taken.get(name as (typeof names)[number]);
    assert.ok(taken !== undefined);
    return taken;
  }
}

async function simulate(seed: number): Promise<{ lost: number; kills: number }> {
  const simulation = new Simulation(seed);
  simulation.start();
  let kills = 0;
  for (let round = 0; round < 14; round++) {
    for (let count = Math.floor(simulation.random.float() * 15); count > 0; count--) simulation.append();
    const chance = simulation.random.float();
    if (chance < 0.15) simulation.fail();
    if (chance > 0.92) simulation.wal.damagedRecords.add(Math.floor(simulation.appended * simulation.random.float()));
    await simulation.clock.advance(simulation.random.float() * 20_000);
    simulation.checkBalance(seed);
    if (chance > 0.8 && chance < 0.92) {
      simulation.kill();
      kills++;
      await simulation.clock.advance(1);
      simulation.checkBalance(seed);
    }
  }
  simulation.mend();
  await simulation.clock.advance(100_000);
  simulation.checkBalance(seed);
  simulation.checkEnd(seed);
  const lost = (simulation.delivery?.books() ?? []).reduce(
    (sum, one) => sum + one.books.settled.lostRetention.entries,
    0,
  );
  const stopped = simulation.delivery?.stop(1000);
  await simulation.clock.advance(10_000);
  await stopped;
  return { lost, kills };
}

test("the books balance at every moment, whatever sinks, disk and process go through", async () => {
  let [lost, kills] = [0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await simulate(seed);
    lost += result.lost;
    kills += result.kills;
  }
  assert.ok(lost > 0, "some sinks were down until the log had to let go");
  assert.ok(kills > seeds / 2, "the exporter was killed many times");
});
