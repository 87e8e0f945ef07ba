import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { makeExposition, TargetValues } from "./exposition.ts";

/** The value of each series. */
function samplesOf(body: Uint8Array): Map<string, number> {
  const lines = new TextDecoder().decode(body).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [, series = "", value = ""] = /^(bench_\w+\{[^}]+\}) (\S+)$/.exec(line) ?? assert.fail(`no sample: ${line}`);
    return [series, Number(value)];
  }));
}

function scrapes(tag: string, isChurning: boolean, seed = 1): [Map<string, number>, Map<string, number>] {
  const values = new TargetValues(makeExposition(1000, tag, isChurning), seededRandom(seed));
  return [samplesOf(values.next()), samplesOf(values.next())];
}

test("a target exposes its series once each, about 120 bytes a sample", () => {
  const body = new TargetValues(makeExposition(1000, "shop0000", false), seededRandom(1)).next();
  assert.equal(samplesOf(body).size, 1000);
  assert.ok(body.length > 110_000 && body.length < 135_000, `${body.length} bytes`);
});

test("from scrape to scrape gauges jump, counters grow or stay, a fifth never changes", () => {
  const [first, second] = scrapes("shop0000", false);
  let [changed, still] = [0, 0];
  for (const [series, value] of first) {
    const next = second.get(series) ?? assert.fail(`${series} is gone`);
    if (!series.includes("queue_depth")) assert.ok(next >= value, `${series} went from ${value} to ${next}`);
    if (next === value) still++;
    else changed++;
  }
  assert.ok(still > 200 && changed > 400, `${still} still, ${changed} changed`);
});

test("with churn five percent of the series are new in each scrape, without it none", () => {
  for (const [isChurning, want] of [[true, 50], [false, 0]] as const) {
    const [first, second] = scrapes("shop0000", isChurning);
    assert.equal([...second.keys()].filter((series) => !first.has(series)).length, want);
  }
});

test("targets with tags of their own share no series and have the same size; those with one tag share all", () => {
  const [one] = scrapes("shop0001", false, 1);
  const [other] = scrapes("shop0002", false, 2);
  assert.equal([...one.keys()].filter((series) => other.has(series)).length, 0);
  const [same] = scrapes("shop0001", false, 2);
  assert.deepEqual([...same.keys()], [...one.keys()]);
  const size = (tag: string) => makeExposition(1000, tag, false).text.length;
  assert.equal(size("shop0001"), size("shop0002"));
});
