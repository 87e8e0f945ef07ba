import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeTarget } from "../../../core/protocol/shape.ts";
import { labelList, makeStale, testOpaque, testScrape, testTimeMs } from "../batch_testing.ts";
import { expandRecord } from "../expand.ts";
import { ScrapeRecordEncoder } from "./record.ts";

const target = encodeTarget(
  1_500_001,
  labelList({ cluster: "BCS-K8S-00001", namespace: "shop", pod: "cart-0", instance: "10.0.0.1:9100", team: "trade" }),
);

test("a scrape becomes the original's record", () => {
  const scrape = testScrape([[{ name: "up", labels: { job: "cart" }, value: 1 }], [{ name: "x", value: -0.5 }]], {
    target,
  });
  const { texts, samples, notCarriedSamples } = new ScrapeRecordEncoder().encode(scrape);
  const labels = `"cluster":"BCS-K8S-00001","instance":"10.0.0.1:9100"`;
  const rest = `"namespace":"shop","pod":"cart-0","team":"trade"`;
  assert.deepEqual([samples, notCarriedSamples], [2, 0]);
  assert.deepEqual(texts, [
    `{"@timestamp":"2024-05-01T10:00:00.000Z","dataid":1500001,"objmeta":{"name":"cart-0","namespace":"shop",`
    + `"creationTimestamp":"0001-01-01T00:00:00Z","labels":{},"annotations":{},"clusterName":"BCS-K8S-00001",`
    + `"ip":"10.0.0.1"},"prometheus":{"collector":{"metrics":[`
    + `{"key":"up","labels":{${labels},"job":"cart",${rest}},"value":1},`
    + `{"key":"x","labels":{${labels},${rest}},"value":-0.5}]}}}`,
  ]);
});

test("what JSON has no number for is left out and counted, staleness markers too", () => {
  const values = [NaN, Infinity, -Infinity, 0, -0, 1e-320, 7];
  const series = values.map((value, index) => ({ name: "m", labels: { n: String(index) }, value }));
  const scrape = testScrape([series], { target });
  makeStale(scrape, 6);
  const { texts, samples, notCarriedSamples } = new ScrapeRecordEncoder().encode(scrape);
  assert.deepEqual([samples, notCarriedSamples], [3, 4]);
  assert.deepEqual([...(texts[0] ?? "").matchAll(/"value":([^}]+)}/g)].map(([, value]) => value), [
    "0",
    "-0",
    "1e-320",
  ]);
});

test("samples with times of their own go into records of those times", () => {
  const scrape = testScrape([[
    { name: "a", value: 1 },
    { name: "b", value: 2, timestampMs: 5 },
    { name: "c", value: 3 },
    { name: "d", value: 4, timestampMs: 1e17 },
  ]], { target });
  const { texts, notCarriedSamples } = new ScrapeRecordEncoder().encode(scrape);
  assert.deepEqual(
    texts.map((text) => [text.slice(15, 39), [...text.matchAll(/"key":"(.)"/g)].map(([, key]) => key)]),
    [
      [new Date(testTimeMs).toISOString(), ["a", "c"]],
      ["1970-01-01T00:00:00.005Z", ["b"]],
    ],
  );
  assert.equal(notCarriedSamples, 1);
});

test("a scrape without anything to carry is no record", () => {
  assert.deepEqual(new ScrapeRecordEncoder().encode(testScrape([[{ name: "a", value: NaN }]], { target })).texts, []);
});

test("what we read of the original's records is what we write", () => {
  const scrape = testScrape([[{ name: "up", labels: { quote: `"\n\\` }, value: 1 }]], { target });
  const [text = ""] = new ScrapeRecordEncoder().encode(scrape).texts;
  const expanded = expandRecord(testOpaque(text));
  assert.deepEqual(expanded?.samples.map(({ labels, value, timestampMs }) => ({ labels, value, timestampMs })), [{
    labels: labelList({
      __name__: "up",
      cluster: "BCS-K8S-00001",
      instance: "10.0.0.1:9100",
      namespace: "shop",
      pod: "cart-0",
      quote: `"\n\\`,
      team: "trade",
    }),
    value: 1,
    timestampMs: testTimeMs,
  }]);
});
