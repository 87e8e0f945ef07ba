import assert from "node:assert/strict";
import { test } from "node:test";
import { isAllAcknowledged } from "./sender_state.ts";
import { Simulation, type SimulationOptions } from "./testing/simulation.ts";

const worlds: Readonly<Record<string, Omit<SimulationOptions, "seed">>> = {
  "one exporter": { budgetBytes: 1_000_000, windowBytes: 20_000, exporters: 1, pushShare: 0.3 },
  "three exporters": {
    budgetBytes: 1_000_000,
    windowBytes: 20_000,
    exporters: 3,
    pushShare: 0.3,
    baseBytes: 1_000_000,
  },
  "a spool that overflows": {
    budgetBytes: 12_000,
    windowBytes: 20_000,
    exporters: 2,
    pushShare: 0.5,
    baseBytes: 3_000,
  },
  "a window of one frame": { budgetBytes: 60_000, windowBytes: 1, exporters: 2, pushShare: 0.2, baseBytes: 1_000_000 },
};

const diskWorlds: Readonly<Record<string, Omit<SimulationOptions, "seed">>> = {
  "room enough": {
    budgetBytes: 30_000,
    windowBytes: 20_000,
    exporters: 2,
    pushShare: 0.3,
    diskBytes: 10_000_000,
    baseBytes: 1_000_000,
  },
  "a disk that overflows": { budgetBytes: 12_000, windowBytes: 8_000, exporters: 2, pushShare: 0.5, diskBytes: 60_000 },
};

for (const [world, options] of Object.entries(diskWorlds)) {
  test(`with ${world} and crashes of the collector, what was on disk is delivered or declared lost, never both`, async () => {
    const sums = { crashes: 0, recovered: 0, lost: 0, cutOff: 0 };
    for (let seed = 1; seed <= 60; seed++) {
      const simulation = new Simulation({ ...options, seed });
      try {
        await simulation.start();
        for (let turn = 0; turn < 300; turn++) await simulation.actWithDisk();
        await simulation.settleWithDisk();
        const { cutOff, lost } = checkOutcomeWithDisk(simulation);
        sums.lost += lost;
        sums.cutOff += cutOff;
      } catch (error) {
        throw new Error(`seed ${seed} at ${simulation.nowMs} ms`, { cause: error });
      }
      sums.crashes += simulation.crashes;
      sums.recovered += simulation.state.spool.books.recovered.records;
    }
    assert.ok(sums.crashes > 60 && sums.recovered > 200, JSON.stringify(sums));
    if (world === "a disk that overflows") assert.ok(sums.lost > 500, JSON.stringify(sums));
  });
}

for (const [world, options] of Object.entries(worlds)) {
  test(`in a world of faults with ${world} every record is delivered or declared lost, never both`, () => {
    let lost = 0;
    let sessions = 0;
    let unknowns = 0;
    let coded = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const simulation = new Simulation({ ...options, seed });
      try {
        for (let turn = 0; turn < 3_000; turn++) simulation.act();
        simulation.settle();
        checkOutcome(simulation);
      } catch (error) {
        throw new Error(`seed ${seed} at ${simulation.nowMs} ms`, { cause: error });
      }
      lost += simulation.state.spool.books.lost.get("spool full")?.records ?? 0;
      sessions += simulation.state.sessions;
      coded += simulation.exporters.reduce((sum, exporter) => sum + exporter.coded, 0);
      unknowns += simulation.exporters.reduce((sum, exporter) => sum + exporter.unknowns, 0);
    }
    // The world has to be hard enough for the outcome to mean something.
    assert.ok(sessions > 300, `${sessions} sessions`);
    assert.ok(unknowns > 20, `${unknowns} UNKNOWNs`);
    assert.ok(options.baseBytes === undefined ? coded === 0 : coded > 1000, `${coded} records were coded`);
    if (world === "a spool that overflows") assert.ok(lost > 1_000, `${lost} records were lost`);
  });
}

/** Each place of each run's sequence: how often it was delivered, and how often declared lost. */
function checkOutcomeWithDisk({ state, exporters, runs }: Simulation): { cutOff: number; lost: number } {
  assert.ok(isAllAcknowledged(state), "everything is acknowledged in the end");
  const delivered = runs.map(() => new Set<number>());
  const lost = runs.map(() => new Set<number>());
  for (const { durable } of exporters) {
    const last = runs.map(() => 0);
    for (const logged of durable) {
      const run = Number(logged.epoch) - 1;
      const [first, final] = logged.kind === "data" ? [logged.sequence, logged.sequence] : [logged.first, logged.last];
      assert.ok(first > (last[run] ?? NaN), `sequence ${first} follows ${last[run]}`);
      last[run] = final;
      if (logged.kind === "data") {
        assert.equal(logged.timestampMs, runs[run]?.times[logged.sequence - 1], "the record has its number");
        delivered[run]?.add(logged.sequence);
      } else {
        assert.equal(logged.records, final - first + 1, "a loss counts its records");
        for (let sequence = first; sequence <= final; sequence++) lost[run]?.add(sequence);
      }
    }
  }
  let cutOff = 0;
  for (const [index, { times, durable }] of runs.entries()) {
    for (let sequence = 1; sequence <= times.length; sequence++) {
      const outcome = Number(delivered[index]?.has(sequence)) + Number(lost[index]?.has(sequence));
      assert.ok(outcome < 2, `epoch ${index + 1}: ${sequence} is delivered and declared lost`);
      // What was not on disk yet when the collector was killed was never made.
      if (sequence <= durable) {
        assert.equal(outcome, 1, `epoch ${index + 1}: ${sequence} of ${times.length} is missing`);
      } else if (outcome === 0) cutOff++;
    }
  }
  return { cutOff, lost: lost.reduce((sum, { size }) => sum + size, 0) };
}

function checkOutcome({ state, exporters, pushed }: Simulation): void {
  assert.ok(state.spool.isEmpty, "everything is acknowledged in the end");
  assert.equal(state.spool.bytes, 0, "nothing is held in the end");
  const delivered = new Set<number>();
  const lost = new Set<number>();
  for (const { durable } of exporters) {
    let last = 0;
    for (const logged of durable) {
      const [first, final] = logged.kind === "data" ? [logged.sequence, logged.sequence] : [logged.first, logged.last];
      assert.ok(first > last, `sequence ${first} follows ${last}`);
      last = final;
      if (logged.kind === "data") {
        assert.equal(logged.timestampMs, logged.sequence, "the record has the number under which it was pushed");
        delivered.add(logged.sequence);
      } else {
        assert.equal(logged.records, final - first + 1);
        for (let sequence = first; sequence <= final; sequence++) lost.add(sequence);
      }
    }
  }
  assert.deepEqual(
    [...delivered].filter((sequence) => lost.has(sequence)),
    [],
    "nothing is both delivered and declared lost",
  );
  assert.equal(delivered.size + lost.size, pushed, "nothing is missing");
  assert.equal(state.spool.books.acknowledged.records, delivered.size);
}
