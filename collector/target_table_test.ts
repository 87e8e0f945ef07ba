import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectionTarget } from "../core/config/schema.ts";
import { encodeBlock, encodeTarget } from "../core/protocol/shape.ts";
import { Departures } from "./departures.ts";
import type { LiveSeries, ScrapeResult, TargetScraper } from "./scrape/mod.ts";
import { TargetTable } from "./target_table.ts";
import { testMetric } from "./testing/collections.ts";
import { ManualClock } from "./testing/manual_clock.ts";

const upResult: ScrapeResult = {
  health: "up",
  reason: "",
  startedMs: 1000,
  durationMs: 5,
  samples: 7,
  duplicates: 0,
  nativeHistograms: 0,
  seriesAdded: 7,
  seriesStale: 0,
  limit: null,
  bodyBytes: 70,
  sequence: 3,
};

class FakeScraper implements TargetScraper {
  readonly pending: PromiseWithResolvers<ScrapeResult | null>[] = [];
  closed = false;
  ended = false;
  had: LiveSeries | null = null;
  /** What the scraper before this one had. */
  predecessor: () => LiveSeries | null = () => null;

  scrape(): Promise<ScrapeResult | null> {
    const pending = Promise.withResolvers<ScrapeResult | null>();
    this.pending.push(pending);
    return pending.promise;
  }

  live(): LiveSeries | null {
    return this.had;
  }

  end(): number {
    this.ended = true;
    return 1;
  }

  close(): void {
    this.closed = true;
  }
}

function makeTable() {
  const scrapers: FakeScraper[] = [];
  const duplicates: string[] = [];
  const clock = new ManualClock();
  const departures = new Departures(clock, () => {});
  const table = new TargetTable({
    place: { cluster: "c", namespace: "shop" },
    epoch: 9n,
    makeScraper: (_identity, _metric, _target, predecessor) => {
      const scraper = new FakeScraper();
      scraper.predecessor = predecessor;
      scrapers.push(scraper);
      return scraper;
    },
    onDuplicate: (key) => duplicates.push(key),
    departures,
    nowMs: () => clock.wallMs(),
  });
  return { table, scrapers, duplicates, clock, departures };
}

function assignment(targets: readonly Partial<CollectionTarget>[], fields: Record<string, unknown> = {}) {
  return { generation: 1, metrics: [testMetric({ frequency: 30, ...fields }, targets)] };
}

const a = { address: "10.0.0.1:9100" };
const b = { address: "10.0.0.2:9100", pod: "cart-1" };

test("targets are handed to the schedule with their frequency and bounds", () => {
  const { table } = makeTable();
  const scheduled = table.replace(assignment([a, { ...b, fromMs: 5, untilMs: 9 }]));
  assert.deepEqual(scheduled, [
    { key: "c/shop/cart/10.0.0.1:9100/", frequencyMs: 30_000, fromMs: null, untilMs: null, atOnce: false },
    { key: "c/shop/cart/10.0.0.2:9100/cart-1", frequencyMs: 30_000, fromMs: 5, untilMs: 9, atOnce: false },
  ]);
  assert.deepEqual(table.countByHealth(), { up: 0, down: 0, unknown: 2 });
});

test("what is new or defined anew is to be scraped at once, what was there before is not", () => {
  const { table } = makeTable();
  const atOnce = (generation: number, targets: readonly Partial<CollectionTarget>[], fields = {}) =>
    table.replace({ ...assignment(targets, fields), generation }).map((one) => one.atOnce);
  // After a start nobody knows what is new.
  assert.deepEqual(atOnce(3, [{ ...a, addedIn: 3 }]), [false]);
  assert.deepEqual(atOnce(4, [{ ...a, addedIn: 3 }, { ...b, addedIn: 4 }]), [false, true]);
  assert.deepEqual(atOnce(5, [{ ...a, addedIn: 3 }, { ...b, addedIn: 4 }]), [false, false]);
  assert.deepEqual(atOnce(6, [{ ...a, addedIn: 3 }], { version: "2" }), [true]);
  assert.deepEqual(atOnce(7, [{ ...a, addedIn: 3, untilMs: 9 }], { version: "2" }), [false]);
  // It comes from another collector, which may be dead.
  assert.deepEqual(atOnce(8, [{ ...b, addedIn: 4 }, a], { version: "2" }), [false, false]);
  assert.deepEqual(atOnce(9, [b], { version: "2" }), [false]);
});

