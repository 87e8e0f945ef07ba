import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { MemoryStore } from "../core/store/memory_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { Registry } from "../core/telemetry/metrics.ts";
import { emptySnapshot, type Snapshot } from "./discovery/discovery.ts";
import { guardDefaults } from "./guards/guard.ts";
import { leadsAlone } from "./leader/testing/alone.ts";
import { makeNoneOrchestrator } from "./orchestrator/none_orchestrator.ts";
import { unreadPatienceMs } from "./reconcile/notices.ts";
import { Service } from "./service.ts";
import { FakeRegistry } from "./testing/fake_registry.ts";
import { ManualClock } from "./testing/manual_clock.ts";

test("a source that is not read in time is told of once, with its cluster, and no more once it is read", async () => {
  const clock = new ManualClock();
  const registry = new FakeRegistry();
  const lines: string[] = [];
  let tell: (snapshot: Snapshot) => void = () => {};
  const service = new Service({
    store: new MemoryStore(),
    registry,
    clock,
    log: makeLogger("service", "info", { write: (line) => void lines.push(line) }),
    metrics: new Registry(),
    frequencyMinSeconds: 60,
    guard: guardDefaults,
    makeOrchestrator: makeNoneOrchestrator,
    discoveries: [{
      name: "kubernetes c2",
      clusters: ["c2"],
      watch(onChange) {
        tell = onChange;
        return Promise.resolve({ close: () => Promise.resolve() });
      },
    }],
  });
  const pass = async (forMs: number) => {
    clock.advance(forMs);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    return lines.filter((line) => line.includes("cluster.unread")).length;
  };
  try {
    await service.start(leadsAlone());
    for (const module of ["service", "collector", "exporter"] as const) registry.set(module, []);
    assert.equal(await pass(1000), 0);
    const reason = "cluster c2 stays as it is, since the source kubernetes c2 has not been read";
    assert.deepEqual(service.readiness(), { ready: true, reason });
    assert.equal(await pass(unreadPatienceMs - 1001), 0);
    assert.equal(await pass(200), 1);
    assert.match(lines.join(""), /"type":"cluster\.unread","clusterId":"c2","namespace":"","name":"kubernetes c2"/);
    assert.equal(await pass(60_000), 1);
    tell(emptySnapshot);
    assert.equal(await pass(200), 1);
    assert.deepEqual(service.readiness(), { ready: true });
  } finally {
    await service.close();
  }
});
