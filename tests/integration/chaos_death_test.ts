/**
 * One of two exporters dies for good, with records in its log that one of its sinks lacks. The collectors move to the
 * other one and lose nothing; what only the dead exporter's log has is held there, and delivered once it is back.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { ChaosSystem, seriesEach } from "../support/chaos_system.ts";
import { readDelivered } from "../support/delivered_scrapes.ts";
import { drained, readLedger } from "../support/ledger_watch.ts";
import { waitFor } from "../support/wait.ts";

const collectors = 3;
const targetsEach = 10;

suite("an exporter that dies for good", () => {
  let system: ChaosSystem;
  let dead = 0;
  let diedMs = 0;
  /** Scrapes in its log by its books, shortly before its death. */
  let lastTaken = 0;

  before(async () => {
    system = await ChaosSystem.start({ collectors, exporters: 2, targetsEach, random: seededRandom(1) });
    system.receiver.mood = "dead";
  });

  after(() => system.end());

  test("leaves what it had taken in its log, and its collectors to the other one", { timeout: 90_000 }, async () => {
    await waitFor("two scrapes of each target", 30_000, () => served(2) || null);
    const taken = await Promise.all([0, 1].map((index) => readTaken(index)));
    dead = (taken[0] ?? 0) > (taken[1] ?? 0) ? 0 : 1;
    lastTaken = await readTaken(dead);
    assert.ok(lastTaken > 0);
    await system.killExporter(dead);
    diedMs = Date.now();
    const counts = system.targets.flat().map(({ times }) => times.length);
    await waitFor("three more scrapes of each target in the file of the other", 30_000, async () => {
      const { numbers } = await readDelivered([system.fleet.exported(1 - dead)]);
      return system.targets.flat().every(({ address }, index) =>
        [1, 2, 3].every((more) => numbers.get(address)?.get((counts[index] ?? 0) + more) === seriesEach)
      ) || null;
    });
  });

  test("holds back nothing else: all but what only its log has is delivered", { timeout: 90_000 }, async () => {
    for (let index = 0; index < collectors; index++) {
      assert.equal(await system.fleet.stop(system.collector(index)), 0);
      assert.equal(await system.readSpool(index), 0, "the spool is empty");
    }
    system.receiver.mood = "good";
    const other = await takenWhenDrained(1 - dead);
    const mine = await readDelivered([system.fleet.exported(1 - dead)]);
    assert.equal(other, mine.keys.size);
    assert.deepEqual([...system.receiver.records.keys()].toSorted(), [...mine.keys].toSorted());
    assert.ok((await missingTimes()).every((timeMs) => timeMs <= diedMs), "only its log may have what came before");
  });

  test("delivers that when it comes back", { timeout: 90_000 }, async () => {
    system.restartExporter(dead);
    const taken = await takenWhenDrained(dead);
    assert.ok(taken >= lastTaken, `${taken} of ${lastTaken} are in its log`);
    const [own, all] = [await readDelivered([system.fleet.exported(dead)]), await readDelivered(system.folders())];
    assert.equal(own.keys.size, taken);
    assert.deepEqual([...system.receiver.records.keys()].toSorted(), [...all.keys].toSorted());
    const made = [...(await system.acknowledged()).values()].reduce((sum, count) => sum + count, 0);
    assert.equal(all.keys.size, made);
    assert.deepEqual(await missingTimes(), []);
  });

  /** When those scrapes were that are in no exporter's file, the last of each target apart: its collector may have ended. */
  async function missingTimes(): Promise<number[]> {
    const { numbers } = await readDelivered(system.folders());
    return system.targets.flat().flatMap(({ address, times }) =>
      times.slice(0, -1).filter((_, index) => numbers.get(address)?.get(index + 1) !== seriesEach)
    );
  }

  function served(times: number): boolean {
    return system.targets.flat().every((target) => target.times.length >= times);
  }

  /** Entries in the log of an exporter, of which its HTTP sink has none. */
  async function readTaken(index: number): Promise<number> {
    const ledger = await readLedger(system.fleet.exporterUrl(index));
    const wild = ledger?.sinks.find(({ name }) => name === "wild");
    assert.ok(wild !== undefined && wild.held === wild.taken, JSON.stringify(ledger));
    return wild.taken;
  }

  /** Waits until an exporter, which must not have lost anything, holds nothing. Returns how many it has taken. */
  async function takenWhenDrained(index: number): Promise<number> {
    const [ledger] = await drained([system.fleet.exporterUrl(index)]);
    for (const { lost, rejected, declared } of ledger?.sinks ?? []) {
      assert.deepEqual([lost.entries, rejected.entries, declared.entries], [0, 0, 0]);
    }
    return ledger?.logEntries ?? 0;
  }
});
