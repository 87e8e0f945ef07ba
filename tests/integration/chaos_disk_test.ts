/**
 * A disk runs full under load: that of the exporter, which acknowledges nothing meanwhile and is killed on top of it,
 * or that of a collector, which goes on from memory. When there is room again everything that was scraped is delivered.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { ChaosSystem } from "../support/chaos_system.ts";
import { readDelivered } from "../support/delivered_scrapes.ts";
import { drained, readLedger } from "../support/ledger_watch.ts";
import { holes, lastMissing, scrapeCounts } from "../support/missing_scrapes.ts";
import { SmallDisk } from "../support/small_disk.ts";
import { waitFor } from "../support/wait.ts";

const mebibytes = 16;
const notPermitted = "mounting a tmpfs is not permitted here: run as root";

test("an exporter whose disk runs full loses nothing, not even when all are killed meanwhile", {
  timeout: 180_000,
}, async (context) => {
  if (!await withSmallDisk("exporter-0", fillExporter)) context.skip(notPermitted);
});

test(
  "a collector whose disk runs full goes on from memory, and is started again on it",
  { timeout: 180_000 },
  async (context) => {
    if (!await withSmallDisk("bcs-collector-shop-0", fillCollector)) context.skip(notPermitted);
  },
);

/** Runs an exporter and a collector, one of them on a small disk. False where mounting is not permitted. */
async function withSmallDisk(
  owner: string,
  use: (system: ChaosSystem, disk: SmallDisk) => Promise<void>,
): Promise<boolean> {
  const disks: (SmallDisk | null)[] = [];
  const system = await ChaosSystem.start({
    collectors: 1,
    exporters: 1,
    targetsEach: 20,
    random: seededRandom(1),
    prepare: async (fleet) => void disks.push(await SmallDisk.mount(join(fleet.folder, owner), mebibytes)),
  });
  const [disk = null] = disks;
  try {
    if (disk !== null) await use(system, disk);
    return disk !== null;
  } finally {
    await system.end(() => disk?.unmount());
  }
}

async function fillExporter(system: ChaosSystem, disk: SmallDisk): Promise<void> {
  const url = system.fleet.exporterUrl(0);
  await allDelivered(system, "the first scrapes");
  await disk.fill();
  await waitFor(
    "a full disk",
    20_000,
    async () => await reason(url) === "not ready: write-ahead log: disk full" || null,
  );
  const entries = (await readLedger(url))?.logEntries;
  await moreScrapes(system, 3);
  await system.killExporter(0);
  system.restartExporter(0);
  const ledger = await waitFor("the exporter on its full disk", 20_000, () => readLedger(url));
  assert.equal(ledger.logEntries, entries, "nothing was taken meanwhile");
  await moreScrapes(system, 2);
  await system.killCollector(0);
  assert.ok(system.leftInSpools > 0, "the collector holds what the exporter does not take");
  await moreScrapes(system, 2);
  await disk.free();
  await allDelivered(system, "all scrapes");
  assert.equal(await reason(url), "");
  await checkAll(system);
}

async function fillCollector(system: ChaosSystem, disk: SmallDisk): Promise<void> {
  await allDelivered(system, "the first scrapes");
  await disk.fill();
  await moreScrapes(system, 2);
  await allDelivered(system, "what was scraped while the disk was full");
  await system.killExporter(0);
  await moreScrapes(system, 3);
  system.restartExporter(0);
  await allDelivered(system, "what was scraped while there was no exporter either");
  await system.killCollector(0);
  await allDelivered(system, "what was scraped after a start on the full disk");
  await disk.free();
  await allDelivered(system, "all scrapes");
  await checkAll(system);
}

/** After the collector's end: whatever it has made is delivered once in the books, and nothing was declared lost. */
async function checkAll(system: ChaosSystem): Promise<void> {
  assert.equal(await system.fleet.stop(system.collector(0)), 0);
  assert.equal(await system.readSpool(0), 0, "the spool is empty");
  const [ledger] = await drained(system.exporterUrls());
  const delivered = await readDelivered(system.folders());
  assert.deepEqual(holes(system, delivered), []);
  const made = [...(await system.acknowledged()).values()].reduce((sum, count) => sum + count, 0);
  assert.equal(delivered.keys.size, made);
  for (const { lost, declared } of ledger?.sinks ?? []) {
    assert.deepEqual([lost.entries, declared.entries], [0, 0]);
  }
}

/** Waits until all that was scraped by now by collectors that still run is in the file sink. */
async function allDelivered(system: ChaosSystem, what: string): Promise<void> {
  await moreScrapes(system, 1);
  const counts = scrapeCounts(system);
  await waitFor(`${what} in the file sink`, 40_000, async () => {
    const delivered = await readDelivered(system.folders());
    return lastMissing(system, delivered, counts).length === 0 || null;
  });
}

async function moreScrapes(system: ChaosSystem, more: number): Promise<void> {
  const before = scrapeCounts(system);
  await waitFor(
    `${more} more scrapes of each target`,
    20_000,
    () => scrapeCounts(system).every((count, index) => count >= (before[index] ?? 0) + more) || null,
  );
}

/** Why the exporter is not ready; "" when it is. */
async function reason(url: string): Promise<string> {
  const answer = await fetch(`${url}/readyz`);
  const text = await answer.text();
  return answer.ok ? "" : text.trim();
}
