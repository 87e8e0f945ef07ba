import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { labelList, type Labels } from "./batch_testing.ts";
import { compareUtf8, materializeLabels } from "./materialize.ts";

function materialized(name: string, series: Labels, target: Labels): string {
  const labels = materializeLabels({ name, labels: labelList(series) }, { labels: labelList(target) });
  return labels.map(({ name: label, value }) => `${label}=${value}`).join(" ");
}

test("labels of target and series are joined and sorted, the name among them", () => {
  const got = materialized("http_requests_total", { code: "200", Zone: "a" }, { job: "shop", instance: "i:1" });
  assert.equal(got, "Zone=a __name__=http_requests_total code=200 instance=i:1 job=shop");
});

test("a label of the series wins over the target's", () => {
  assert.equal(materialized("up", { job: "own" }, { job: "shop" }), "__name__=up job=own");
});

test("an empty label of the series removes the target's, and empty labels are dropped", () => {
  assert.equal(materialized("up", { job: "", empty: "" }, { job: "shop", none: "" }), "__name__=up");
});

test("labels are what a map of names gives, the series' last", () => {
  const name = fc.constantFrom("__name__", "a", "b", "c", "d", "\uff21", "\u{1f600}");
  const label = fc.record({ name, value: fc.constantFrom("", "x", "y") }, { noNullPrototype: true });
  const labels = fc.array(label, { maxLength: 7 });
  fc.assert(fc.property(fc.constantFrom("", "up"), labels, labels, (metric, series, target) => {
    const values = new Map(
      [...target, ...series, { name: "__name__", value: metric }].map((one) => [one.name, one.value]),
    );
    const want = [...values].filter(([, value]) => value !== "").toSorted(([a], [b]) => compareUtf8(a, b));
    const got = materializeLabels({ name: metric, labels: series }, { labels: target });
    assert.deepEqual(got.map((one) => [one.name, one.value]), want);
  }));
});

test("names are ordered as their UTF-8 bytes", () => {
  const character = fc.constantFrom("a", "b", "_", "\u00e9", "\ud7ff", "\ue000", "\uff21", "\u{10000}", "\u{1f600}");
  const name = fc.string({ unit: character, maxLength: 4 });
  fc.assert(fc.property(name, name, (a, b) => {
    assert.equal(Math.sign(compareUtf8(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
  }));
  assert.ok(compareUtf8("\u{1F600}", "\uFF21") > 0, "an astral character comes after a full-width letter");
});
