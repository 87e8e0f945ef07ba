import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSettled, Scenario } from "./scenario.ts";
import type { Delays } from "./virtual_world.ts";

const settleMs = 240_000;

function checkSeeds(seeds: readonly number[], delays: Delays, actions: number): Record<string, number> {
  const totals = { ticks: 0, excused: 0, handovers: 0, kills: 0 };
  for (const seed of seeds) {
    const scenario = new Scenario(seed, delays);
    try {
      scenario.run(20_000);
      for (let turn = 0; turn < actions; turn++) {
        scenario.act();
        scenario.run(scenario.world.int(9000));
      }
      scenario.run(settleMs);
      checkSettled(scenario);
      const { writes } = scenario.service;
      scenario.run(40_000);
      assert.equal(scenario.service.writes, writes, "what has settled is not written again");
      const { ticks, excused } = scenario.ledger.check(scenario.world.nowMs);
      totals.ticks += ticks;
      totals.excused += excused;
      totals.handovers += scenario.service.handovers;
      totals.kills += scenario.kills;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  return totals;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

const seedCount = Number(process.env["SIMULATION_SEEDS"] ?? 25);

for (
  const [what, delays] of Object.entries({
    "when everybody learns and tells at once": { configMs: 150, statusMs: 300, startMs: 500 },
    "when confirmations are slow": { configMs: 700, statusMs: 6000, startMs: 3000 },
    "when learning takes as long as it may": { configMs: 1400, statusMs: 3000, startMs: 12_000 },
  })
) {
  test(`no tick is missed or doubled but for a killed collector's, ${what}`, () => {
    const totals = checkSeeds(range(seedCount), delays, 16);
    // The world has to be hard enough for the outcome to mean something.
    assert.ok((totals["handovers"] ?? 0) > 10 * seedCount, JSON.stringify(totals));
    assert.ok((totals["kills"] ?? 0) > seedCount / 2, JSON.stringify(totals));
    assert.ok((totals["excused"] ?? 0) < (totals["ticks"] ?? 0) / 20, JSON.stringify(totals));
  });
}
