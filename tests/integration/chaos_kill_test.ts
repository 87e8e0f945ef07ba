/**
 * Kills collectors and exporters with SIGKILL at random moments under load, over and over, while a second sink
 * misbehaves at random. At every moment the books agree; at the end every record that a collector has made is in the
 * file sink and at the other one, none was declared lost, and what came twice is what may.
 *
 * `CHAOS_KILLS` sets how many (default 100), `CHAOS_SEED` repeats the choices of a run.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { ChaosSystem } from "../support/chaos_system.ts";
import { readDelivered } from "../support/delivered_scrapes.ts";
import { drained, LedgerWatch, readLedger } from "../support/ledger_watch.ts";
import { holes, lastMissing, scrapeCounts } from "../support/missing_scrapes.ts";
import { waitFor } from "../support/wait.ts";

const kills = Number(process.env["CHAOS_KILLS"] ?? 100);
const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
const collectors = 2;
const exporters = 2;
const targetsEach = 40;
const failEvery = 7;
const pauseMs = { least: 20, most: 600 };
/** After so many kills all may run for a while, so that there is load to be killed under. */
const burst = 10;
const calmMs = 1500;
const calmTestMs = 120_000;
/** Records of more than this time are not on their way to an exporter when it is killed. */
const inFlightMs = 2000;

suite("collectors and exporters that are killed at random moments", () => {
  const random = seededRandom(seed);
  let system: ChaosSystem;
  let watch: LedgerWatch;
  let exporterKills = 0;

  before(async () => {
    const weather = seededRandom(seed + 1);
    system = await ChaosSystem.start({ collectors, exporters, targetsEach, random: weather, failEvery });
    watch = new LedgerWatch(system.exporterUrls());
    await waitFor(
      "a scrape of each target",
      30_000,
      () => system.targets.flat().every(({ times }) => times[0]) || null,
    );
  });

  after(async () => {
    await Promise.allSettled([watch.end()]);
    await system.end();
  });

  test(
    "disturb neither the books nor the sink that is well",
    { timeout: calmTestMs + kills * 2000 },
    async (context) => {
      context.diagnostic(`CHAOS_SEED=${seed} CHAOS_KILLS=${kills}`);
      system.receiver.mood = "wild";
      for (let kill = 1; kill <= kills; kill++) {
        await pause(kill % burst === 0 ? calmMs : pauseMs.least + random.float() * (pauseMs.most - pauseMs.least));
        await killOne();
      }
      system.receiver.mood = "dead";
      await waitFor("a scrape of each target by the last starts", 30_000, () => allScrapedByLastStarts() || null);
      const counts = scrapeCounts(system);
      await waitFor("all in the file sink while the other one is dead", 30_000, async () => {
        const delivered = await readDelivered(system.folders());
        const books = await Promise.all(system.exporterUrls().map((url) => readLedger(url)));
        const held = books.map((ledger) => ledger?.sinks[0]?.held);
        return held.every((count) => count === 0) && lastMissing(system, delivered, counts).length === 0 || null;
      });
    },
  );

  test("lose nothing that was made", { timeout: 60_000 }, async () => {
    for (let index = 0; index < collectors; index++) {
      assert.equal(await system.fleet.stop(system.collector(index)), 0);
      assert.equal(await system.readSpool(index), 0, "the spool is empty");
    }
    system.receiver.mood = "good";
    const books = await drained(system.exporterUrls());
    await watch.end();
    const delivered = await readDelivered(system.folders());
    const text = JSON.stringify(books);
    assert.deepEqual(holes(system, delivered), []);
    const acknowledged = await system.acknowledged();
    for (const [start, last] of system.spooled) {
      assert.ok((acknowledged.get(start) ?? 0) >= last, `${start} had ${last} on disk`);
    }
    const made = [...acknowledged.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(delivered.keys.size, made, text);
    assert.equal(system.receiver.records.size, made, text);
    for (const key of delivered.keys) assert.ok(system.receiver.records.has(key), key);
    for (const [index, { sinks }] of books.entries()) {
      const own = await readDelivered([system.folders()[index] ?? ""]);
      for (const sink of sinks) {
        assert.equal(sink.taken, own.keys.size, text);
        assert.equal(sink.delivered.entries, own.keys.size, text);
        assert.deepEqual([sink.lost.entries, sink.rejected.entries, sink.declared.entries], [0, 0, 0], text);
      }
    }
  });

  test("bring again only what the docs say", async (context) => {
    const delivered = await readDelivered(system.folders());
    let [again, mayComeAgain] = [0, 0];
    let atBoth = -delivered.keys.size;
    for (const [index, folder] of system.folders().entries()) {
      const { keys, total } = await readDelivered([folder]);
      mayComeAgain += await system.mayComeAgain(index);
      again += total - keys.size;
      atBoth += keys.size;
    }
    const { receiver, leftInSpools } = system;
    context.diagnostic(JSON.stringify({
      scraped: system.targets.flat().reduce((sum, { times }) => sum + times.length, 0),
      made: delivered.keys.size,
      failed: [...delivered.failed.values()].flat().length,
      again,
      mayComeAgain,
      atBoth,
      leftInSpools,
      exporterKills,
      polls: watch.polls,
      faults: Object.fromEntries(receiver.faults),
    }));
    assert.ok(again <= mayComeAgain, `${again} are twice in a file, by the cursors ${mayComeAgain} may be`);
    const inFlightMax = exporterKills * inFlightMs / 1000 * targetsEach * collectors;
    assert.ok(atBoth <= leftInSpools + inFlightMax, `${atBoth} are at both exporters`);
    assert.ok(leftInSpools > 0 && watch.polls > kills, "the kills came under load");
  });

  function allScrapedByLastStarts(): boolean {
    return system.targets.every((mine, index) =>
      mine.every(({ times }) => system.runAt(index, times.at(-1) ?? 0) === system.lastRun(index))
    );
  }

  async function killOne(): Promise<void> {
    const index = Math.floor(random.float() * (collectors + exporters));
    if (index < collectors) return await system.killCollector(index);
    exporterKills++;
    await system.killExporter(index - collectors);
    system.restartExporter(index - collectors);
  }
});

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