test("what does not change keeps its scraper, even if its bounds do", () => {
  const { table, scrapers } = makeTable();
  table.replace(assignment([a, b]));
  table.replace(assignment([b, { ...a, untilMs: 9 }]));
  assert.equal(scrapers.length, 2);
  assert.ok(scrapers.every((scraper) => !scraper.closed));
});

test("a change of the metric or the target makes another scraper, and keeps the status", async () => {
  const { table, scrapers } = makeTable();
  const [one] = table.replace(assignment([a]));
  const scrape = table.scrape(one?.key ?? "");
  scrapers[0]?.pending[0]?.resolve(upResult);
  await scrape;
  table.replace(assignment([a], { uri: "/other" }));
  table.replace(assignment([{ ...a, labels: { app: "x" } }], { uri: "/other" }));
  assert.deepEqual(scrapers.map((scraper) => scraper.closed), [true, true, false]);
  assert.equal(table.statuses()[0]?.health, "up");
});

test("a removed target's scrape ends as it would have, then its scraper is closed", async () => {
  const { table, scrapers } = makeTable();
  const [one] = table.replace(assignment([a]));
  const scrape = table.scrape(one?.key ?? "");
  table.replace(null);
  assert.equal(table.size, 0);
  assert.equal(scrapers[0]?.closed, false);
  scrapers[0]?.pending[0]?.resolve(upResult);
  assert.equal(await scrape, upResult);
  assert.equal(scrapers[0]?.closed, true);
});

test("the status is that of the last scrape", async () => {
  const { table, scrapers } = makeTable();
  const [one] = table.replace(assignment([b]));
  const key = one?.key ?? "";
  const status = { metric: "cart", address: b.address, pod: "cart-1" };
  assert.deepEqual(table.statuses(), [
    { ...status, health: "unknown", lastScrapeMs: 0, durationMs: 0, samples: 0, error: "" },
  ]);
  const outcomes = [upResult, { ...upResult, health: "down", reason: "HTTP 503", startedMs: 2000 } as const];
  for (const [index, outcome] of outcomes.entries()) {
    const scrape = table.scrape(key);
    scrapers[0]?.pending[index]?.resolve(outcome);
    await scrape;
  }
  assert.deepEqual(table.statuses(), [
    {
      ...status,
      health: "down",
      lastScrapeMs: 2000,
      durationMs: 5,
      samples: 0,
      bodyBytes: upResult.bodyBytes,
      epoch: "9",
      sequence: 3,
      error: "HTTP 503",
    },
  ]);
  assert.deepEqual(table.countByHealth(), { up: 0, down: 1, unknown: 0 });
});

test("of a target that is listed twice the first counts", () => {
  const { table, scrapers, duplicates } = makeTable();
  assert.equal(table.replace(assignment([a, { ...a, labels: { x: "1" } }])).length, 1);
  assert.equal(scrapers.length, 1);
  assert.deepEqual(duplicates, ["c/shop/cart/10.0.0.1:9100/"]);
});

