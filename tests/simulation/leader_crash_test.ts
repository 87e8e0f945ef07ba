import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSettled, Scenario } from "./scenario.ts";

/** When there is another leader again. */
interface Takeover {
  readonly minMs: number;
  readonly maxMs: number;
}

/** After the lease, and what it takes to see that and to look at everything. */
const afterLease: Takeover = { minMs: 10_000, maxMs: 11_500 };
/** Nobody was there for so long. */
const late: Takeover = { minMs: 50_000, maxMs: 50_001 };

/** Two collectors, then five, then three, with a change of the metrics in between; the service ends after a write. */
class ScaledNamespace extends Scenario {
  /** Writes of the first assignment. */
  firstWrites = 0;

  constructor(crashAfterWrites: number, takeover: Takeover) {
    super(crashAfterWrites, { configMs: 150, statusMs: 2000, startMs: 500 });
    this.service.downMsMin = takeover.minMs;
    this.service.downMsMax = takeover.maxMs;
    if (crashAfterWrites > 0) this.service.crashAfter(crashAfterWrites);
    for (const replicas of [2, 5, 3]) {
      this.wish.replicas = replicas;
      this.service.changed();
      this.run(90_000);
      if (this.firstWrites === 0) this.firstWrites = this.service.writes;
      this.redefine();
      this.service.changed();
      this.run(2000);
    }
    this.run(90_000);
  }
}

test("no tick is missed or doubled whatever write the leader ends after, with the next one only after the lease", () => {
  const { writes, handovers } = new ScaledNamespace(0, afterLease).service;
  assert.ok(writes > 30 && handovers > 8, `${writes} writes, ${handovers} handovers`);
  for (let crash = 1; crash <= writes; crash++) {
    const { ledger, world } = checked(new ScaledNamespace(crash, afterLease));
    const { excused, ticks } = ledger.check(world.nowMs);
    assert.equal(excused, 0);
    assert.ok(ticks > 1000);
  }
});

test("no tick is missed whatever write the leader ends after, even when there is no other for long", () => {
  const { service, firstWrites } = new ScaledNamespace(0, late);
  assert.ok(firstWrites > 0);
  for (let crash = firstWrites + 1; crash <= service.writes; crash++) {
    const { ledger, world } = checked(new ScaledNamespace(crash, late));
    ledger.check(world.nowMs, true);
  }
});

function checked(scenario: ScaledNamespace): ScaledNamespace {
  checkSettled(scenario);
  return scenario;
}
