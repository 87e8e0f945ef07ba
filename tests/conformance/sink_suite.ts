import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Batch, DeliveryOutcome, Sink } from "../../exporter/sink.ts";
import { makeStale, testBatch, testOpaque, testScrape, testScrapeOf } from "../../exporter/sinks/batch_testing.ts";
import { materializeLabels, withoutName } from "../../exporter/sinks/materialize.ts";

/** A sample as its destination has it. */
export interface ReceivedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: number;
}

/** A sink with a destination of its own that a test can look into and break. */
export interface SinkFixture {
  readonly sink: Sink;
  /** What the destination holds, in the order of its arrival. */
  readonly received: () => Promise<ReceivedSample[]>;
  /** The destination takes nothing more, as when its machine is down or its disk full. */
  readonly breakDestination: () => Promise<void>;
  readonly mendDestination: () => Promise<void>;
  /** Ends the destination; the suite has closed the sink. */
  readonly close: () => Promise<void>;
}

const never = new AbortController().signal;

/**
 * What every sink must do (see exporter/sink.ts). `make` gives a sink whose destination is empty; it must not be told
 * of more than one sink at a time.
 */
export function sinkConformance(name: string, make: () => Promise<SinkFixture>): void {
  async function using(run: (fixture: SinkFixture) => Promise<void>): Promise<void> {
    const fixture = await make();
    try {
      await run(fixture);
    } finally {
      await fixture.sink.close();
      await fixture.close();
    }
  }

  suite(`${name}, as every sink`, () => {
    test("delivers every sample with its labels, value and time", () =>
      using(async ({ sink, received }) => {
        const batch = variedBatch();
        assertDelivered(await sink.deliver(batch, never), batch);
        assert.deepEqual(sorted(await received()), sorted(samplesOf(batch)));
      }));

    test("delivers batches one after the other, those of a series in time order", () =>
      using(async ({ sink, received }) => {
        for (const timeMs of [1000, 2000, 3000]) {
          const batch = testBatch([testScrapeOf("m", 3, timeMs), testScrapeOf("m", 3, timeMs + 500)]);
          assertDelivered(await sink.deliver(batch, never), batch);
        }
        const times = (await received()).filter(({ labels }) => labels["n"] === "1").map((one) => one.timestampMs);
        assert.deepEqual(times, [1000, 1500, 2000, 2500, 3000, 3500]);
      }));

    test("takes the same batch twice without harm", () =>
      using(async ({ sink, received }) => {
        const batch = variedBatch();
        for (const _ of [1, 2]) assertDelivered(await sink.deliver(batch, never), batch);
        const texts = new Set((await received()).map((one) => JSON.stringify(one)));
        assert.deepEqual([...texts].toSorted(), samplesOf(batch).map((one) => JSON.stringify(one)).toSorted());
      }));

    test("delivers what is larger than one request or write", () =>
      using(async ({ sink, received }) => {
        const batch = testBatch([testScrapeOf("wide", 12_000), testScrapeOf("narrow", 1)]);
        assertDelivered(await sink.deliver(batch, never), batch);
        assert.equal((await received()).length, 12_001);
      }));

    test("takes a batch without any sample", () =>
      using(async ({ sink, received }) => {
        assert.equal((await sink.deliver(testBatch([testScrape([[]])]), never)).outcome, "delivered");
        assert.deepEqual(await received(), []);
      }));

    test("accounts for opaque records, taken or not", () =>
      using(async ({ sink }) => {
        const outcome = await sink.deliver(testBatch([], [testOpaque("text"), testOpaque("{}")]), never);
        assert.ok(outcome.outcome === "delivered");
        assert.equal(outcome.records + (outcome.notCarriedRecords ?? 0), 2);
      }));

    test("asks for a retry while the destination is dead, and delivers when it is back", () =>
      using(async ({ sink, received, breakDestination, mendDestination }) => {
        const [before, batch] = [testBatch([testScrapeOf("before", 2)]), variedBatch()];
        assertDelivered(await sink.deliver(before, never), before);
        await breakDestination();
        for (const _ of [1, 2]) {
          const outcome = await sink.deliver(batch, never);
          assert.ok(outcome.outcome === "retry" && outcome.reason !== "", outcome.outcome);
        }
        await mendDestination();
        assertDelivered(await sink.deliver(batch, never), batch);
        assert.deepEqual(sorted(await received()), sorted([...samplesOf(before), ...samplesOf(batch)]));
      }));

    test("settles with a retry when it is aborted", () =>
      using(async ({ sink, received }) => {
        assert.equal((await sink.deliver(variedBatch(), AbortSignal.abort())).outcome, "retry");
        assert.deepEqual(await received(), []);
      }));

    test("closes without having delivered anything", () => using(async () => {}));

    test("has a name and a type", () =>
      using(({ sink }) => {
        assert.match(sink.name, /^[a-z0-9-]+$/);
        assert.match(sink.type, /^[a-z_]+$/);
        return Promise.resolve();
      }));
  });
}

/** Scrapes with all that is hard to carry: odd labels, odd numbers, own times, several families. */
function variedBatch(): Batch {
  const labels = { quote: `"a"\\b\n`, unicode: "温度 \u{1F321}", empty: "", job: "own" };
  const odd = [0, -0, 1e-320, 1.7976931348623157e308, 0.1, 2 ** 53, Infinity, -Infinity, NaN];
  const scrape = testScrape([
    [{ name: "labelled", labels, value: 1 }],
    odd.map((value, index) => ({ name: "odd", labels: { n: String(index) }, value })),
    [{ name: "timed", value: 5, timestampMs: 1_600_000_000_000 }, { name: "old", value: 6, timestampMs: 5 }],
    [{ name: "stale", value: 0 }],
  ]);
  makeStale(scrape, scrape.values.length - 1);
  return testBatch([scrape, testScrapeOf("plain", 3)]);
}

/** What a destination should hold of a batch. */
function samplesOf(batch: Batch): ReceivedSample[] {
  return batch.scrapes.flatMap((scrape) => {
    const series = scrape.blocks.flatMap((block) => block.series);
    return series.map((one, index): ReceivedSample => {
      const own = scrape.sampleTimesMs?.[index] ?? NaN;
      const labels = withoutName(materializeLabels(one, scrape.target)).map((label) => [label.name, label.value]);
      const timestampMs = Number.isNaN(own) ? scrape.timestampMs : own;
      return { name: one.name, labels: Object.fromEntries(labels), value: scrape.values[index] ?? NaN, timestampMs };
    });
  });
}

function assertDelivered(outcome: DeliveryOutcome, batch: Batch): void {
  assert.ok(outcome.outcome === "delivered", JSON.stringify(outcome));
  assert.deepEqual([outcome.samples, outcome.records], [batch.sampleCount, batch.scrapes.length]);
}

function sorted(samples: readonly ReceivedSample[]): ReceivedSample[] {
  const key = ({ name, labels, timestampMs }: ReceivedSample) => `${name} ${timestampMs} ${JSON.stringify(labels)}`;
  return samples.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}