test("targets that share an address and ask for different things have scrapers and ticks of their own", async () => {
  const { table, scrapers, duplicates } = makeTable();
  const [x, y] = ["x", "y"].map((target) => ({ ...a, parameters: { target } }));
  const scheduled = table.replace(assignment([x ?? {}, y ?? {}, a, y ?? {}]));
  const key = "c/shop/cart/10.0.0.1:9100/";
  assert.deepEqual(scheduled.map((one) => one.key), [
    `${key} ${a.address}?target=x`,
    `${key} ${a.address}?target=y`,
    key,
  ]);
  assert.deepEqual(duplicates, [`${key} ${a.address}?target=y`]);
  const scrape = table.scrape(`${key} ${a.address}?target=y`);
  scrapers[1]?.pending[0]?.resolve(upResult);
  await scrape;
  assert.deepEqual(table.statuses().map(({ endpoint, health }) => [endpoint, health]), [
    [`${a.address}?target=x`, "unknown"],
    [`${a.address}?target=y`, "up"],
    [undefined, "unknown"],
  ]);
});

test("an unknown target is not scraped, and closing closes all", async () => {
  const { table, scrapers } = makeTable();
  assert.equal(await table.scrape("nobody"), null);
  table.replace(assignment([a, b]));
  table.close();
  assert.deepEqual(scrapers.map((scraper) => scraper.closed), [true, true]);
});

/** What a scraper has after a scrape that began now. */
function liveAt(startedMs: number): LiveSeries {
  const synthetic = encodeBlock({ family: "", type: "unknown", help: "", unit: "" }, [{ name: "up", labels: [] }]);
  return { target: encodeTarget(0, []), blocks: [], sampleTimesMs: null, synthetic, startedMs };
}

test("a removed target's series end two intervals and a tenth after its last scrape", () => {
  const { table, scrapers, clock, departures } = makeTable();
  table.replace(assignment([a, b]));
  const [first, second] = scrapers;
  assert.ok(first !== undefined && second !== undefined);
  first.had = liveAt(clock.wallMs());
  clock.advance(20_000);
  table.replace(assignment([]));
  assert.equal(departures.size, 1, "a target that was never scraped has no series");
  clock.advance(42_999);
  assert.equal(first.ended, false);
  clock.advance(1);
  assert.deepEqual([first.ended, second.ended, departures.size], [true, false, 0]);
});

test("a target that moved to another collector keeps its series", () => {
  const { table, scrapers, clock } = makeTable();
  table.replace(assignment([a]));
  for (const scraper of scrapers) scraper.had = liveAt(clock.wallMs());
  table.replace(assignment([{ ...a, untilMs: clock.wallMs() + 10_000 }]));
  clock.advance(15_000);
  table.replace(assignment([]));
  clock.advance(1_000_000);
  assert.deepEqual(scrapers.map(({ ended }) => ended), [false]);
});

test("a target that is removed before it would have moved is removed", () => {
  const { table, scrapers, clock } = makeTable();
  table.replace(assignment([{ ...a, untilMs: clock.wallMs() + 100_000 }]));
  for (const scraper of scrapers) scraper.had = liveAt(clock.wallMs());
  table.replace(assignment([]));
  clock.advance(63_000);
  assert.equal(scrapers[0]?.ended, true);
});

test("a target that comes back, or is defined anew, goes on with the series that it had", () => {
  const { table, scrapers, clock } = makeTable();
  table.replace(assignment([a]));
  const had = liveAt(clock.wallMs());
  for (const scraper of scrapers) scraper.had = had;
  table.replace(assignment([]));
  clock.advance(30_000);
  table.replace(assignment([a]));
  assert.equal(scrapers[1]?.predecessor(), had);
  table.replace(assignment([a], { honorLabels: true }));
  assert.equal(scrapers.length, 3);
  assert.equal(scrapers[2]?.predecessor(), null, "the second one has not been asked what it had");
  clock.advance(1_000_000);
  assert.deepEqual(scrapers.map(({ ended }) => ended), [false, false, false]);
});

test("a table that is closed ends no series", () => {
  const { table, scrapers, clock } = makeTable();
  table.replace(assignment([a, b]));
  for (const scraper of scrapers) scraper.had = liveAt(clock.wallMs());
  table.replace(assignment([a]));
  table.close();
  clock.advance(1_000_000);
  assert.deepEqual(scrapers.map(({ ended }) => ended), [false, false]);
});
