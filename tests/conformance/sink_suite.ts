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
  /** Whether the destination can hold a sample; what it cannot is to be told as not carried. Default: every one. */
  readonly carries?: (sample: ReceivedSample) => boolean;
  /** Whether `received` tells of a sample that was taken. Default: of every one. */
  readonly shows?: (sample: ReceivedSample) => boolean;
  /** Ends the destination; the suite has closed the sink. */
  readonly close: () => Promise<void>;
}

/**
 * What a destination that answers can be in trouble with:
 *
 * | trouble        | the destination                                              | the sink answers                       |
 * | -------------- | ------------------------------------------------------------ | -------------------------------------- |
 * | `busy`         | wants to be asked again after {@link troubleRetryAfterMs}    | retry, after as long                   |
 * | `failing`      | has an error of its own, which will pass                     | retry                                  |
 * | `refusing`     | finds the batch wrong                                        | rejected, with the destination's words |
 * | `unauthorized` | refuses the credentials                                      | retry, with an alarm                   |
 * | `partial`      | refuses one sample and takes the others                      | delivered, and one sample rejected     |
 * | `endless`      | refuses the batch, in megabytes of words                     | rejected, with the first words         |
 * | `hanging`      | takes the batch and never answers                            | retry                                  |
 * | `slow`         | answers late                                                 | delivered                              |
 * | `cutting`      | is restarted in the middle of a batch                        | retry                                  |
 * | `distrusted`   | has a certificate that is not trusted                        | retry, with an alarm                   |
 */
export type Trouble =
  | "busy"
  | "failing"
  | "refusing"
  | "unauthorized"
  | "partial"
  | "endless"
  | "hanging"
  | "slow"
  | "cutting"
  | "distrusted";

export const troubleRetryAfterMs = 7000;

const never = new AbortController().signal;
/** A sink that was aborted or closed settles within this time. */
const settleMsMax = 1000;

/** What is different for a kind of sink, with the reason. */
export interface SinkTraits {
  /** The destination holds nothing but the newest sample of each series. */
  readonly latestOnly?: string;
  /** The destination cannot be away. */
  readonly neverDead?: string;
}

/**
 * What every sink must do (see exporter/sink.ts). `make` gives a sink whose destination is empty, and in the given
 * trouble until it is mended; it must not be told of more than one sink at a time. `without` names the troubles that
 * this kind of destination cannot have, each with the reason.
 */
