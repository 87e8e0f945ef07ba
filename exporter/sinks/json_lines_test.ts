import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonSample } from "../../core/exposition/json_sample.ts";
import type { Batch } from "../sink.ts";
import { makeStale, testBatch, testOpaque, testScrape, testScrapeOf, testTarget, testTimeMs } from "./batch_testing.ts";
import { JsonLines } from "./json_lines.ts";
import { materializeLabels, withoutName } from "./materialize.ts";

function linesOf(batch: Batch, members?: string): string[] {
  const text = [...new JsonLines().of(batch, members)].map((piece) => piece.text).join("");
  return text === "" ? [] : text.slice(0, -1).split("\n");
}

test("a sample is one line, with the labels of its target", () => {
  const scrape = testScrape([[{ name: "up", labels: { a: `"q"\n` }, value: 1.5 }]]);
  assert.deepEqual(linesOf(testBatch([scrape])), [
    `{"name":"up","labels":{"a":"\\"q\\"\\n","instance":"10.0.0.1:9100","job":"shop"},`
    + `"value":1.5,"timestampMs":${testTimeMs}}`,
  ]);
});

test("what JSON has no number for is a string, minus zero keeps its sign, and a staleness marker is told", () => {
  const values = [NaN, Infinity, -Infinity, -0, 1e300, 0];
  const scrape = testScrape([values.map((value, index) => ({ name: `m${index}`, value }))]);
  makeStale(scrape, 5);
  const got = linesOf(testBatch([scrape])).map((line) => /"value":(.*),"timestampMs"/.exec(line)?.[1]);
  assert.deepEqual(got, [`"NaN"`, `"+Inf"`, `"-Inf"`, "-0", "1e+300", `"NaN","stale":true`]);
});

test("a sample's own time wins over the scrape's", () => {
  const samples = [{ name: "a", value: 1, timestampMs: 5 }, { name: "b", value: 2 }];
  const times = linesOf(testBatch([testScrape([samples])])).map((line) => /(\d+)}$/.exec(line)?.[1]);
  assert.deepEqual(times, ["5", String(testTimeMs)]);
});

test("lines are those of jsonSample, whatever names and labels hold", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 8 });
  const sample = fc.record({
    name: text,
    labels: fc.dictionary(text.filter((name) => name !== "__name__" && name !== ""), text),
    value: fc.double(),
  });
  fc.assert(fc.property(fc.array(sample, { minLength: 1, maxLength: 4 }), (samples) => {
    const target = testTarget({ job: "shop", empty: "" });
    const scrape = testScrape([samples], { target });
    const want = samples.map(({ name, value }, index) => {
      const series = scrape.blocks[0]?.series[index] ?? { name, labels: [] };
      const labels = withoutName(materializeLabels(series, target.shape));
      return jsonSample({ name, labels, value, timestampMs: testTimeMs });
    });
    assert.deepEqual(linesOf(testBatch([scrape])), want);
  }));
});

test("a large batch comes in pieces of whole lines that are counted", () => {
  const pieces = [...new JsonLines().of(testBatch([testScrapeOf("m", 10_000)]))];
  assert.ok(pieces.length > 2);
  assert.equal(pieces.reduce((sum, piece) => sum + piece.count, 0), 10_000);
  assert.ok(pieces.every((piece) => piece.text.endsWith("}\n") && piece.text.split("\n").length - 1 === piece.count));
});

test("further members stand in every line", () => {
  const lines = linesOf(testBatch([testScrapeOf("m", 2)], [testOpaque("{}")]), `,"reason":"no"`);
  assert.deepEqual(lines.map((line) => line.slice(-15)), Array(3).fill(`,"reason":"no"}`));
});

test("an opaque record keeps its JSON as it came, every digit of it", () => {
  const json = `{"dataid": 1, "big": 12345678901234567890}`;
  const [line] = linesOf(testBatch([], [testOpaque(json, 7, 9)]));
  assert.equal(line, `{"dataId":7,"timestampMs":9,"record":${json}}`);
});

test("an opaque record with line breaks becomes one line", () => {
  const [line, ...more] = linesOf(testBatch([], [testOpaque(`{\n  "a": "b\\nc"\r\n}`, 7, 9)]));
  assert.equal(line, `{"dataId":7,"timestampMs":9,"record":{"a":"b\\nc"}}`);
  assert.deepEqual(more, []);
});

test("an opaque record that is no JSON is a string, and one that is no text is base64", () => {
  const batch = testBatch([], [testOpaque("up 1\n", 7, 9), testOpaque(Uint8Array.of(0xff, 0x00), 7, 9)]);
  assert.deepEqual(linesOf(batch), [
    `{"dataId":7,"timestampMs":9,"record":"up 1\\n"}`,
    `{"dataId":7,"timestampMs":9,"record":"/wA=","encoding":"base64"}`,
  ]);
});

test("a record that is nested very deep is one line of JSON, as a string where it cannot be written again", () => {
  const deep = `${"[".repeat(200_000)}\n${"]".repeat(200_000)}`;
  const lines = linesOf(testBatch([], [testOpaque(deep)]));
  assert.equal(lines.length, 1);
  const { record } = JSON.parse(lines[0] ?? "") as { record: unknown };
  assert.ok(record === deep || Array.isArray(record));
});
