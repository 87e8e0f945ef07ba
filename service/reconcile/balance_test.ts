import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectorStatus } from "../../core/registry/status.ts";
import { balanceByCost, type BalanceInputs, type BalanceMemory, emptyBalanceMemory, unevenMs } from "./balance.ts";

const startMs = 1_800_000_000_000;
const targets = ["m a:1", "m b:1", "m c:1", "m d:1"];

function statusOf(samples: readonly number[], lastScrapeMs: number, health: "up" | "down" = "up"): CollectorStatus {
  return {
    collector: "c-0",
    generation: 1,
    reportedAtMs: lastScrapeMs,
    targets: samples.map((count, index) => ({
      metric: "m",
      address: `${"abcd"[index]}:1`,
      pod: "",
      health,
      lastScrapeMs,
      durationMs: 0,
      samples: count,
      bodyBytes: 0,
      error: "",
    })),
  };
}

function balance(over: Partial<BalanceInputs>) {
  return balanceByCost({
    collectors: ["c-0", "c-1"],
    frequencies: new Map(targets.map((target) => [target, 1])),
    owners: new Map(targets.map((target, index) => [target, `c-${index % 2}`])),
    statuses: [],
    memory: emptyBalanceMemory,
    nowMs: startMs,
    ...over,
  });
}

function sharesOf({ held }: { readonly held: ReadonlyMap<string, readonly string[]> }): string {
  return [...held.values()].map((own) => own.map((target) => target.slice(2, 3)).join("")).join(" ");
}

const uneven = [statusOf([9000, 100, 2000, 100], startMs)];

test("targets stay until the loads have been uneven for a while", () => {
  const first = balance({ statuses: uneven });
  assert.deepEqual([sharesOf(first), first.nextLookMs], ["ac bd", startMs + unevenMs]);
  const { memory } = first;
  assert.equal(sharesOf(balance({ statuses: uneven, memory, nowMs: startMs + unevenMs - 1 })), "ac bd");
  assert.equal(sharesOf(balance({ statuses: uneven, memory, nowMs: startMs + unevenMs })), "a bcd");
});

test("an unevenness that goes by itself moves nothing", () => {
  let memory: BalanceMemory = balance({ statuses: uneven }).memory;
  for (let second = 1; second <= 40; second++) {
    const nowMs = startMs + second * 1000;
    ({ memory } = balance({ statuses: [statusOf([500, 500, 500, 500], nowMs)], memory, nowMs }));
  }
  assert.equal(memory.unevenSinceMs, null);
});

test("one scrape that is out of the ordinary counts for a fifth, and once", () => {
  const even = [statusOf([500, 500, 500, 500], startMs)];
  const { memory } = balance({ statuses: even });
  const before = memory.costs.get("m a:1")?.cost ?? assert.fail();
  const peak = [statusOf([1000, 500, 500, 500], startMs + 1000)];
  const once = balance({ statuses: peak, memory });
  assert.equal(once.memory.costs.get("m a:1")?.cost, before + 100);
  assert.deepEqual(balance({ statuses: peak, memory: once.memory }).memory.costs, once.memory.costs);
});

test("a scrape that failed says nothing of the cost", () => {
  const { memory } = balance({ statuses: [statusOf([500, 500, 500, 500], startMs)] });
  assert.deepEqual(balance({ statuses: [statusOf([0, 0, 0, 0], startMs + 1, "down")], memory }).memory, memory);
});

test("what is scraped more often costs more", () => {
  const frequencies = new Map(targets.map((target, index) => [target, index === 0 ? 1 : 10]));
  const { memory } = balance({ frequencies, statuses: [statusOf([500, 500, 500, 500], startMs)] });
  const cost = (target: string) => memory.costs.get(target)?.cost ?? 0;
  assert.equal(Math.round(cost("m a:1") / cost("m b:1")), 10);
});

test("a new collector gets its share at once", () => {
  const owners = new Map(targets.map((target) => [target, "c-0"]));
  assert.equal(sharesOf(balance({ owners })), "cd ab");
});

test("what is gone is forgotten", () => {
  const { memory } = balance({ statuses: uneven });
  assert.equal(memory.costs.size, 4);
  assert.equal(balance({ memory, frequencies: new Map([["m a:1", 1]]) }).memory.costs.size, 1);
});
