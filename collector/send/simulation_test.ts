import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation, type SimulationOptions } from "./testing/simulation.ts";

const worlds: Readonly<Record<string, Omit<SimulationOptions, "seed">>> = {
  "one exporter": { budgetBytes: 1_000_000, windowBytes: 20_000, exporters: 1, pushShare: 0.3 },
  "three exporters": { budgetBytes: 1_000_000, windowBytes: 20_000, exporters: 3, pushShare: 0.3 },
  "a spool that overflows": { budgetBytes: 12_000, windowBytes: 20_000, exporters: 2, pushShare: 0.5 },
  "a window of one frame": { budgetBytes: 60_000, windowBytes: 1, exporters: 2, pushShare: 0.2 },
};

for (const [world, options] of Object.entries(worlds)) {
  test(`in a world of faults with ${world} every record is delivered or declared lost, never both`, () => {
    let lost = 0;
    let sessions = 0;
    let unknowns = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const simulation = new Simulation({ ...options, seed });
      try {
        for (let turn = 0; turn < 3_000; turn++) simulation.act();
        simulation.settle();
        checkOutcome(simulation);
      } catch (error) {
        throw new Error(`seed ${seed} at ${simulation.nowMs} ms`, { cause: error });
      }
      lost += simulation.state.spool.lost.get("spool full")?.records ?? 0;
      sessions += simulation.state.sessions;
      unknowns += simulation.exporters.reduce((sum, exporter) => sum + exporter.unknowns, 0);
    }
    // The world has to be hard enough for the outcome to mean something.
    assert.ok(sessions > 300, `${sessions} sessions`);
    assert.ok(unknowns > 20, `${unknowns} UNKNOWNs`);
    if (world === "a spool that overflows") assert.ok(lost > 1_000, `${lost} records were lost`);
  });
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
  assert.equal(state.spool.acknowledged.records, delivered.size);
}
