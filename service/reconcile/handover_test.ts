import assert from "node:assert/strict";
import { test } from "node:test";
import { type Custody, custodyOf, handoverTimingDefault, type Holding, nextLookMs, scraperAt } from "./handover.ts";

const timing = handoverTimingDefault;
const lingerMs = 3000;
const atMs = 1_000_000;
const holdings: readonly Holding[] = [
  { collector: "a", fromMs: null, untilMs: atMs },
  { collector: "b", fromMs: atMs, untilMs: null },
];
const underWay: Custody = { owner: "b", handover: { from: "a", to: "b", atMs } };
const steady = (owner: string): Custody => ({ owner, handover: null });

interface Known {
  readonly dead?: string;
  readonly confirmed?: string;
}

function check(nowMs: number, { dead = "", confirmed = "" }: Known, want: Custody, held = holdings): void {
  const knows = (name: string) => confirmed.includes(name);
  const peers = { mayScrape: (name: string) => dead !== name, hasConfirmed: knows, hasConfirmedMoment: knows };
  assert.deepEqual(custodyOf(held, peers, nowMs, lingerMs, timing), want);
}

test("a handover stands while there is time to confirm it, and when both have", () => {
  check(atMs - timing.decideMs - 1, {}, underWay);
  check(atMs - timing.decideMs, { confirmed: "ab" }, underWay);
  check(atMs - 1, { confirmed: "ab" }, underWay);
});

test("who cannot confirm gets nothing: the target stays where it was", () => {
  check(atMs - timing.decideMs, { confirmed: "a" }, steady("a"));
  check(atMs - timing.decideMs, { confirmed: "b" }, steady("a"));
  check(atMs - timing.callOffMs, {}, steady("a"));
});

test("what was not called off in time is left alone", () => {
  check(atMs - timing.callOffMs + 1, {}, underWay);
});

test("after its moment a handover stays until the old owner's last scrape has ended", () => {
  check(atMs, { confirmed: "b" }, underWay);
  check(atMs + lingerMs - 1, { confirmed: "b" }, underWay);
  check(atMs + lingerMs, { confirmed: "b" }, steady("b"));
});

test("a target goes back when the new owner never confirmed", () => {
  check(atMs + lingerMs, { confirmed: "a" }, underWay);
  check(atMs + lingerMs + timing.patienceMs, { confirmed: "a" }, steady("a"));
});

test("what a dead collector had goes on at once, and nothing is handed over to one", () => {
  check(atMs - 9000, { dead: "a" }, steady("b"));
  check(atMs - 1, { dead: "b" }, steady("a"));
  check(atMs + 1, { dead: "b" }, steady("b"));
});

test("of half a handover whoever scrapes now stays the owner", () => {
  const a = { collector: "a", fromMs: null, untilMs: null };
  check(atMs - 1, {}, steady("a"), [a]);
  check(atMs - 1, {}, steady("a"), [{ ...a, untilMs: atMs }]);
  check(atMs - 1, {}, steady("b"), [{ collector: "b", fromMs: atMs, untilMs: null }]);
  check(atMs - 1, {}, steady("a"), [a, { collector: "b", fromMs: atMs, untilMs: null }]);
  check(atMs + 1, {}, steady("a"), [a, { collector: "b", fromMs: atMs, untilMs: null }]);
  const past = atMs - 50_000;
  check(atMs - 1, {}, steady("c"), [
    { collector: "b", fromMs: atMs, untilMs: null },
    { collector: "c", fromMs: past, untilMs: null },
  ]);
  check(atMs - 1, {}, steady("c"), [
    { collector: "a", fromMs: null, untilMs: past },
    { collector: "c", fromMs: null, untilMs: atMs },
  ]);
});

test("each verdict has its moment", () => {
  const looks: number[] = [];
  for (let nowMs = atMs - 10_000; looks.length < 4;) {
    nowMs = nextLookMs({ from: "a", to: "b", atMs }, nowMs, lingerMs, timing);
    looks.push(nowMs - atMs);
  }
  assert.deepEqual(looks, [-timing.decideMs, 0, lingerMs, lingerMs + timing.patienceMs]);
});

test("the old owner scrapes before the moment, the new one from it", () => {
  assert.deepEqual([scraperAt(underWay, atMs - 1), scraperAt(underWay, atMs), scraperAt(steady("c"), 0)], [
    "a",
    "b",
    "c",
  ]);
});
