/** Cuts the power before each single operation on the disk, and checks what the next start finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrashMode, MemoryFileSystem } from "../../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { Spool } from "../spool.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "../testing/records.ts";
import { DiskKeeper, openDisk } from "./keeper.ts";
import { recoverSpool } from "./recovery.ts";
import { lastOf, type Stored } from "./run_reader.ts";

interface Cut {
  readonly what: string;
  readonly disk: MemoryFileSystem;
  readonly durable: number;
  readonly acknowledged: number;
  readonly taken: number;
  /** The records among what was taken to be sent. */
  readonly sent: ReadonlySet<number>;
}

const folder = "/data/spool";
const layout = testLayout("app", 3);
const target = testTarget("10.0.0.1:9100");
const quiet = () => new Promise((resolve) => setImmediate(resolve));

/** Records in bursts, acknowledgements, a full spool that drops, and reading back. Its time stands still. */
async function canonicalRun(observe: (disk: MemoryFileSystem, cut: Omit<Cut, "disk">) => void): Promise<number> {
  const fs = new MemoryFileSystem();
  const spool = new Spool({ budgetBytes: 6_000, hasDisk: true });
  const clock = { monotonicMs: () => 0, after: () => () => {} };
  const disk = { ...await openDisk(fs, folder, 6_000), segmentBytes: 1_000 };
  const log = makeLogger("test", "silent");
  const onStored = () => {};
  const run = { epoch: 1n, spool };
  const sending = () => run;
  const keeper = new DiskKeeper({ disk, clock, log, runs: [run], sending, onStored, commitMs: 0, boundStep: 3 });
  const sent = new Set<number>();
  let operations = 0;
  fs.before = ({ name }) => {
    const { disk: { durable }, highestAcknowledged: acknowledged, highestTaken: taken } = spool;
    observe(fs, {
      what: `before operation ${++operations}: ${name}`,
      durable,
      acknowledged,
      taken,
      sent: new Set(sent),
    });
  };
  for (let time = 1; time <= 120; time++) {
    spool.push(time % 4 === 0 ? opaqueRecord(time, 300) : scrapeRecord(time, target, layout));
    keeper.poke();
    if (time % 3 === 0) await quiet();
    if (time > 60 && time < 100) continue;
    while (spool.mayTake(3_000)) {
      const entry = spool.take();
      if (entry.kind === "record") sent.add(entry.firstSequence);
    }
    if (time % 5 === 0) spool.acknowledge(spool.highestInFlight);
  }
  await quiet();
  fs.before = null;
  return spool.books.lost.get("spool full")?.records ?? 0;
}

async function check({ what, disk, durable, acknowledged, taken, sent }: Cut): Promise<void> {
  const { runs, badFiles } = await recoverSpool(disk, folder, 2_000);
  assert.equal(badFiles, 0, what);
  const [run] = runs;
  if (run === undefined) {
    assert.equal(durable, acknowledged, `${what}: nothing was left of ${durable}`);
    return;
  }
  assert.ok(run.last >= durable, `${what}: ${run.last} of ${durable} are there`);
  assert.ok(
    run.first <= acknowledged + 1,
    `${what}: begins at ${run.first}, though only ${acknowledged} is acknowledged`,
  );
  assert.ok(run.bound >= taken, `${what}: ${taken} was sent, the bound is ${run.bound}`);
  let next = run.first;
  let records = 0;
  while (next <= run.last) {
    const stored = await run.log.read(next, run.last, 500);
    for (const one of stored) records += recordsOf(what, one, sent);
    next = lastOf(stored.at(-1) ?? assert.fail(`${what}: nothing at ${next}`)) + 1;
  }
  assert.equal(records, run.records, `${what}: as many records as were counted`);
  await run.log.close();
}

function recordsOf(what: string, stored: Stored, sent: ReadonlySet<number>): number {
  if (stored.kind === "record") {
    assert.equal(stored.record.timestampMs, stored.record.sequence, `${what}: a record has its number`);
    assert.ok(stored.shapes !== null, `${what}: its shapes are there`);
    return 1;
  }
  const { firstSequence, lastSequence, records } = stored.lost;
  assert.equal(records, lastSequence - firstSequence + 1, `${what}: a loss counts its records`);
  for (let sequence = firstSequence; sequence <= lastSequence; sequence++) {
    assert.ok(!sent.has(sequence), `${what}: ${sequence} was sent and is declared lost`);
  }
  return stored.isFound ? records : 0;
}

for (const mode of ["drop", "keep", "torn"] satisfies CrashMode[]) {
  test(`after a power cut in mode ${mode}, at any moment, all that was durable is held or declared lost`, async () => {
    const cuts: Cut[] = [];
    const random = seededRandom(7);
    const dropped = await canonicalRun((disk, cut) =>
      cuts.push({ ...cut, disk: disk.crash(mode, () => random.float()) })
    );
    assert.ok(cuts.length > 150, `${cuts.length} cuts`);
    assert.ok(dropped > 5, `${dropped} records were dropped`);
    for (const cut of cuts) await check(cut);
  });
}
