import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriftPolicy } from "./next_record.ts";
import { KeptWorkloads } from "./testing/kept_workloads.ts";
import { fairWeather } from "./testing/wild_orchestrator.ts";

const namespaces = ["a", "b", "c", "d"];
const pathOf = (namespace: string) => `c1/${namespace}/${namespace}-own`;

/** Changes something: the documents, the workloads by hand, or the weather. */
function stir(kept: KeptWorkloads, policy: DriftPolicy): void {
  const { orchestrator, random } = kept;
  const namespace = namespaces[Math.floor(random.float() * namespaces.length)] ?? "a";
  const path = pathOf(namespace);
  const key = { clusterId: "c1", namespace, name: `${namespace}-own` };
  const small = 1 + Math.floor(random.float() * 4);
  const dice = Math.floor(random.float() * 9);
  if (dice === 0) kept.declare(namespace, { replicas: small, drift: policy });
  else if (dice === 1) kept.declare(namespace, { drift: policy, env: { A: String(small) } });
  else if (dice === 2) kept.forget(namespace);
  else if (dice === 3) orchestrator.changeByHand(path, { replicas: small });
  else if (dice === 4) orchestrator.changeByHand(path, { drift: [{ field: "image", applied: "a", found: "b" }] });
  else if (dice === 5) orchestrator.removeByHand(path);
  else if (dice === 6 && !orchestrator.real.has(path)) orchestrator.createByHand(key, small);
  else if (dice === 7) orchestrator.weather = fairWeather;
  else if (dice === 8) {
    orchestrator.weather = {
      failureChance: random.float(),
      forgetChance: random.float() / 2,
      staleChance: random.float() / 2,
      delayMsMax: random.float() < 0.3 ? 20_000 : 100,
    };
  }
}

async function simulate(seed: number, policy: DriftPolicy): Promise<number> {
  const kept = new KeptWorkloads(seed);
  const { orchestrator } = kept;
  const told = `seed ${seed}, ${policy}`;
  kept.declare("calm", { drift: policy });
  for (const namespace of namespaces) kept.declare(namespace, { drift: policy });
  await kept.advance(2000, 50);
  for (let event = 0; event < 60; event++) {
    stir(kept, policy);
    await kept.advance(kept.random.float() * 4000, 100);
  }
  orchestrator.weather = fairWeather;
  await kept.advance(900_000, 500);
  for (const namespace of ["calm", ...namespaces]) {
    const found = orchestrator.real.get(pathOf(namespace));
    if (!kept.metrics.has(namespace)) {
      // What somebody else made after the last metric went, and was never adopted, is nobody's to remove.
      assert.ok(found === undefined || found.fingerprint === "", `${told}: ${namespace} is gone`);
      continue;
    }
    const row = kept.row(pathOf(namespace));
    assert.ok(found !== undefined && row !== undefined, `${told}: ${namespace} is there`);
    assert.deepEqual([row.problem, found.replicas], ["", row.replicasWished], `${told}: ${namespace}`);
    assert.ok(
      policy === "repair" ? row.state === "ok" : ["ok", "drifted"].includes(row.state),
      `${told}: ${row.state}`,
    );
    if (policy === "repair" && !row.adopted) {
      assert.equal(found.replicas, kept.collectors.get(namespace)?.spec.replicas, `${told}: ${namespace}`);
    }
  }
  assert.equal(orchestrator.real.get(pathOf("calm"))?.starts, 1, `${told}: nobody changed it`);
  assert.deepEqual(orchestrator.mistakes, [], told);
  // It has come to rest.
  const { applies, deletes } = orchestrator;
  await kept.advance(300_000, 1000);
  assert.deepEqual([orchestrator.applies, orchestrator.deletes], [applies, deletes], told);
  await kept.close();
  return kept.failures;
}

test("however wild the orchestrator was, in the end everything is as wished, and nobody was touched without reason", async () => {
  let failures = 0;
  for (let seed = 1; seed <= 8; seed++) {
    failures += await simulate(seed, "repair");
    failures += await simulate(seed, "accept");
  }
  assert.ok(failures > 100, `only ${failures} calls failed: nothing was tried`);
});