export function sinkConformance(
  name: string,
  make: (trouble: Trouble | null) => Promise<SinkFixture>,
  without: Partial<Readonly<Record<Trouble, string>>> = {},
  traits: SinkTraits = {},
): void {
  async function using(
    run: (fixture: SinkFixture) => Promise<void>,
    trouble: Trouble | null = null,
  ): Promise<void> {
    const fixture = await make(trouble);
    try {
      await run(fixture);
    } finally {
      await fixture.sink.close();
      await fixture.close();
    }
  }

  suite(`${name}, as every sink`, () => {
    test("delivers every sample with its labels, value and time", () =>
      using(async ({ sink, received, carries, shows = () => true }) => {
        const batch = variedBatch();
        assertDelivered(await sink.deliver(batch, never), batch, carries);
        assert.deepEqual(sorted(await received()), sorted(samplesOf(batch, carries).filter(shows)));
      }));

    test("delivers batches one after the other, those of a series in time order", () =>
      using(async ({ sink, received }) => {
        for (const timeMs of [1000, 2000, 3000]) {
          const batch = testBatch([testScrapeOf("m", 3, timeMs), testScrapeOf("m", 3, timeMs + 500)]);
          assertDelivered(await sink.deliver(batch, never), batch);
        }
        const times = (await received()).filter(({ labels }) => labels["n"] === "1").map((one) => one.timestampMs);
        assert.deepEqual(times, [1000, 1500, 2000, 2500, 3000, 3500].slice(traits.latestOnly === undefined ? 0 : -1));
      }));

    test("takes the same batch twice without harm", () =>
      using(async ({ sink, received, carries, shows = () => true }) => {
        const batch = variedBatch();
        for (const _ of [1, 2]) assertDelivered(await sink.deliver(batch, never), batch, carries);
        const texts = new Set((await received()).map((one) => JSON.stringify(one)));
        const want = samplesOf(batch, carries).filter(shows);
        assert.deepEqual([...texts].toSorted(), want.map((one) => JSON.stringify(one)).toSorted());
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

    if (traits.neverDead === undefined) {
      test("asks for a retry while the destination is dead, and delivers when it is back", () => using(outlivesDeath));
    }

    test("settles with a retry when it is aborted", () =>
      using(async ({ sink, received }) => {
        assert.equal((await sink.deliver(variedBatch(), AbortSignal.abort())).outcome, "retry");
        assert.deepEqual(await received(), []);
      }));

    test("closes without having delivered anything", () => using(async () => {}));

    for (const [trouble, check] of Object.entries(troubleChecks) as [Trouble, TroubleCheck][]) {
      if (without[trouble] === undefined) test(check.title, () => using(check.run, trouble));
    }

    test("has a name and a type", () =>
      using(({ sink }) => {
        assert.match(sink.name, /^[a-z0-9-]+$/);
        assert.match(sink.type, /^[a-z_]+$/);
        return Promise.resolve();
      }));
  });
}

async function outlivesDeath(fixture: SinkFixture): Promise<void> {
  const { sink, received, breakDestination, mendDestination, carries } = fixture;
  const [before, batch] = [testBatch([testScrapeOf("before", 2)]), variedBatch()];
  assertDelivered(await sink.deliver(before, never), before);
  await breakDestination();
  for (const _ of [1, 2]) {
    const outcome = await sink.deliver(batch, never);
    assert.ok(outcome.outcome === "retry" && outcome.reason !== "", outcome.outcome);
  }
  await mendDestination();
  assertDelivered(await sink.deliver(batch, never), batch, carries);
  assert.deepEqual(sorted(await received()), sorted([...samplesOf(before), ...samplesOf(batch, carries)]));
}

interface TroubleCheck {
  readonly title: string;
  readonly run: (fixture: SinkFixture) => Promise<void>;
}

const troubleChecks: Readonly<Record<Trouble, TroubleCheck>> = {
  busy: {
    title: "waits for a busy destination as long as it says, and delivers then",
    run: recovers((outcome) => assert.ok(outcome.outcome === "retry" && outcome.afterMs === troubleRetryAfterMs)),
  },
  failing: {
    title: "asks for a retry while the destination has an error of its own, and delivers then",
    run: recovers((outcome) => assert.equal(outcome.outcome, "retry")),
  },
  refusing: {
    title: "rejects what the destination finds wrong, with its words, and delivers the next batch",
    run: recovers((outcome) => {
      assert.ok(outcome.outcome === "rejected");
      assert.match(outcome.reason, /this is wrong/);
    }),
  },
  unauthorized: {
    title: "asks for a retry, with an alarm, while its credentials are refused, and delivers then",
    run: recovers((outcome) => assert.ok(outcome.outcome === "retry" && outcome.alarm === true)),
  },
  partial: {
    title: "tells what the destination refused of a batch that it took, and does not send it again",
    run: async ({ sink }) => {
      const batch = testBatch([testScrapeOf("m", 5)]);
      const outcome = await sink.deliver(batch, never);
      assert.ok(outcome.outcome === "delivered", JSON.stringify(outcome));
      assert.deepEqual([outcome.samples, outcome.rejectedSamples], [4, 1]);
      assert.match(outcome.rejectedReason ?? "", /one is wrong/);
    },
  },
  endless: {
    title: "reads only the beginning of an endless answer, and delivers the next batch",
    run: recovers((outcome) => assert.ok(outcome.outcome === "rejected" && outcome.reason.length < 400)),
  },
  hanging: {
    title:
      "asks for a retry when the destination does not answer in time, settles at once when aborted, and delivers then",
    run: async (fixture) => {
      await recovers((outcome) => assert.equal(outcome.outcome, "retry"), async (batch) => {
        const startMs = performance.now();
        const abort = new AbortController();
        const delivering = fixture.sink.deliver(batch, abort.signal);
        abort.abort();
        assert.equal((await delivering).outcome, "retry");
        assert.ok(performance.now() - startMs < settleMsMax);
      })(fixture);
    },
  },
  slow: {
    title: "waits for a slow answer",
    run: recovers((outcome, batch, carries) => assertDelivered(outcome, batch, carries)),
  },
  cutting: {
    title: "asks for a retry when the destination goes away in the middle of a batch, and delivers when it is back",
    run: recovers((outcome) => assert.equal(outcome.outcome, "retry")),
  },
  distrusted: {
    title: "sends nothing to a destination whose certificate is not trusted, and raises an alarm",
    run: async ({ sink, received }) => {
      const outcome = await sink.deliver(variedBatch(), never);
      assert.ok(outcome.outcome === "retry" && outcome.alarm === true, JSON.stringify(outcome));
      assert.deepEqual(await received(), []);
    },
  },
};

/** Delivers in trouble and looks at the outcome, then, when the destination is mended, delivers again. */
function recovers(
  check: (outcome: DeliveryOutcome, batch: Batch, carries: SinkFixture["carries"]) => void,
  meanwhile: (batch: Batch) => Promise<void> = () => Promise.resolve(),
): (fixture: SinkFixture) => Promise<void> {
  return async ({ sink, received, mendDestination, carries }) => {
    const batch = variedBatch();
    check(await sink.deliver(batch, never), batch, carries);
    await meanwhile(batch);
    await mendDestination();
    assertDelivered(await sink.deliver(batch, never), batch, carries);
    // What went well in trouble, too, is there twice.
    const texts = new Set((await received()).map((one) => JSON.stringify(one)));
    assert.deepEqual([...texts].toSorted(), samplesOf(batch, carries).map((one) => JSON.stringify(one)).toSorted());
  };
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
function samplesOf(batch: Batch, carries: SinkFixture["carries"] = () => true): ReceivedSample[] {
  const samples = batch.scrapes.flatMap((scrape) => {
    const series = scrape.blocks.flatMap((block) => block.series);
    return series.map((one, index): ReceivedSample => {
      const own = scrape.sampleTimesMs?.[index] ?? NaN;
      const labels = withoutName(materializeLabels(one, scrape.target)).map((label) => [label.name, label.value]);
      const timestampMs = Number.isNaN(own) ? scrape.timestampMs : own;
      return { name: one.name, labels: Object.fromEntries(labels), value: scrape.values[index] ?? NaN, timestampMs };
    });
  });
  return samples.filter(carries);
}

function assertDelivered(outcome: DeliveryOutcome, batch: Batch, carries?: SinkFixture["carries"]): void {
  assert.ok(outcome.outcome === "delivered", JSON.stringify(outcome));
  const samples = samplesOf(batch, carries).length;
  assert.deepEqual([outcome.samples, outcome.records], [samples, batch.scrapes.length]);
  assert.equal(outcome.notCarriedSamples ?? 0, batch.sampleCount - samples);
}

function sorted(samples: readonly ReceivedSample[]): ReceivedSample[] {
  const key = ({ name, labels, timestampMs }: ReceivedSample) => `${name} ${timestampMs} ${JSON.stringify(labels)}`;
  return samples.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}
