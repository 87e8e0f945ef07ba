import * as fc from "fast-check";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Clock } from "../../runtime/env.ts";
import { systemEnv } from "../../runtime/system_env.ts";
import { createInStore, createOnVolume } from "../../store/create_entry.ts";
import { MemoryStore } from "../../store/memory_store.ts";
import { openVolume } from "../../store/volume_store.ts";
import { makeLogger } from "../../telemetry/log.ts";
import { type ClaimedOrdinal, claimOrdinal } from "./claim_ordinal.ts";
import { StoredSeats } from "./stored_seats.ts";

const log = makeLogger("test", "silent");
const leaseMs = 1000;

/** Time for all processes; each of them may be stopped for a while, and then finds its timers late. */
class World {
  nowMs = 0;
  readonly store = new MemoryStore();
  readonly processes: Process[] = [];

  start(): Process {
    const process = new Process(this, `p${this.processes.length}`);
    this.processes.push(process);
    return process;
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + 10);
      for (const process of this.processes) process.runDue();
      await settle();
      this.requireUnique();
    }
  }

  requireUnique(): void {
    const used = this.processes.flatMap((process) => process.using === null ? [] : [process.using]);
    assert.equal(new Set(used).size, used.length, `numbers in use: ${used.join(", ")}`);
  }
}

class Process implements Clock {
  readonly #world: World;
  readonly #stop = new AbortController();
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];
  /** Stopped as by SIGSTOP: nothing runs, time goes on. */
  isStill = false;
  held: ClaimedOrdinal | null = null;
  #ended = false;

  constructor(world: World, instance: string) {
    this.#world = world;
    const { store } = world;
    void claimOrdinal({
      seats: new StoredSeats({ store, create: createInStore(store), workload: "w", log }),
      clock: this,
      log,
      instance,
      leaseMs,
      signal: this.#stop.signal,
    }).then((held) => this.held = held);
  }

  /** The number that it uses now. */
  get using(): number | null {
    return this.held === null || this.held.lost.aborted || this.isStill || this.#ended ? null : this.held.ordinal;
  }

  get isLost(): boolean {
    return this.held?.lost.aborted === true;
  }

  wallMs(): number {
    return this.#world.nowMs;
  }

  monotonicMs(): number {
    return this.#world.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#world.nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  runDue(): void {
    if (this.isStill) return;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#world.nowMs).toSorted((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue;
      this.#timers = this.#timers.filter((one) => one !== timer);
      timer.run();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#stop.abort();
    await this.held?.release();
  }

  /** As by SIGKILL. */
  kill(): void {
    this.isStill = true;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await Promise.resolve();
}

test("who starts at once gets numbers from 0 on, and one that is given back is taken first", async () => {
  const world = new World();
  for (let count = 0; count < 5; count++) world.start();
  await world.advance(200);
  assert.deepEqual(world.processes.map(({ using }) => using), [0, 1, 2, 3, 4]);
  await world.processes[1]?.end();
  const next = world.start();
  await world.advance(500);
  assert.equal(next.using, 1);
  const last = world.start();
  await world.advance(500);
  assert.equal(last.using, 5);
});

test("one that crashed is succeeded under its number when its lease is over, and not before", async () => {
  const world = new World();
  const first = world.start();
  world.start();
  await world.advance(500);
  first.kill();
  const next = world.start();
  await world.advance(900);
  assert.equal(next.using, null);
  await world.advance(300);
  assert.equal(next.using, 0);
});

test("one that was stopped for longer than its lease finds its number lost, and does not disturb its successor", async () => {
  const world = new World();
  const first = world.start();
  await world.advance(100);
  first.isStill = true;
  const next = world.start();
  await world.advance(3000);
  assert.equal(next.using, 0);
  first.isStill = false;
  await world.advance(3000);
  assert.deepEqual([first.isLost, next.using], [true, 0]);
});

test("a number that cannot be renewed is lost before another may have it", async () => {
  const world = new World();
  const first = world.start();
  await world.advance(500);
  world.store.fail("away");
  await world.advance(900);
  assert.equal(first.isLost, true);
});

test("whatever happens, no two use one number at the same time", async () => {
  const moves = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 5 }), fc.integer({ min: 1, max: 1500 })), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(moves, async (chosen) => {
      const world = new World();
      world.start();
      world.start();
      for (const [what, which, ms] of chosen) {
        const process = world.processes[which % world.processes.length];
        if (what === 0 && world.processes.length < 6) world.start();
        else if (what === 1 && process?.isStill === false) await process.end();
        else if (what === 2) process?.kill();
        else if (what === 3 && process !== undefined) process.isStill = !process.isStill;
        else if (what === 4) world.store.fail("away");
        else if (what === 5) world.store.recover();
        await world.advance(ms);
      }
    }),
    { numRuns: 30 },
  );
});

test("on a volume, of many that start at once each gets its own number", async () => {
  const root = await mkdtemp(join(tmpdir(), "ordinals-"));
  const store = await openVolume({ root, env: systemEnv, log });
  try {
    const { signal } = new AbortController();
    const claims = await Promise.all(Array.from({ length: 4 }, (_, index) =>
      claimOrdinal({
        seats: new StoredSeats({ store, create: createOnVolume(systemEnv.fs, root), workload: "w", log }),
        clock: systemEnv.clock,
        log,
        instance: `p${index}`,
        leaseMs: 2000,
        signal,
      })));
    assert.deepEqual(claims.map((one) => one?.ordinal).toSorted((a, b) => (a ?? 0) - (b ?? 0)), [0, 1, 2, 3]);
    for (const one of claims) await one?.release();
  } finally {
    await store.close();
    await rm(root, { recursive: true });
  }
});
