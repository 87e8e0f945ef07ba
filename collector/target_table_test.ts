import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectionTarget } from "../core/config/schema.ts";
import type { ScrapeResult, TargetScraper } from "./scrape/mod.ts";
import { TargetTable } from "./target_table.ts";
import { testMetric } from "./testing/collections.ts";

const upResult: ScrapeResult = {
  health: "up",
  reason: "",
  startedMs: 1000,
  durationMs: 5,
  samples: 7,
  duplicates: 0,
  seriesAdded: 7,
  bodyBytes: 70,
  sequence: 3,
};

class FakeScraper implements TargetScraper {
  readonly pending: PromiseWithResolvers<ScrapeResult | null>[] = [];
  closed = false;

  scrape(): Promise<ScrapeResult | null> {
    const pending = Promise.withResolvers<ScrapeResult | null>();
    this.pending.push(pending);
    return pending.promise;
  }

  close(): void {
    this.closed = true;
  }
}

function makeTable() {
  const scrapers: FakeScraper[] = [];
  const duplicates: string[] = [];
  const table = new TargetTable({
    place: { cluster: "c", namespace: "shop" },
    epoch: 9n,
    makeScraper: () => {
      const scraper = new FakeScraper();
      scrapers.push(scraper);
      return scraper;
    },
    onDuplicate: (key) => duplicates.push(key),
  });
  return { table, scrapers, duplicates };
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

test("an unknown target is not scraped, and closing closes all", async () => {
  const { table, scrapers } = makeTable();
  assert.equal(await table.scrape("nobody"), null);
  table.replace(assignment([a, b]));
  table.close();
  assert.deepEqual(scrapers.map((scraper) => scraper.closed), [true, true]);
});
