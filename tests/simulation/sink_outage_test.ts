/** A sink that is down for an hour of simulated time, beside one that is well: nobody waits, nothing is lost unsaid. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../collector/testing/manual_clock.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { type Delivery, startDelivery } from "../../exporter/delivery/delivery.ts";
import { retentionDefault, type RetentionLimits } from "../../exporter/delivery/retention.ts";
import { MemoryWal } from "../../exporter/delivery/wal_testing.ts";
import { ledgerOf, type SinkLedger } from "../../exporter/ledger/ledger.ts";
import type { Batch, DeliveryOutcome, Sink } from "../../exporter/sink.ts";
import { testScrapeOf } from "../../exporter/sinks/batch_testing.ts";

const hourSeconds = 3600;
/** The longest wait between two attempts that a destination does not ask for, and an alarm's, with some slack. */
const backSeconds = 65;

type Trouble = () => DeliveryOutcome | Promise<DeliveryOutcome>;

/** Notes the numbers of the scrapes that it took. */
class NotingSink implements Sink {
  readonly type = "noting";
  readonly name: string;
  readonly taken: number[] = [];
  attempts = 0;
  trouble: Trouble | null = null;

  constructor(name: string) {
    this.name = name;
  }

  async deliver(batch: Batch): Promise<DeliveryOutcome> {
    this.attempts++;
    if (this.trouble !== null) return await this.trouble();
    this.taken.push(...batch.scrapes.map(({ timestampMs }) => timestampMs));
    return { outcome: "delivered", samples: batch.sampleCount, records: batch.scrapes.length };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** One scrape a second comes in. */
class Outage {
  readonly down = new NotingSink("down");
  readonly well = new NotingSink("well");
  readonly #clock = new ManualClock();
  readonly #fs = new MemoryFileSystem();
  readonly #wal = new MemoryWal({ segmentRecords: 60, wallMs: () => this.#clock.wallMs() });
  readonly #delivery: Delivery;
  made = 0;

  constructor(retention: RetentionLimits = retentionDefault) {
    this.#delivery = startDelivery({
      wal: this.#wal,
      sinks: [this.down, this.well],
      retention,
      dataDir: "/data",
      env: { clock: this.#clock, random: seededRandom(1), fs: this.#fs },
      log: makeLogger("test", "silent"),
      metrics: new Registry(),
    });
  }

  /** Lets seconds pass, after each of which the books have to agree. Returns those of both sinks. */
  async pass(seconds: number): Promise<readonly SinkLedger[]> {
    for (let second = 0; second < seconds; second++) {
      this.#wal.appendScrapes(testScrapeOf("load", 1, ++this.made));
      await this.#advance(1000);
      this.books();
    }
    // A sink gathers for up to 200 ms before it delivers.
    for (let part = 0; part < 15; part++) await this.#advance(20);
    return this.books();
  }

  books(): readonly SinkLedger[] {
    const sinks = this.#delivery.books();
    const source = { exporter: "x", wallMs: 0, logEntries: this.#wal.stats().entries, sinks, acknowledged: () => 0 };
    const ledger = ledgerOf(source, null);
    assert.ok(ledger.balanced, JSON.stringify(ledger));
    return ledger.sinks;
  }

  async #advance(delayMs: number): Promise<void> {
    this.#clock.advance(delayMs);
    await settle();
  }

  declarations(): Promise<Uint8Array> {
    return this.#fs.readFile("/data/losses/down.jsonl");
  }

  async stop(): Promise<void> {
    const stopped = this.#delivery.stop(1000);
    for (let second = 0; second < 5; second++) {
      await settle();
      this.#clock.advance(1000);
    }
    await stopped;
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** With how many attempts there may be in the hour. */
const troubles: readonly (readonly [what: string, trouble: Trouble, attempts: readonly [number, number]])[] = [
  ["answers 503", () => ({ outcome: "retry", reason: "HTTP 503" }), [120, 500]],
  ["asks for half a minute by 429", () => ({ outcome: "retry", reason: "HTTP 429", afterMs: 30_000 }), [60, 125]],
  ["answers 401", () => ({ outcome: "retry", reason: "HTTP 401", afterMs: 60_000, alarm: true }), [55, 65]],
  ["breaks down", () => Promise.reject(new Error("broken")), [120, 500]],
];

for (const [what, trouble, [least, most]] of troubles) {
  test(`a sink that ${what} for an hour gets everything afterwards, in order and once`, async () => {
    const outage = new Outage();
    await outage.pass(10);
    outage.down.trouble = trouble;
    outage.down.attempts = 0;
    const [down, well] = await outage.pass(hourSeconds);
    assert.deepEqual([down?.held, well?.held], [hourSeconds, 0], "the other sink does not notice");
    assert.equal(outage.well.taken.length, outage.made);
    assert.ok(outage.down.attempts >= least && outage.down.attempts <= most, `${outage.down.attempts} attempts`);
    outage.down.trouble = null;
    const [after] = await outage.pass(backSeconds);
    assert.deepEqual([after?.held, after?.delivered.entries, after?.lost.entries], [0, outage.made, 0]);
    assert.deepEqual(outage.down.taken, Array.from({ length: outage.made }, (_, index) => index + 1));
    await outage.stop();
  });
}

test("what the log cannot keep for an hour is declared lost for that sink alone, and the rest is delivered", async () => {
  const outage = new Outage({ bytes: retentionDefault.bytes, ageMs: hourSeconds * 1000 / 2 });
  outage.down.trouble = () => ({ outcome: "retry", reason: "HTTP 503" });
  const [before] = await outage.pass(hourSeconds);
  assert.ok(before !== undefined && before.lostRetention.entries >= hourSeconds / 2 - 120, JSON.stringify(before));
  outage.down.trouble = null;
  const [down, well] = await outage.pass(backSeconds);
  assert.ok(down !== undefined && well !== undefined);
  assert.deepEqual([down.held, well.held, well.lost.entries], [0, 0, 0]);
  assert.equal(down.delivered.entries + down.lostRetention.entries, outage.made);
  const first = down.lostRetention.entries + 1;
  assert.deepEqual(outage.down.taken, Array.from({ length: outage.made - first + 1 }, (_, index) => first + index));
  const lines = new TextDecoder().decode(await outage.declarations()).trim().split("\n");
  const declared = lines.map((line): { entries: number; reason: string } => JSON.parse(line));
  assert.equal(declared.reduce((sum, { entries }) => sum + entries, 0), down.lostRetention.entries);
  await outage.stop();
});
